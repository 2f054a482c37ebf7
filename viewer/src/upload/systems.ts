// The coordinate systems that Korean files come in, by what staff call them.
import type { Language } from "../texts.ts";

const SYSTEMS: [code: number, ko: string, en: string][] = [
  [5186, "중부원점 (GRS80, 60만)", "Central belt 2010 (GRS80, N 600 000)"],
  [5185, "서부원점 (GRS80, 60만)", "West belt 2010 (GRS80, N 600 000)"],
  [5187, "동부원점 (GRS80, 60만)", "East belt 2010 (GRS80, N 600 000)"],
  [5188, "동해원점 (GRS80, 60만)", "East Sea belt 2010 (GRS80, N 600 000)"],
  [5179, "UTM-K (GRS80, 국가 단일 좌표계)", "Unified, UTM-K (GRS80)"],
  [4326, "경위도 (WGS 84)", "Longitude and latitude (WGS 84)"],
  [5181, "중부원점 (GRS80, 50만)", "Central belt (GRS80, N 500 000)"],
  [5180, "서부원점 (GRS80, 50만)", "West belt (GRS80, N 500 000)"],
  [5183, "동부원점 (GRS80, 50만)", "East belt (GRS80, N 500 000)"],
  [5184, "동해원점 (GRS80, 50만)", "East Sea belt (GRS80, N 500 000)"],
  [5182, "제주원점 (GRS80, 55만)", "Jeju belt (GRS80, N 550 000)"],
  [5174, "보정 중부원점 (옛 지적도, Bessel)", "Modified central belt (old cadastre, Bessel)"],
  [5173, "보정 서부원점 (Bessel)", "Modified west belt (Bessel)"],
  [5176, "보정 동부원점 (Bessel)", "Modified east belt (Bessel)"],
  [5177, "보정 동해원점 (Bessel)", "Modified East Sea belt (Bessel)"],
  [5175, "보정 제주원점 (Bessel, 55만)", "Modified Jeju belt (Bessel, N 550 000)"],
  [2097, "중부원점 (보정 전, Bessel)", "Central belt (uncorrected, Bessel)"],
  [2098, "서부원점 (보정 전, Bessel)", "West belt (uncorrected, Bessel)"],
  [2096, "동부원점 (보정 전, Bessel)", "East belt (uncorrected, Bessel)"],
  [5178, "UTM-K (Bessel)", "Unified, UTM-K (Bessel)"],
  [3857, "웹 메르카토르", "Web Mercator"],
  [32652, "UTM 52N (WGS 84)", "UTM 52N (WGS 84)"],
];

/** Code and name of each, the likeliest first. */
export function systems(language: Language): [code: string, name: string][] {
  return SYSTEMS.map(([code, ko, en]) => [`EPSG:${code}`, language === "ko" ? ko : en]);
}

/** What `EPSG:<code>` is called, if it is one of these. */
export function systemName(code: string, language: Language): string | null {
  return systems(language).find(([known]) => known === code)?.[1] ?? null;
}

/** A code as the server wants it: `5186` and `epsg:5186` are meant as `EPSG:5186`. */
export function systemCode(text: string): string {
  const digits = /^(?:epsg\s*:?\s*)?(\d{4,6})(?:\s.*)?$/i.exec(text.trim())?.[1];
  return digits ? `EPSG:${digits}` : text.trim();
}
