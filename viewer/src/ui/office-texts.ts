// The words that all pages with a key in front of them share.
import type { Language } from "../texts.ts";

const KO = {
  skip: "본문으로 건너뛰기",
  toMap: "지도",
  otherLanguage: "English",
  keyApply: "확인",
  keyRemove: "키 지우기",
  keyChecking: "키를 확인하는 중…",
  loading: "불러오는 중…",
};

const EN: Record<keyof typeof KO, string> = {
  skip: "Skip to content",
  toMap: "Map",
  otherLanguage: "한국어",
  keyApply: "Use",
  keyRemove: "Remove key",
  keyChecking: "Checking the key…",
  loading: "Loading…",
};

/** To be spread into a page's own words. */
export const OFFICE_TEXTS: Record<Language, Record<keyof typeof KO, string>> = { ko: KO, en: EN };
