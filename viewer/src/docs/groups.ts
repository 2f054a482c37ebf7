// What the groups of addresses are called, and in which order they stand: maps first, then what looks after them.
import type { Language } from "../texts.ts";

const GROUPS: [tag: string, ko: string, en: string][] = [
  ["tiles", "타일", "Tiles"],
  ["styles", "지도 스타일·범례", "Styles and legends"],
  ["layers", "레이어", "Layers"],
  ["wmts", "WMTS", "WMTS"],
  ["tms", "TMS", "TMS"],
  ["ogc", "OGC API", "OGC API"],
  ["content", "자료 내려받기", "Data as files"],
  ["common", "공통 기능", "Common functions"],
  ["uploads", "올리기", "Handing files in"],
  ["jobs", "작업", "Jobs"],
  ["keys", "키 관리", "Keys"],
  ["usage", "이용 현황", "Usage"],
  ["health", "서버 상태", "Health"],
  ["metrics", "지표", "Metrics"],
  ["pages", "페이지", "Pages"],
];

/** The name of a tag; an unknown one is its own. */
export function groupName(tag: string, language: Language): string {
  const found = GROUPS.find(([known]) => known === tag);
  return found ? found[language === "ko" ? 1 : 2] : tag;
}

/** Where a tag stands; unknown ones, which are maps of some new kind, before what looks after them. */
export function groupPlace(tag: string): number {
  const known = GROUPS.findIndex(([name]) => name === tag);
  return known >= 0 ? known : GROUPS.findIndex(([name]) => name === "uploads") - 0.5;
}
