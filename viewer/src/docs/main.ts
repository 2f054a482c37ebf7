import "../styles/fonts.css";
import "../styles/tokens.css";
import "../styles/page.css";
import "../styles/site-nav.css";
import "../styles/docs.css";
import { byId, el } from "../dom.ts";
import { storedKey, storeKey } from "../session.ts";
import type { Language } from "../texts.ts";
import { askedLanguage, otherLanguage } from "../ui/office-page.ts";
import { fillSiteNav } from "../ui/site-nav.ts";
import { absolute, pageBase } from "../urls.ts";
import { ApiDescription } from "./openapi.ts";
import { reference } from "./reference.ts";
import { type DocsTextId, speakingDocs } from "./texts.ts";

const base = pageBase(document.baseURI);
let language: Language = askedLanguage();
let api: ApiDescription | null = null;

function show(): void {
  const say = speakingDocs(language);
  document.documentElement.lang = language;
  document.title = say("title");
  for (const element of document.querySelectorAll<HTMLElement>("[data-text]")) {
    element.textContent = say(element.dataset["text"] as DocsTextId);
  }
  byId<HTMLAnchorElement>("to-map").href = `./#lang=${language}`;
  fillSiteNav("docs", language);
  byId("contents").setAttribute("aria-label", say("contents"));
  if (!api) return;
  const { main, contents } = reference(api, base, say, language);
  byId("operations").replaceChildren(...main);
  byId("contents").replaceChildren(...contents);
}

/** What the key is for is what is described. One that is refused gets the description for everybody. */
async function load(): Promise<void> {
  const key = storedKey();
  const asked = (headers: Record<string, string>) => fetch(absolute("/openapi.json", base), { headers });
  const first = await asked(key ? { "X-API-Key": key } : {});
  const response = key && [401, 403].includes(first.status) ? await asked({}) : first;
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  api = new ApiDescription((await response.json()) as Record<string, unknown>);
  show();
}

async function tryLoading(): Promise<void> {
  try {
    await load();
  } catch (error) {
    console.error(error);
    const detail = error instanceof Error ? error.message : String(error);
    byId("operations").replaceChildren(el("p", { class: "bad", role: "alert" }, speakingDocs(language)("failed", { detail })));
  }
}

function wire(): void {
  const key = byId<HTMLInputElement>("key-input");
  key.value = storedKey() ?? "";
  key.addEventListener("change", () => {
    storeKey(key.value.trim() || null);
    void tryLoading();
  });
  byId("language").addEventListener("click", () => {
    language = otherLanguage(language);
    show();
  });
}

wire();
show();
await tryLoading();
document.documentElement.dataset["docsState"] = "ready";
