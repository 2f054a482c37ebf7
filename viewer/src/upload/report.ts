// The report of a job: what was found in the file, what was decided how, what changes; or why it failed.
import { sizeText } from "../amounts.ts";
import { el } from "../dom.ts";
import type { Language } from "../texts.ts";
import type { Voice as OfficeVoice } from "../ui/office-page.ts";
import type { Changes, Counted, Report } from "./office.ts";
import { inLanguage } from "./reasons.ts";
import type { UploadTextId, UploadTranslate } from "./texts.ts";
import type { Trouble } from "./troubles.ts";

export type Voice = OfficeVoice<UploadTextId>;

type Row = [UploadTextId, (Node | string)[]];

/** One table of facts for each layer of the job. */
export function reports(layers: readonly Report[], voice: Voice): HTMLElement[] {
  if (layers.length === 0) return [el("p", {}, voice.say("reportNothing"))];
  return layers.map((layer) => reportOf(layer, voice));
}

function reportOf(report: Report, voice: Voice): HTMLElement {
  const { say } = voice;
  const version = report.version;
  const name = version === undefined ? report.id : say("reportNewVersion", { id: report.id, version });
  return el("section", { class: "report" }, el("h4", {}, name), facts(report, voice));
}

/** Every fact of a report as a list; what it does not hold is left out. */
export function facts(report: Partial<Report>, voice: Voice): HTMLElement {
  const { say, language } = voice;
  const rows: Row[] = [
    ["reportFeatures", featuresOf(report, voice)],
    ["reportDropped", countedLines(report.features_dropped, voice)],
    ["reportRepaired", countedLines(report.features_repaired, voice)],
    ["reportCrs", crsLines(report, voice)],
    ["reportEncoding", found(report.encoding, report.encoding_how, language)],
    ["reportBounds", report.bounds ? [boundsLine(report.bounds, say)] : []],
    ["reportZooms", report.maxzoom === undefined ? [] : [`${report.minzoom}–${report.maxzoom}`]],
    ["reportTiles", report.tiles ? [tilesLine(report.tiles, report.bytes ?? 0, say, language)] : []],
    ["reportChanges", report.changes ? changeLines(report.changes, voice) : []],
    ["reportWarnings", (report.warnings ?? []).map((text) => server(text, language))],
  ];
  const filled = rows.filter(([, lines]) => lines.length > 0);
  return el("dl", { class: "report-facts" }, ...filled.flatMap(([id, lines]) => row(id, lines, say)));
}

function row(id: UploadTextId, lines: (Node | string)[], say: UploadTranslate): HTMLElement[] {
  return [el("dt", { class: id }, say(id)), el("dd", { class: id }, ...lines.map((line) => el("p", {}, line)))];
}

function featuresOf({ kind, features_read, features_published }: Partial<Report>, { say, language }: Voice): string[] {
  if (kind === "raster" || features_read === undefined || features_published === undefined) return [];
  const [read, published] = [features_read, features_published].map((count) => count.toLocaleString(language));
  return [say("featuresOf", { read: read ?? "", published: published ?? "" })];
}

function countedLines(counts: readonly Counted[] | undefined, { say, language }: Voice): Node[] {
  return (counts ?? []).map(({ reason, count }) => {
    const [before, after] = say("counted", { count: count.toLocaleString(language), reason: "\0" }).split("\0");
    return el("span", {}, before ?? "", server(reason, language), after ?? "");
  });
}

function crsLines({ crs, crs_how, crs_claimed }: Partial<Report>, { say, language }: Voice): Node[] {
  const claimed = crs_claimed && crs_claimed !== crs ? [el("span", { class: "quiet" }, say("crsClaimed", { claimed: crs_claimed }))] : [];
  return [...found(crs, crs_how, language), ...claimed];
}

/** What was found, and how. */
function found(what: string | null | undefined, how: string | null | undefined, language: Language): Node[] {
  if (!what) return [];
  return [el("strong", {}, what), ...(how ? [server(how, language, "quiet")] : [])];
}

/** A text of the server, in the page's language where we know it, else in English. */
function server(text: string, language: Language, kind = ""): HTMLElement {
  const words = inLanguage(text, language);
  return el("span", { lang: words === null ? "en" : null, class: kind || null }, words ?? text);
}

function boundsLine([west, south, east, north]: [number, number, number, number], say: UploadTranslate): string {
  const at = (value: number) => value.toFixed(Math.abs(east - west) < 0.01 ? 5 : 3);
  return say("boundsText", { west: at(west), south: at(south), east: at(east), north: at(north) });
}

function tilesLine(tiles: number, bytes: number, say: UploadTranslate, language: Language): string {
  return say("tilesText", { count: tiles.toLocaleString(language), size: sizeText(bytes, language) });
}

function changeLines(changes: Changes, { say, language }: Voice): Node[] {
  const { added, removed, changed, moved, unchanged } = changes;
  const counts = Object.entries({ added, removed, changed, moved, unchanged });
  const shown = Object.fromEntries(counts.map(([name, count]) => [name, count.toLocaleString(language)]));
  const lines = [say("changesText", shown)];
  if (changes.fields_added.length > 0) lines.push(say("fieldsAdded", { names: changes.fields_added.join(", ") }));
  if (changes.fields_removed.length > 0) lines.push(say("fieldsRemoved", { names: changes.fields_removed.join(", ") }));
  return [...lines.map((line) => el("span", {}, line)), el("span", { class: "quiet" }, say("changesBy", { by: changes.compared_by }))];
}

/** Why it failed: our sentence first, the server's own words folded away. */
export function troubleBox(trouble: Trouble, heading: string, { say }: Voice, ...offers: HTMLElement[]): HTMLElement {
  const box = el("div", { class: "trouble" }, el("h4", {}, heading), el("p", { class: "trouble-words" }, trouble.words), ...offers);
  if (trouble.places.length > 0) box.append(el("p", { class: "quiet" }, `${say("where")}: ${trouble.places.join(" · ")}`));
  if (trouble.detail) {
    const detail = el("details", {}, el("summary", {}, say("detail")), el("p", { lang: "en" }, trouble.detail));
    box.append(detail);
  }
  return box;
}
