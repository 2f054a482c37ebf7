import "../styles/fonts.css";
import "../styles/tokens.css";
import "../styles/page.css";
import "../styles/docs.css";
import { byId, el } from "../dom.ts";
import { storedKey, storeKey } from "../session.ts";
import { type Language, preferredLanguage } from "../texts.ts";
import { absolute, pageBase } from "../urls.ts";
import { ApiDescription } from "./openapi.ts";
import { reference } from "./reference.ts";
import { type DocsTextId, speakingDocs } from "./texts.ts";

const base = pageBase(document.baseURI);
let language: Language = preferredLanguage(navigator.language);
let api: ApiDescription | null = null;

function show(): void {
  const say = speakingDocs(language);
  document.documentElement.lang = language;
  document.title = say("title");
  for (const element of document.querySelectorAll<HTMLElement>("[data-text]")) {
    element.textContent = say(element.dataset["text"] as DocsTextId);
  }
  byId("contents").setAttribute("aria-label", say("contents"));
  if (!api) return;
  const { main, contents } = reference(api, base, say);
  byId("operations").replaceChildren(...main);
  byId("contents").replaceChildren(...contents);
}

async function load(): Promise<void> {
  const response = await fetch(absolute("/openapi.json", base));
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  api = new ApiDescription((await response.json()) as Record<string, unknown>);
  show();
}

function wire(): void {
  const key = byId<HTMLInputElement>("key-input");
  key.value = storedKey() ?? "";
  key.addEventListener("change", () => storeKey(key.value.trim() || null));
  byId("language").addEventListener("click", () => {
    language = language === "ko" ? "en" : "ko";
    show();
  });
}

wire();
show();
try {
  await load();
} catch (error) {
  console.error(error);
  const detail = error instanceof Error ? error.message : String(error);
  byId("operations").replaceChildren(el("p", { class: "bad", role: "alert" }, speakingDocs(language)("failed", { detail })));
}
document.documentElement.dataset["docsState"] = "ready";
