// Rows of an answer as parts that can be stacked: one value for each stretch of time.
import type { Grain, Metric, Row } from "./ledger.ts";
import { bucketOf } from "./period.ts";

export type StackBy = "function" | "status" | "layer" | "key" | "none";

/** One colour of a chart. `name` is what the rows call it; null stands for all that is left over. */
export interface Part {
  name: string | null;
  values: number[];
  sum: number;
}

/** More colours than this cannot be told apart. */
const MOST_PARTS = 6;

/** The parts, largest first; beyond the sixth they are added up into one. */
export function parts(rows: readonly Row[], buckets: readonly string[], grain: Grain, by: StackBy, metric: Metric): Part[] {
  const places = new Map(buckets.map((bucket, index) => [bucket, index]));
  const found = new Map<string, Part>();
  for (const row of rows) {
    const place = places.get(bucketOf(row[grain], grain));
    if (place === undefined) continue;
    const name = by === "none" ? "" : String(row[by] ?? "");
    const part = found.get(name) ?? { name, values: buckets.map(() => 0), sum: 0 };
    const value = row[metric] ?? 0;
    part.values[place] = (part.values[place] ?? 0) + value;
    part.sum += value;
    found.set(name, part);
  }
  const sorted = [...found.values()].filter(({ sum }) => sum > 0).sort((one, other) => other.sum - one.sum);
  if (sorted.length <= MOST_PARTS) return sorted;
  return [...sorted.slice(0, MOST_PARTS - 1), together(sorted.slice(MOST_PARTS - 1))];
}

function together(rest: readonly Part[]): Part {
  const first = rest[0]?.values ?? [];
  const values = first.map((_, index) => rest.reduce((sum, part) => sum + (part.values[index] ?? 0), 0));
  return { name: null, values, sum: rest.reduce((sum, part) => sum + part.sum, 0) };
}

/** The height of the whole stack at each stretch. */
export function heights(all: readonly Part[], count: number): number[] {
  return Array.from({ length: count }, (_, index) => all.reduce((sum, { values }) => sum + (values[index] ?? 0), 0));
}

/** Marks for an axis from 0 to at least `most`: three to six round numbers, 0 first. `unit` 1 or a power of 1024. */
export function ticks(most: number, unit = 1): number[] {
  if (most <= 0) return [0, unit];
  const rough = most / unit / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  const whole = unit === 1 ? Math.max(1, step) : step; // there is no half request
  const count = Math.ceil(most / unit / whole);
  return Array.from({ length: count + 1 }, (_, index) => index * whole * unit);
}
