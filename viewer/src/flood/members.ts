// The members of an ensemble: what they came to as a chart by what was varied, and as a table.
import { el } from "../dom.ts";
import { figureTable, tableOnDemand } from "../twin/dock.ts";
import { choice, labelled } from "./fields.ts";
import { type Measure, membersChart, positions } from "./member-charts.ts";
import type { Member, Run } from "./service.ts";
import type { FloodTextId, FloodVoice } from "./texts.ts";
import { areaText, metresText } from "./words.ts";

/** What the reader chose to see of an ensemble; kept while the result is drawn anew. */
export interface MembersView {
  along: string;
  measure: string;
}

/** Charts and a table of the members of a run; nothing where it is no ensemble. */
export function membersPart({ facts }: Run, voice: FloodVoice, view: MembersView): HTMLElement[] {
  const members = facts?.members ?? [];
  if (members.length === 0) return [];
  const { say } = voice;
  const failed = members.filter(({ error }) => error);
  return [
    el(
      "details",
      { class: "flood-section", open: true },
      el("summary", {}, say("members", { count: members.length })),
      el(
        "div",
        { class: "flood-part" },
        el("p", { class: "quiet" }, say("membersNote")),
        ...(failed.length > 0 ? [el("p", { class: "bad" }, say("membersFailed", { count: failed.length }))] : []),
        ...charts(members, voice, view),
        tableOnDemand(say("table"), () => membersTable(members, voice)),
      ),
    ),
  ];
}

function charts(members: readonly Member[], voice: FloodVoice, view: MembersView): HTMLElement[] {
  const { say, language } = voice;
  const varied = variedPaths(members).filter((path) => positions(members, path).length > 1);
  if (varied.length === 0) return []; // named variants that share nothing
  const measures = measuresOf(members, voice);
  if (!varied.includes(view.along)) view.along = varied[0] as string;
  if (!measures.some(({ id }) => id === view.measure)) view.measure = measures[0]?.id ?? "";
  const place = el("div", { class: "flood-chart" });
  const draw = () => {
    const measure = measures.find(({ id }) => id === view.measure);
    if (!measure) return;
    const others = varied.filter((path) => path !== view.along).map((path) => ({ path, words: pathWords(path, voice) }));
    const chart = { members, along: view.along, alongWords: pathWords(view.along, voice), others, measure, language };
    place.replaceChildren(...membersChart({ ...chart, valueText: (value) => valueText(value, voice) }));
  };
  const measure = choice(view.measure, measures.map(({ id, label }) => [id, label] as const), (id) => {
    view.measure = id;
    draw();
  });
  const along = choice(view.along, varied.map((path) => [path, pathWords(path, voice)] as const), (path) => {
    view.along = path;
    draw();
  });
  draw();
  const which = varied.length > 1 ? [labelled("members.along", say("membersAlong"), along)] : [];
  return [el("div", { class: which.length > 0 ? "flood-pair" : "flood-part" }, labelled("members.measure", say("membersMeasure"), measure), ...which), place];
}

function measuresOf(members: readonly Member[], { say }: FloodVoice): Measure[] {
  const gauges = [...new Set(members.flatMap((one) => Object.keys(one.gauges ?? {})))];
  const largest = Math.max(...members.map(({ flooded_m2: flooded }) => flooded ?? 0));
  const [per, unit] = largest >= 1e5 ? [1e6, "km²"] : [1, "m²"];
  return [
    { id: "flooded", label: `${say("floodedArea")} (${unit})`, of: ({ flooded_m2: flooded }) => (flooded === undefined ? null : flooded / per) },
    { id: "deepest", label: `${say("file_max_depth")} (m)`, of: ({ max_depth_m: most }) => most ?? null },
    ...gauges.map((name): Measure => ({ id: `gauge/${name}`, label: `${name}: ${say("peakStage")} (EL m)`, of: ({ gauges: peaks }) => peaks?.[name]?.max_stage_m ?? null })),
  ];
}

function membersTable(members: readonly Member[], voice: FloodVoice): HTMLElement {
  const { say, language } = voice;
  const varied = variedPaths(members);
  const gauges = [...new Set(members.flatMap((one) => Object.keys(one.gauges ?? {})))];
  const heads = [say("member"), ...varied.map((path) => pathWords(path, voice)), say("floodedArea"), say("file_max_depth"), ...gauges.map((name) => `${name} ${say("peakStage")} (EL)`)];
  const rows = [...members].sort((a, b) => byValues(a, b, varied)).map(({ name, values, flooded_m2: flooded, max_depth_m: most, gauges: peaks, error }) => [
    name,
    ...varied.map((path) => valueText(values[path], voice)),
    error ? say("memberFailed", { why: error.message }) : areaText(flooded, language),
    metresText(most, language),
    ...gauges.map((gauge) => metresText(peaks?.[gauge]?.max_stage_m, language)),
  ]);
  const table = figureTable(say("members", { count: members.length }), heads, rows);
  table.classList.add("flood-members"); // the panel is narrow: names may break
  return table;
}

function variedPaths(members: readonly Member[]): string[] {
  return [...new Set(members.flatMap(({ values }) => Object.keys(values)))];
}

const PATHS: readonly [pattern: RegExp, words: FloodTextId, unit: string][] = [
  [/^rain\.design\.depth_mm$/, "vary_depth", "mm"],
  [/^rain\.design\.duration_h$/, "vary_hours", "h"],
  [/^rain\.uniform_mm_h$/, "vary_rate", "mm/h"],
  [/^manning_n$/, "vary_manning", ""],
  [/^infiltration\.curve_number$/, "vary_curve", ""],
  [/^inflows(?:\[(?<of>\d+)\]|\.(?<name>[^.]+))\.discharge_m3_s$/, "vary_discharge", "m³/s"],
  [/^inflows(?:\[(?<of>\d+)\]|\.(?<name>[^.]+))\.factor$/, "vary_factor", "×"],
  [/^boundaries\[(?<of>\d+)\]\.stage_m$/, "vary_stage", "EL m"],
  [/^levee_breaches\[(?<of>\d+)\]\.width_m$/, "vary_width", "m"],
  [/^overrides\.(?<name>[^.]+)\.opening_m$/, "vary_opening", "m"],
  [/^overrides\.(?<name>[^.]+)\.status$/, "vary_status", ""],
];

/** `overrides.P-1.status` as people say it; other paths by their last two steps. */
export function pathWords(path: string, { say }: FloodVoice): string {
  for (const [pattern, words, unit] of PATHS) {
    const found = pattern.exec(path);
    if (!found) continue;
    const of = found.groups?.["name"] ?? (found.groups?.["of"] === undefined ? "" : `${Number(found.groups["of"]) + 1}`);
    return `${of ? `${of} ` : ""}${say(words)}${unit ? ` (${unit})` : ""}`;
  }
  return path.split(".").slice(-2).join(".");
}

/** Members in the order of what was varied, numbers by their size. */
function byValues(a: Member, b: Member, varied: readonly string[]): number {
  for (const path of varied) {
    const order = plainText(a.values[path]).localeCompare(plainText(b.values[path]), "en", { numeric: true });
    if (order !== 0) return order;
  }
  return a.name.localeCompare(b.name, "en", { numeric: true });
}

function valueText(value: unknown, { say }: FloodVoice): string {
  if (value === "normal") return say("works_on");
  return value === "failed" ? say("works_off") : plainText(value);
}

function plainText(value: unknown): string {
  if (value === undefined || value === null) return "–";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
