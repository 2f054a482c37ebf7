// What an ensemble varies: paths through the scenario file, each with the values that it takes (`vary:`, docs/planners.md).
import type { Draft } from "./draft.ts";
import type { Facility } from "./facilities.ts";

export type Value = number | string | boolean;

export interface Vary {
  /** Through the file, such as `rain.design.depth_mm`. */
  path: string;
  values: Value[];
}

/** As many runs as one file may stand for (twin/scenario/vary.py). */
export const MOST_MEMBERS = 1000;
export const STATES = ["normal", "failed"] as const;

/** Something that the page offers to vary. */
export interface Varied {
  path: string;
  /** What it is: words of the page, by their id; and whose. */
  kind: "depth" | "hours" | "rate" | "manning" | "discharge" | "factor" | "opening" | "status" | "curve" | "stage" | "width" | "other";
  of: string;
  unit: string;
  /** Values to begin with. */
  usual: Value[];
  least: number;
  most: number;
}

/** What can be varied of a draft, in the order of its sections. */
export function variable({ rain, manning, inflows, infiltration, breaches, rest, edges, stages }: Draft, facilities: readonly Facility[], names: (one: Facility) => string): Varied[] {
  const found: Varied[] = [];
  const add = (kind: Varied["kind"], path: string, usual: Value[], unit = "", of = "", least = 0, most = 1e6) => void found.push({ kind, path, usual, unit, of, least, most });
  if (rain.kind === "design") {
    add("depth", "rain.design.depth_mm", around(rain.depth), "mm", "", 0, 2000);
    add("hours", "rain.design.duration_h", around(rain.hours), "h", "", 0.05, 240);
  }
  if (rain.kind === "uniform") add("rate", "rain.uniform_mm_h", around(rain.rate), "mm/h", "", 0, 1000);
  if (infiltration.method === "scs-cn") add("curve", "infiltration.curve_number", [70, 80, 90], "", "", 1, 100);
  inflows.forEach(({ name, discharge }, index) => {
    if (discharge.kind === "series") add("factor", `inflows[${index}].factor`, [0.8, 1, 1.2], "×", name, 0, 1000);
    else add("discharge", `inflows[${index}].discharge_m3_s`, around(discharge.value ?? 100), "m³/s", name);
  });
  openStages(edges, stages).forEach(({ edge, path, value }) => add("stage", path, [value - 0.5, value, value + 0.5], "EL m", edge, -1000, 9000));
  if (rest["manning_n"] === undefined) add("manning", "manning_n", around(manning ?? 0.035), "s·m⁻¹ᐟ³", "", 0.005, 1);
  breaches.forEach(({ levee, width }, index) => add("width", `levee_breaches[${index}].width_m`, around(width), "m", levee, 1, 10000));
  for (const one of facilities) {
    if (one.type === "pump_station" || one.type === "sluice_gate" || one.type === "culvert") add("status", `overrides.${one.id}.status`, [...STATES], "", names(one));
    if (one.type === "sluice_gate") add("opening", `overrides.${one.id}.opening_m`, [0, ...(one.mostOpening ? [round(one.mostOpening / 2), one.mostOpening] : [1])], "m", names(one), 0, one.mostOpening ?? 100);
  }
  return found;
}

/** Edges with one stage for all the time, where the file has them among its boundaries. */
function openStages(edges: Draft["edges"], stages: Draft["stages"]): { edge: string; path: string; value: number }[] {
  const given = (["north", "east", "south", "west"] as const).filter((edge) => edges[edge] !== "closed");
  return given.flatMap((edge, index) => {
    const stage = stages[edge];
    return edges[edge] === "stage" && stage.kind === "constant" && stage.value !== null ? [{ edge, path: `boundaries[${index}].stage_m`, value: stage.value }] : [];
  });
}

/** Three values about one: a fifth less, itself, a fifth more. */
function around(value: number): number[] {
  return [round(value * 0.8), value, round(value * 1.2)];
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}

/** Values as people type them, with commas or spaces between; null where one is none, or not within bounds. */
export function typedValues(text: string, { least, most, kind }: Pick<Varied, "least" | "most" | "kind">): Value[] | null {
  const parts = text.split(/[,;\s]+/).filter(Boolean);
  const values = parts.map((part): Value => {
    const number = Number(part);
    if (!Number.isNaN(number)) return number;
    return part === "true" ? true : part === "false" ? false : part;
  });
  const fits = (value: Value) => (kind === "other" ? true : typeof value === "number" && value >= least && value <= most);
  const different = new Set(values).size === values.length;
  return values.length > 0 && different && values.every(fits) ? values : null;
}

/** How many runs: every combination. */
export function memberCount(vary: readonly Vary[]): number {
  return vary.reduce((count, { values }) => count * values.length, 1);
}

/** The `vary` of a scenario file, where anything varies. */
export function varyMapping(vary: readonly Vary[]): { vary?: Record<string, Value[]> } {
  return vary.length > 0 ? { vary: Object.fromEntries(vary.map(({ path, values }) => [path, values])) } : {};
}

/** A scenario file's `vary` as the page edits it; null where it cannot: named variants, groups as values. */
export function varyOf(said: unknown): Vary[] | null {
  if (typeof said !== "object" || said === null || Array.isArray(said)) return null;
  const plain = (value: unknown): value is Value => ["number", "string", "boolean"].includes(typeof value);
  const entries = Object.entries(said);
  if (!entries.every(([, values]) => Array.isArray(values) && values.length > 0 && values.every(plain))) return null;
  return entries.map(([path, values]) => ({ path, values: values as Value[] }));
}
