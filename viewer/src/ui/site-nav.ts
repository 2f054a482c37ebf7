// The links from page to page. The map has its own in its panel.
import { byId, el } from "../dom.ts";
import type { Language } from "../texts.ts";

export type PageName = "flood" | "upload" | "usage" | "keys" | "docs";

const PAGES: Record<Language, [label: string, names: Record<PageName, string>]> = {
  ko: ["페이지", { flood: "홍수 모의", upload: "올리기·관리", usage: "이용 현황", keys: "API 키", docs: "API 문서" }],
  en: ["Pages", { flood: "Floods", upload: "Upload", usage: "Usage", keys: "API keys", docs: "API docs" }],
};

/** Fills `#site-nav`; the page that one is on is marked. The language goes along. */
export function fillSiteNav(current: PageName, language: Language): void {
  const [label, names] = PAGES[language];
  const nav = byId("site-nav");
  nav.setAttribute("aria-label", label);
  const links = Object.entries(names).map(([name, words]) =>
    el("a", { href: `${name}#lang=${language}`, "aria-current": name === current ? "page" : null }, words),
  );
  nav.replaceChildren(...links);
}
