// What the members of an ensemble came to, by one of the values that were varied: a point each, lines where only that differs.
import { el, svg } from "../dom.ts";
import { roundMarks } from "../twin/scales.ts";
import { lineLegend } from "./series-chart.ts";
import type { Member } from "./service.ts";

/** A figure of members. */
export interface Measure {
  id: string;
  label: string;
  of(member: Member): number | null;
}

export interface MembersChart {
  members: readonly Member[];
  /** The path along which the chart runs, and what it is called. */
  along: string;
  alongWords: string;
  /** All paths, with their words: those besides `along` tell lines apart. */
  others: readonly { path: string; words: string }[];
  measure: Measure;
  valueText(value: unknown): string;
  language: string;
}

export interface Line {
  label: string;
  points: { at: number; value: number; member: Member }[];
}

const MARGIN = { top: 24, right: 14, bottom: 40, left: 52 };
const SIZE = { width: 340, height: 196 };
/** More lines than this cannot be told apart: their points are drawn without. */
export const MOST_LINES = 6;

/** The different values along a path, numbers by their size, others as they come. */
export function positions(members: readonly Member[], path: string): unknown[] {
  const values = [...new Set(members.map(({ values: said }) => said[path]).filter((value) => value !== undefined))];
  return values.every((value) => typeof value === "number") ? (values as number[]).sort((a, b) => a - b) : values;
}

/** Members in lines: those whose other values are the same, along one path. `at` is a number, or a place in the order. */
export function linesOf({ members, along, others, measure, valueText }: Omit<MembersChart, "alongWords" | "language">): Line[] {
  const order = positions(members, along);
  const numbers = order.every((value) => typeof value === "number");
  const lines = new Map<string, Line>();
  for (const member of members) {
    const value = member.error ? null : measure.of(member);
    const given = member.values[along];
    if (value === null || given === undefined) continue;
    const label = others.map(({ path, words }) => `${words} ${valueText(member.values[path])}`).join(", ");
    const line = lines.get(label) ?? { label, points: [] };
    line.points.push({ at: numbers ? (given as number) : order.indexOf(given), value, member });
    lines.set(label, line);
  }
  for (const { points } of lines.values()) points.sort((a, b) => a.at - b.at);
  return [...lines.values()];
}

/** The chart and, of several lines, what they stand for. */
export function membersChart(chart: MembersChart): HTMLElement[] {
  const lines = linesOf(chart);
  const all = lines.flatMap(({ points }) => points);
  if (all.length === 0) return [];
  const order = positions(chart.members, chart.along);
  const numbers = order.every((value) => typeof value === "number");
  const stops = numbers ? (order as number[]) : order.map((_, index) => index);
  const [left, right] = ends(stops, numbers ? 0.06 : 0.5);
  const [low, high] = ends(all.map(({ value }) => value), 0.1);
  const x = (at: number) => MARGIN.left + ((at - left) / (right - left)) * (SIZE.width - MARGIN.left - MARGIN.right);
  const y = (value: number) => SIZE.height - MARGIN.bottom - ((value - low) / (high - low)) * (SIZE.height - MARGIN.top - MARGIN.bottom);
  const number = (value: number) => value.toLocaleString(chart.language, { maximumFractionDigits: 3 });
  const title = `${chart.measure.label}: ${chart.alongWords}`;
  const drawing = svg(
    "svg",
    { class: "members-chart", viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, role: "img", "aria-label": title },
    ...roundMarks(low, high, 4).flatMap((value) => [
      svg("line", { class: "chart-grid", x1: MARGIN.left, x2: SIZE.width - MARGIN.right, y1: y(value), y2: y(value) }),
      svg("text", { class: "chart-mark", x: MARGIN.left - 6, y: y(value) + 4, "text-anchor": "end" }, number(value)),
    ]),
    ...thinned(stops).map((at) => {
      const index = stops.indexOf(at);
      return svg("text", { class: "chart-mark", x: x(at), y: SIZE.height - MARGIN.bottom + 16, "text-anchor": "middle" }, numbers ? number(at) : chart.valueText(order[index]));
    }),
    svg("text", { class: "chart-mark", x: 2, y: 12 }, chart.measure.label),
    svg("text", { class: "chart-mark", x: SIZE.width - MARGIN.right, y: SIZE.height - 5, "text-anchor": "end" }, chart.alongWords),
    ...lines.flatMap((line, index) => drawn(line, lines.length > MOST_LINES ? -1 : index, x, y, (value) => number(value))),
  );
  const labels = lines.length > 1 && lines.length <= MOST_LINES ? [lineLegend(lines.map(({ label }) => label))] : [];
  const place = el("div", {});
  place.append(drawing);
  return [place, ...labels];
}

/** A line with its points; `index` -1: points alone. */
function drawn({ points, label }: Line, index: number, x: (at: number) => number, y: (value: number) => number, number: (value: number) => string): SVGElement[] {
  const d = points.map(({ at, value }, n) => `${n === 0 ? "M" : "L"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  const kind = index < 0 ? "time-line-0" : `time-line-${index}`;
  const dots = points.map(({ at, value, member }) =>
    svg("circle", { class: `member-dot ${kind}`, cx: x(at), cy: y(value), r: 4 }, svg("title", {}, [member.name, label, number(value)].filter(Boolean).join("\n"))),
  );
  return index < 0 || points.length < 2 ? dots : [svg("path", { class: `time-line ${kind}`, d }), ...dots];
}

/** The span of values with room on both sides, as a share of it. */
function ends(values: readonly number[], room: number): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const span = high - low;
  if (span < 1e-12) {
    const about = Math.max(Math.abs(low) * 0.05, 0.05);
    return [low - about, high + about];
  }
  return [low - span * room, high + span * room];
}

/** At most about seven marks: more would run into one another. */
function thinned(stops: readonly number[]): number[] {
  const every = Math.ceil(stops.length / 7);
  return stops.filter((_, index) => index % every === 0);
}
