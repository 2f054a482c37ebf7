// The small chart of a hydrograph or of stages in the editor: what holds from the start of the run to its end.
import { svg } from "../dom.ts";
import { roundMarks } from "../twin/scales.ts";
import { overRun } from "./over-time.ts";

const HALF_LABEL = 16; // of the last hour's, which would run over the edge
const SIZE = { width: 320, height: 116, left: 44, right: 8, top: 16, bottom: 26 };

export interface OverTimeChart {
  rows: readonly [minutes: number, value: number][];
  /** How long the run is. */
  hours: number;
  unit: string;
  /** What it says, for those who cannot see it. */
  label: string;
  /** Whether zero is part of the picture. */
  fromZero: boolean;
  language: string;
}

/** Full where rows say it, dashed where the first or the last value is held. */
export function overTimeChart({ rows, hours, unit, label, fromZero, language }: OverTimeChart): SVGSVGElement {
  const end = Math.max(hours * 60, 1 / 60);
  const all = overRun(rows, hours);
  const [low, high] = bounds(all.map(([, value]) => value), fromZero);
  const x = (minutes: number) => SIZE.left + (minutes / end) * (SIZE.width - SIZE.left - SIZE.right);
  const y = (value: number) => SIZE.height - SIZE.bottom - ((value - low) / (high - low)) * (SIZE.height - SIZE.top - SIZE.bottom);
  const path = (points: readonly (readonly [number, number])[]) => points.map(([at, value], index) => `${index === 0 ? "M" : "L"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  const number = (value: number) => value.toLocaleString(language, { maximumFractionDigits: 2 });
  const [first, last] = [Math.min(Math.max(rows[0]?.[0] ?? 0, 0), end), Math.min(rows.at(-1)?.[0] ?? end, end)];
  const said = all.filter(([at]) => at >= first && at <= last);
  const held = [all.filter(([at]) => at <= first), all.filter(([at]) => at >= last)].filter((points) => points.length > 1);
  return svg(
    "svg",
    { class: "hyetograph", viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, role: "img", "aria-label": label },
    ...roundMarks(low, high, 3).flatMap((value) => [
      svg("line", { class: "chart-grid", x1: SIZE.left, x2: SIZE.width - SIZE.right, y1: y(value), y2: y(value) }),
      svg("text", { class: "chart-mark", x: SIZE.left - 5, y: y(value) + 4, "text-anchor": "end" }, number(value)),
    ]),
    ...held.map((points) => svg("path", { class: "over-time-line over-time-held", d: path(points) })),
    ...(said.length > 1 ? [svg("path", { class: "over-time-line", d: path(said) })] : []),
    ...roundMarks(0, end / 60, 5).map((hour) => {
      const at = Math.min(x(hour * 60), SIZE.width - HALF_LABEL);
      return svg("text", { class: "chart-mark", x: at, y: SIZE.height - SIZE.bottom + 14, "text-anchor": "middle" }, `${number(hour)} h`);
    }),
    svg("text", { class: "chart-mark", x: 2, y: 11 }, unit),
  );
}

function bounds(values: readonly number[], fromZero: boolean): [number, number] {
  const low = Math.min(...values, ...(fromZero ? [0] : []));
  const high = Math.max(...values, ...(fromZero ? [0] : []));
  if (high - low < 1e-9) return fromZero ? [0, 1] : [low - 0.5, high + 0.5];
  const room = (high - low) * 0.08;
  return [low === 0 ? 0 : low - room, high === 0 ? 0 : high + room];
}
