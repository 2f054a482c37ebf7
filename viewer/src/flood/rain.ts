// Rain: what the page can write down of it, and the hyetograph that it draws of that.
import { typedRows } from "./over-time.ts";

export const PATTERNS = ["huff-1", "huff-2", "huff-3", "huff-4", "alternating-block", "uniform"] as const;
export type Pattern = (typeof PATTERNS)[number];

export type Rain =
  | { kind: "none" }
  | { kind: "uniform"; rate: number }
  | { kind: "design"; depth: number; hours: number; pattern: Pattern }
  | { kind: "series"; text: string }
  /** As a loaded file has it: rasters, gauges, files. */
  | { kind: "file" };

export const RAIN_KINDS = ["none", "uniform", "design", "series"] as const;

/** A stretch of time (minutes) with rain (mm/h). */
export interface Bar {
  from: number;
  to: number;
  rate: number;
}

/** What the reader of scenario files takes for an intensity at most (twin/forcing/hyetograph.py). */
const MOST_MM_H = 10_000;
/** Minutes of an alternating block, and the power of the duration with which the depth grows (twin/forcing/design.py). */
export const BLOCK_MIN = 10;
export const EXPONENT = 0.55;

/** Per cent of the depth that has fallen after each twentieth of the storm (Huff 1967, point rain, medians). */
export const HUFF: Record<string, readonly number[]> = {
  "huff-1": [16, 33, 43, 52, 60, 66, 71, 75, 79, 82, 84, 86, 88, 90, 92, 94, 96, 97, 98],
  "huff-2": [3, 8, 12, 16, 22, 29, 39, 51, 62, 70, 76, 81, 85, 88, 91, 93, 95, 97, 98],
  "huff-3": [3, 6, 9, 12, 15, 19, 23, 27, 32, 38, 45, 57, 70, 79, 85, 89, 92, 95, 97],
  "huff-4": [2, 5, 8, 10, 13, 16, 19, 22, 25, 28, 32, 35, 39, 45, 51, 59, 72, 84, 92],
};

/** The bars of a rain over a run of `hours`; null where the page cannot tell. */
export function hyetograph(rain: Rain, hours: number): Bar[] | null {
  if (rain.kind === "none") return [];
  if (rain.kind === "uniform") return [{ from: 0, to: hours * 60, rate: rain.rate }];
  if (rain.kind === "design") return designBars(rain.depth, rain.hours, rain.pattern);
  if (rain.kind === "series") {
    const rows = typedSeries(rain.text);
    return Array.isArray(rows) ? seriesBars(rows) : null;
  }
  return null;
}

function designBars(depth: number, hours: number, pattern: Pattern): Bar[] {
  if (!(depth > 0 && hours > 0)) return [];
  if (pattern === "uniform") return [{ from: 0, to: hours * 60, rate: depth / hours }];
  if (pattern === "alternating-block") return alternatingBlocks(depth, hours);
  const fallen = [0, ...(HUFF[pattern] as readonly number[]), 100];
  const step = (hours * 60) / 20;
  return Array.from({ length: 20 }, (_, index) => {
    const share = ((fallen[index + 1] as number) - (fallen[index] as number)) / 100;
    return { from: index * step, to: (index + 1) * step, rate: (share * depth) / (step / 60) };
  });
}

/** The largest block in the middle, the others by turns after and before it (Chow, Maidment & Mays 1988, §14.4). */
function alternatingBlocks(depth: number, hours: number): Bar[] {
  const step = Math.min(BLOCK_MIN, hours * 60);
  const count = Math.max(1, Math.round((hours * 60) / step));
  const grown = Array.from({ length: count + 1 }, (_, n) => (n / count) ** EXPONENT);
  const blocks = Array.from({ length: count }, (_, n) => (grown[n + 1] as number) - (grown[n] as number)).sort((a, b) => b - a);
  const centre = Math.min(Math.floor(count / 2), count - 1);
  const order = Array.from({ length: count }, (_, n) => n).sort((a, b) => Math.abs(a - centre) - Math.abs(b - centre) || Number(a < centre) - Number(b < centre));
  const long = (hours * 60) / count;
  const bars: Bar[] = [];
  order.forEach((at, n) => (bars[at] = { from: at * long, to: (at + 1) * long, rate: ((blocks[n] as number) * depth) / (long / 60) }));
  return bars;
}

/** mm in all. */
export function total(bars: readonly Bar[]): number {
  return bars.reduce((sum, { from, to, rate }) => sum + (rate * (to - from)) / 60, 0);
}

/** Rows of minutes and mm/h of a pasted table, two at least; else the number of the first line that is wrong, from 1. */
export function typedSeries(text: string): [minutes: number, rate: number][] | number {
  return typedRows(text, { least: 0, most: MOST_MM_H });
}

/** Each rate holds until the next row's time; the last as long as the one before. */
function seriesBars(rows: readonly [number, number][]): Bar[] {
  return rows.map(([from, rate], index) => {
    const to = rows[index + 1]?.[0] ?? 2 * from - (rows[index - 1]?.[0] ?? from);
    return { from, to, rate };
  });
}

/** The `rain` of a scenario file; null: none. */
export function rainMapping(rain: Rain): Record<string, unknown> | null {
  switch (rain.kind) {
    case "uniform":
      return { uniform_mm_h: rain.rate };
    case "design":
      return { design: { depth_mm: rain.depth, duration_h: rain.hours, pattern: rain.pattern } };
    case "series": {
      const rows = typedSeries(rain.text);
      return { hyetograph: Array.isArray(rows) ? rows : [], kind: "intensity_mm_h", time_unit: "min" };
    }
    default:
      return null;
  }
}

/** A scenario file's `rain` as the page edits it; null where it cannot. */
export function rainOf(said: unknown): Rain | null {
  if (said === undefined || said === null || said === "none") return { kind: "none" };
  if (typeof said !== "object") return null;
  const rain = said as Record<string, unknown>;
  const rows = rain["hyetograph"];
  const inMinutes = rain["kind"] === "intensity_mm_h" && rain["time_unit"] === "min" && Object.keys(rain).length === 3;
  if (Array.isArray(rows) && inMinutes) return { kind: "series", text: rows.map((row) => (row as unknown[]).join(", ")).join("\n") };
  if (Object.keys(rain).length !== 1) return null;
  const rate = rain["uniform_mm_h"];
  if (typeof rate === "number") return { kind: "uniform", rate };
  const { depth_mm: depth, duration_h: hours, pattern, ...more } = (rain["design"] ?? {}) as Record<string, unknown>;
  const known = PATTERNS.find((one) => one === pattern);
  if (typeof depth !== "number" || typeof hours !== "number" || !known || Object.keys(more).length > 0) return null;
  return { kind: "design", depth, hours, pattern: known };
}
