// The members of an ensemble as a table: what was varied, and what came of it.
import { el } from "../dom.ts";
import { figureTable } from "../twin/dock.ts";
import type { Member, Run } from "./service.ts";
import type { FloodVoice } from "./texts.ts";
import { areaText, metresText } from "./words.ts";

/** A table of the members of a run; nothing where it is no ensemble. */
export function membersPart({ facts }: Run, { say, language }: FloodVoice): HTMLElement[] {
  const members = facts?.members ?? [];
  if (members.length === 0) return [];
  const varied = [...new Set(members.flatMap(({ values }) => Object.keys(values)))];
  const gauges = [...new Set(members.flatMap((one) => Object.keys(one.gauges ?? {})))];
  const heads = [say("member"), ...varied.map(shortPath), say("floodedArea"), say("quantity_depth_m"), ...gauges.map((name) => `${name} ${say("quantity_stage_m")}`)];
  const rows = [...members].sort((a, b) => byValues(a, b, varied)).map(({ name, values, flooded_m2: flooded, max_depth_m: most, gauges: peaks, error }) => [
    name,
    ...varied.map((path) => valueText(values[path])),
    error ? say("memberFailed", { why: error.message }) : areaText(flooded, language),
    metresText(most, language),
    ...gauges.map((gauge) => metresText(peaks?.[gauge]?.max_stage_m, language)),
  ]);
  return [
    el(
      "details",
      { class: "flood-section", open: true },
      el("summary", {}, say("members", { count: members.length })),
      el("p", { class: "quiet" }, say("membersNote")),
      membersTable(figureTable(say("members", { count: members.length }), heads, rows)),
    ),
  ];
}

/** The panel is narrow: names may break. */
function membersTable(table: HTMLElement): HTMLElement {
  table.classList.add("flood-members");
  return table;
}

/** `overrides.P-1.status` as `P-1.status`: enough to know it by. */
function shortPath(path: string): string {
  return path.split(".").slice(-2).join(".");
}

/** Members in the order of what was varied, numbers by their size. */
function byValues(a: Member, b: Member, varied: readonly string[]): number {
  for (const path of varied) {
    const order = valueText(a.values[path]).localeCompare(valueText(b.values[path]), "en", { numeric: true });
    if (order !== 0) return order;
  }
  return a.name.localeCompare(b.name, "en", { numeric: true });
}

function valueText(value: unknown): string {
  if (value === undefined || value === null) return "–";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
