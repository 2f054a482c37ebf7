// What all pages with a key in front of them do alike: their language, and the words that stand in the HTML.
import { byId, nameButton } from "../dom.ts";
import { type Language, preferredLanguage } from "../texts.ts";
import { fillSiteNav, type PageName } from "./site-nav.ts";

/** Who speaks, and in which language numbers are written. */
export interface Voice<Id extends string> {
  language: Language;
  say: (id: Id, values?: Record<string, string | number>) => string;
}

/** The values of the address bar's hash, `#name=value&…`. A key is never among them. */
export function hashValues(): URLSearchParams {
  return new URLSearchParams(location.hash.slice(1));
}

/** The language that the address asks for, else the browser's. */
export function askedLanguage(): Language {
  const wanted = hashValues().get("lang");
  return wanted === "ko" || wanted === "en" ? wanted : preferredLanguage(navigator.language);
}

export function otherLanguage(language: Language): Language {
  return language === "ko" ? "en" : "ko";
}

/** Says every `data-text` and `data-label` of the HTML. */
export function translateFrame<Id extends string>(page: PageName, { say, language }: Voice<Id>, title: string): void {
  document.documentElement.lang = language;
  document.title = title;
  for (const element of document.querySelectorAll<HTMLElement>("[data-text]")) {
    element.textContent = say(element.dataset["text"] as Id);
  }
  for (const element of document.querySelectorAll<HTMLElement>("[data-label]")) {
    const label = say(element.dataset["label"] as Id);
    if (element instanceof HTMLButtonElement) nameButton(element, label);
    else element.setAttribute("aria-label", label);
  }
  byId("language").lang = otherLanguage(language);
  byId<HTMLAnchorElement>("to-map").href = `./#lang=${language}`;
  fillSiteNav(page, language);
}
