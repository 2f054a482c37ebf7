// A quantity over a run's time: one number, or rows of times and values that people paste or have in a CSV file.

export const TIME_UNITS = ["min", "h", "s"] as const;
export type TimeUnit = (typeof TIME_UNITS)[number];

export type OverTime =
  /** null: nobody has said yet. */
  | { kind: "constant"; value: number | null }
  /** Values run straight from row to row; the first holds before, the last after. */
  | { kind: "series"; text: string; unit: TimeUnit };

export interface Within {
  least: number;
  most: number;
}

const MINUTES: Record<TimeUnit, number> = { min: 1, h: 60, s: 1 / 60 };
const CLOCK = /^(\d{1,3}):([0-5]\d)(?::([0-5]\d))?$/;
const DATE = /^\d{4}[-./]\d{1,2}[-./]\d{1,2}[T ]\d{1,2}:\d{2}/;

/**
 * Rows of minutes and values of a pasted table, two at least; else the number of the first line that is wrong, from 1.
 * Times are numbers in `unit`, `h:mm`, or dates with times, which count from the first row; a heading may stand first.
 */
export function typedRows(text: string, within: Within, unit: TimeUnit = "min"): [minutes: number, value: number][] | number {
  const rows: [number, number][] = [];
  const lines = text.split(/\r?\n/);
  let zero: number | null = null;
  for (const [index, line] of lines.entries()) {
    if (!line.trim() || line.trim().startsWith("#")) continue;
    const [time = "", ...values] = cells(line);
    const date = dateMinutes(time);
    if (date !== null && rows.length === 0) zero = date;
    const minutes = date === null ? minutesOf(time, unit) : zero === null ? null : date - zero;
    const value = values[0] ? Number(values[0]) : Number.NaN;
    const rises = minutes !== null && minutes > (rows.at(-1)?.[0] ?? Number.NEGATIVE_INFINITY);
    if (rises && values.length === 1 && value >= within.least && value <= within.most) rows.push([minutes, value]);
    else if (rows.length > 0 || minutes !== null) return index + 1;
    // else: a heading
  }
  return rows.length > 1 ? rows : lines.length;
}

/** Commas, semicolons and tabs part cells; where there are none, spaces do (but not those within a date with its time). */
function cells(line: string): string[] {
  const parts = line.trim().split(/[,;\t]/).map((part) => part.trim().replace(/^"(.*)"$/, "$1"));
  if (parts.length > 1) return parts;
  const date = DATE.exec(line.trim())?.[0] ?? "";
  const rest = line.trim().slice(date.length).split(/\s+/);
  return [date + (rest[0] ?? ""), ...rest.slice(1)];
}

/** `90`, or `1:30`: minutes from 0 on. */
function minutesOf(text: string, unit: TimeUnit): number | null {
  const clock = CLOCK.exec(text);
  const minutes = clock ? Number(clock[1]) * 60 + Number(clock[2]) + Number(clock[3] ?? 0) / 60 : Number(text) * MINUTES[unit];
  return text !== "" && Number.isFinite(minutes) && minutes >= 0 ? minutes : null;
}

function dateMinutes(text: string): number | null {
  if (!DATE.test(text)) return null;
  const [, year, month, day, hour, minute, second] = /^(\d{4})[-./](\d{1,2})[-./](\d{1,2})[T ](\d{1,2}):(\d{2})(?::(\d{2}))?/.exec(text) ?? [];
  return Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second ?? 0)) / 60_000;
}

/** The unit that a heading such as `time_h, q` or `시간(분), 유량` names; null where it names none. */
export function headingUnit(text: string): TimeUnit | null {
  const [heading = ""] = cells(text.split(/\r?\n/).find((line) => line.trim()) ?? "");
  if (heading === "" || /^[\d"]/.test(heading)) return null;
  if (/(^|[_\s([])(min|mins|minutes?|분)[)\]]?$/i.test(heading)) return "min";
  if (/(^|[_\s([])(h|hr|hrs|hours?)[)\]]?$/i.test(heading)) return "h";
  return /(^|[_\s([])(s|sec|secs|seconds?|초)[)\]]?$/i.test(heading) ? "s" : null;
}

/** The text of a table's file: UTF-8, else CP949, as Korean spreadsheets save it. */
export function decoded(bytes: ArrayBuffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("euc-kr").decode(bytes); // what browsers read CP949 by
  }
}

export interface Names {
  /** The file's field for one number, and that for rows. */
  number: string;
  rows: string;
}

/** The fields of a scenario file that stand for it; `within` bounds its values. */
export function overTimeMapping(over: OverTime, names: Names, within: Within): Record<string, unknown> {
  if (over.kind === "constant") return { [names.number]: over.value };
  const rows = typedRows(over.text, within, over.unit);
  const inUnit = Array.isArray(rows) ? rows.map(([minutes, value]) => [tidy(minutes / MINUTES[over.unit]), value]) : [];
  return { [names.rows]: inUnit, time_unit: over.unit };
}

/** What a file says as the page edits it; null where it cannot: tables in files, factors, other units. */
export function overTimeOf(said: Record<string, unknown>, names: Names): OverTime | null {
  const { [names.number]: value, [names.rows]: rows, time_unit: given, ...others } = said;
  if (Object.keys(others).length > 0) return null;
  if (typeof value === "number" && rows === undefined && given === undefined) return { kind: "constant", value };
  const unit = TIME_UNITS.find((one) => one === given);
  if (value !== undefined || !unit || !Array.isArray(rows)) return null;
  if (!rows.every((row) => Array.isArray(row) && row.length === 2 && row.every((cell) => typeof cell === "number"))) return null;
  return { kind: "series", unit, text: rows.map((row: number[]) => row.join(", ")).join("\n") };
}

/** The value at a time, minutes: straight between rows, held before and after. */
export function valueAtMinutes(rows: readonly [number, number][], minutes: number): number {
  const after = rows.findIndex(([at]) => at > minutes);
  const [first, last] = [rows[0] as [number, number], rows.at(-1) as [number, number]];
  if (after === 0) return first[1];
  if (after < 0) return last[1];
  const [[a, from], [b, to]] = [rows[after - 1] as [number, number], rows[after] as [number, number]];
  return from + ((to - from) * (minutes - a)) / (b - a);
}

/** The rows from the start to the end of a run of `hours`, with what is held before and after them. */
export function overRun(rows: readonly [number, number][], hours: number): [number, number][] {
  const end = hours * 60;
  const inside = rows.filter(([at]) => at > 0 && at < end);
  return [[0, valueAtMinutes(rows, 0)], ...inside, [end, valueAtMinutes(rows, end)]];
}

/** The exact integral over a run in value × seconds: m³ of m³/s. */
export function integral(rows: readonly [number, number][], hours: number): number {
  const all = overRun(rows, hours);
  return all.slice(1).reduce((sum, [at, value], index) => {
    const [before, earlier] = all[index] as [number, number];
    return sum + ((value + earlier) / 2) * (at - before) * 60;
  }, 0);
}

function tidy(time: number): number {
  return Number(time.toPrecision(10));
}
