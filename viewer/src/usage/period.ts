// Which days are looked at, and the stretches of time that they fall into.
// All of it is the server's calendar: dates and clock times as text, counted on as if they were UTC.
import type { Grain } from "./ledger.ts";

export type PeriodName = "today" | "week" | "month" | "range";

/** Dates `2026-11-23`, both included. */
export interface Period {
  from: string;
  to: string;
}

const DAY_MS = 86_400_000;
const STEP_MS: Record<Exclude<Grain, "month">, number> = { minute: 60_000, hour: 3_600_000, day: DAY_MS };
const LENGTH: Record<Grain, number> = { minute: 16, hour: 16, day: 10, month: 7 };
/** More bars than this would be thinner than a pixel. */
const MOST_BARS = 800;
const MOST_DAYS: Record<Grain, number> = { minute: 1, hour: MOST_BARS / 24, day: MOST_BARS, month: Number.POSITIVE_INFINITY };

/** How many days the ledger keeps what is finer than a day (tileserver/usage/ledger.py). */
const KEPT_DAYS: Partial<Record<Grain, number>> = { minute: 3, hour: 400 };

/** Today's date where the server is. */
export function dateIn(timezone: string, now: Date): string {
  return new Intl.DateTimeFormat("sv-SE", { timeZone: timezone, dateStyle: "short" }).format(now); // Swedes write ISO 8601
}

/** The days that a name stands for; `range` is what was typed, put in order. */
export function periodOf(name: PeriodName, today: string, range: Period): Period {
  if (name === "today") return { from: today, to: today };
  if (name === "week") return { from: dateText(time(today) - 6 * DAY_MS), to: today };
  if (name === "month") return { from: `${today.slice(0, 8)}01`, to: today };
  const [from, to] = [range.from || range.to || today, range.to || range.from || today];
  return from <= to ? { from, to } : { from: to, to: from };
}

export function days({ from, to }: Period): number {
  return Math.round((time(to) - time(from)) / DAY_MS) + 1;
}

/** The grains that a period can be shown in, finest first. */
export function grainsFor(period: Period, today: string): Grain[] {
  const count = days(period);
  const age = days({ from: period.from, to: today });
  const possible = (Object.keys(MOST_DAYS) as Grain[]).filter((grain) => count <= MOST_DAYS[grain] && age <= (KEPT_DAYS[grain] ?? age));
  return possible.filter((grain) => count > 1 || grain === "minute" || grain === "hour");
}

/** The grain that shows a period best: hours of up to eight days, days of up to three months. */
export function bestGrain(period: Period): Grain {
  const count = days(period);
  if (count <= 8) return "hour";
  return count <= 93 ? "day" : "month";
}

/** The beginnings of all stretches of a period: `2026-11-23T09:00`, `2026-11-23` or `2026-11`. */
export function buckets(period: Period, grain: Grain): string[] {
  if (grain === "month") return months(period);
  const [first, end, step] = [time(period.from), time(period.to) + DAY_MS, STEP_MS[grain]];
  const count = Math.round((end - first) / step);
  return Array.from({ length: count }, (_, index) => bucketText(first + index * step, grain));
}

/** The stretch that a row belongs to: what the server wrote, less its zone. */
export function bucketOf(written: string | number | null | undefined, grain: Grain): string {
  return String(written ?? "").slice(0, LENGTH[grain]);
}

function months({ from, to }: Period): string[] {
  const month = (date: string) => Number(date.slice(0, 4)) * 12 + Number(date.slice(5, 7)) - 1;
  const first = month(from);
  return Array.from({ length: month(to) - first + 1 }, (_, index) => {
    const at = first + index;
    return `${String(Math.floor(at / 12)).padStart(4, "0")}-${String((at % 12) + 1).padStart(2, "0")}`;
  });
}

/** A bucket's beginning as milliseconds of a clock that knows no zones. */
export function time(bucket: string): number {
  const whole = bucket.length === 7 ? `${bucket}-01` : bucket;
  return Date.parse(whole.length === 10 ? `${whole}T00:00Z` : `${whole}Z`);
}

function bucketText(ms: number, grain: Grain): string {
  return new Date(ms).toISOString().slice(0, LENGTH[grain]);
}

function dateText(ms: number): string {
  return bucketText(ms, "day");
}
