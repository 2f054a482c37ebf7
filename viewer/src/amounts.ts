// Sizes, moments and counts as the reader's language writes them.
import type { Language } from "./texts.ts";

/** A number of bytes as people say it. */
export function sizeText(bytes: number, language: Language): string {
  const units = ["B", "kB", "MB", "GB"];
  const step = Math.min(units.length - 1, Math.floor(Math.log(Math.max(bytes, 1)) / Math.log(1024)));
  const value = bytes / 1024 ** step;
  return `${value.toLocaleString(language, { maximumFractionDigits: value < 10 && step > 0 ? 1 : 0 })} ${units[step]}`;
}

/** A moment as the reader's calendar and clock have it. */
export function momentText(iso: string, language: Language): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? iso : date.toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
}

/** A count with the digits grouped as the language has it. */
export function countText(count: number, language: Language): string {
  return count.toLocaleString(language);
}
