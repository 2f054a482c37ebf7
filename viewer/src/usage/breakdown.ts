// One dimension as a table whose rows carry bars: the chart and its figures are the same thing.
import { countText, sizeText } from "../amounts.ts";
import { button, el } from "../dom.ts";
import type { Voice } from "../ui/office-page.ts";
import type { Counts, Dimension, Row } from "./ledger.ts";
import { canNarrow } from "./names.ts";
import type { UsageTextId } from "./texts.ts";

const SHOWN_AT_FIRST = 8;

export interface Breakdown {
  dimension: "key" | "layer" | "zoom";
  title: UsageTextId;
  rows: readonly Row[];
  name(dimension: Dimension, value: string): string;
  /** Narrows the page to one value; null where that cannot be. */
  only: ((value: string) => void) | null;
  /** The buttons that save it as a file. */
  files: HTMLElement;
}

export function breakdown(what: Breakdown, voice: Voice<UsageTextId>): HTMLElement {
  const { dimension, title } = what;
  const rows = sorted(what.rows, dimension);
  const id = `by-${dimension}`;
  const head = el("div", { class: "section-head" }, el("h2", { id }, voice.say(title)), what.files);
  const body = el("tbody");
  const section = el("section", { class: "office-section", "aria-labelledby": id, "data-by": dimension }, head);
  section.append(el("div", { class: "table-frame", role: "group", "aria-labelledby": id, tabindex: 0 }, table(body, voice)));
  const fill = (count: number) => body.replaceChildren(...rows.slice(0, count).map((row) => line(row, rows, what, voice)));
  fill(dimension === "zoom" ? rows.length : SHOWN_AT_FIRST);
  if (body.rows.length < rows.length) section.append(showAll(rows.length, fill, body, voice));
  return section;
}

function sorted(rows: readonly Row[], dimension: "key" | "layer" | "zoom"): Row[] {
  if (dimension === "zoom") return [...rows].sort((one, other) => Number(one.zoom ?? -1) - Number(other.zoom ?? -1));
  return [...rows].sort((one, other) => other.requests - one.requests);
}

function table(body: HTMLElement, { say }: Voice<UsageTextId>): HTMLElement {
  const heads: UsageTextId[] = ["requests", "share", "bytes", "errors", "visitors"];
  const cells = heads.map((id) => el("th", { scope: "col", class: "number" }, say(id)));
  return el("table", { class: "figures" }, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, say("name")), ...cells)), body);
}

function line(row: Row, rows: readonly Row[], { dimension, name, only }: Breakdown, voice: Voice<UsageTextId>): HTMLElement {
  const { say, language } = voice;
  const value = String(row[dimension] ?? "");
  const words = name(dimension, value);
  const label = only && canNarrow(value) ? button(words, "name-button", () => only(value)) : el("span", {}, words);
  if (label instanceof HTMLButtonElement) label.title = say("onlyThis", { name: words });
  const most = Math.max(...rows.map(({ requests }) => requests), 1);
  const sum = rows.reduce((all, { requests }) => all + requests, 0);
  const bar = el("span", { class: "bar", "aria-hidden": "true" });
  bar.style.setProperty("--share", String(row.requests / most)); // through the CSSOM: the policy allows no style attributes
  const cells = [countText(row.requests, language), shareText(row.requests, sum, language), ...rest(row, voice)];
  return el("tr", {}, el("th", { scope: "row" }, label, bar), ...cells.map((text) => el("td", { class: "number" }, text)));
}

function rest({ bytes, errors, visitors }: Counts, { say, language }: Voice<UsageTextId>): string[] {
  const seen = visitors === null ? say("notCounted") : countText(visitors, language);
  return [sizeText(bytes, language), countText(errors, language), seen];
}

export function shareText(part: number, whole: number, language: string): string {
  const share = whole > 0 ? part / whole : 0;
  return share.toLocaleString(language, { style: "percent", maximumFractionDigits: share < 0.1 ? 1 : 0 });
}

function showAll(count: number, fill: (count: number) => void, body: HTMLTableSectionElement, { say }: Voice<UsageTextId>): HTMLElement {
  const more = button(say("showAll", { count }), "text-button", () => {
    fill(count);
    more.remove();
    body.rows[SHOWN_AT_FIRST]?.querySelector<HTMLElement>("button")?.focus();
  });
  return more;
}
