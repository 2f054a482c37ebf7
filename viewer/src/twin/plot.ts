// A chart of heights along a distance, as SVG at the size that there is: read with a pointer or with arrow keys.
// The same figures stand in a table for those who do not see it.
import { el, svg } from "../dom.ts";
import { type Point, range, roundMarks, runs, type Series, waterBodies } from "./scales.ts";

export interface PlotLine {
  /** Which of the style sheet's lines it is: `plot-line-KIND`. */
  kind: string;
  label: string;
  x: readonly number[];
  y: Series;
  /** Filled down to the foot of the chart. */
  ground?: boolean;
}

export interface PlotMark {
  x: number;
  kind: string;
  /** Over the line; "" for a tick without words. */
  words: string;
  press?: () => void;
}

export interface Plot {
  title: string;
  description: string;
  axisX: string;
  axisY: string;
  language: string;
  lines: readonly PlotLine[];
  /** The lines between which water stands. */
  water?: { x: readonly number[]; bed: Series; surface: Series };
  marks: readonly PlotMark[];
  band: readonly { kind: string; from: number; to: number }[];
  /** Where the cursor may stand, and what is to be read there. */
  stops: readonly number[];
  read(index: number): { place: string; values: readonly { label: string; text: string; kind?: string }[] };
  /** `read` as one sentence. */
  tell(index: number): string;
  cursorName: string;
  /** The cursor stands at a stop, or nowhere. */
  follow(index: number | null): void;
  /** What is said of the scales; null where x is no length. */
  scale: ((times: number) => string) | null;
}

const MARGIN = { top: 38, right: 14, left: 50 };
const FOOT = 38;
const BAND = 14;
const MARK_ROOM = { x: 72, y: 34 };
const NEAR_PX = 12;

interface Frame {
  width: number;
  height: number;
  bottom: number;
  x(value: number): number;
  y(value: number): number;
  xRange: readonly [number, number];
  yRange: readonly [number, number];
}

/** Draws into `place` now and whenever its width changes; the function returned stops that. */
export function drawPlot(place: HTMLElement, plot: Plot): () => void {
  let width = 0;
  const draw = () => {
    width = place.clientWidth;
    place.replaceChildren(...picture(plot, Math.max(width, 260)));
  };
  const watch = new ResizeObserver(() => {
    if (place.clientWidth !== width) draw();
  });
  watch.observe(place);
  draw();
  return () => {
    watch.disconnect();
    plot.follow(null);
  };
}

function picture(plot: Plot, width: number): Element[] {
  const frame = frameOf(plot, width);
  const drawing = svg(
    "svg",
    { class: "plot", viewBox: `0 0 ${width} ${frame.height}`, width, height: frame.height, role: "img", "aria-label": plot.title },
    svg("title", {}, plot.title),
    svg("desc", {}, plot.description),
    ...axes(plot, frame),
    ...plot.lines.filter(({ ground }) => ground).map((line) => ground(line, frame)),
    ...water(plot, frame),
    ...plot.lines.map((line) => curve(line, frame)),
    ...plot.band.map(({ kind, from, to }) => bandPart(kind, frame.x(from), frame.x(to), frame)),
    ...plot.marks.flatMap((mark, index) => markOf(mark, frame, crowd(plot.marks, index, frame))),
  );
  const parts: Element[] = [drawing, ...cursor(plot, frame, drawing)];
  if (plot.scale) parts.push(el("p", { class: "plot-scale quiet" }, plot.scale(times(frame))));
  return parts;
}

function frameOf(plot: Plot, width: number): Frame {
  const height = width < 480 ? 230 : 262;
  const bottom = height - FOOT - (plot.band.length > 0 ? BAND : 0);
  const xs = plot.lines.flatMap(({ x }) => [x[0] ?? 0, x.at(-1) ?? 0]);
  const xRange = [Math.min(...xs), Math.max(...xs)] as const;
  const yRange = range(plot.lines.map(({ y }) => y));
  const across = (width - MARGIN.left - MARGIN.right) / (xRange[1] - xRange[0] || 1);
  const up = (bottom - MARGIN.top) / (yRange[1] - yRange[0]);
  return {
    ...{ width, height, bottom, xRange, yRange },
    x: (value) => MARGIN.left + (value - xRange[0]) * across,
    y: (value) => bottom - (value - yRange[0]) * up,
  };
}

/** How many times as high as long a metre is drawn. */
function times({ x, y }: Frame): number {
  return (y(0) - y(1)) / (x(1) - x(0));
}

function axes({ axisX, axisY, language }: Plot, frame: Frame): SVGElement[] {
  const { width, height, bottom, xRange, yRange } = frame;
  const right = width - MARGIN.right;
  const number = (value: number) => value.toLocaleString(language, { maximumFractionDigits: 2 });
  const rows = roundMarks(...yRange, (bottom - MARGIN.top) / MARK_ROOM.y).flatMap((value) => [
    svg("line", { class: "chart-grid", x1: MARGIN.left, x2: right, y1: frame.y(value), y2: frame.y(value) }),
    svg("text", { class: "chart-mark", x: MARGIN.left - 7, y: frame.y(value) + 4, "text-anchor": "end" }, number(value)),
  ]);
  const columns = roundMarks(...xRange, (right - MARGIN.left) / MARK_ROOM.x).flatMap((value) => [
    svg("line", { class: "plot-tick", x1: frame.x(value), x2: frame.x(value), y1: height - FOOT, y2: height - FOOT + 5 }),
    svg("text", { class: "chart-mark", x: Math.min(frame.x(value), width - 18), y: height - FOOT + 17, "text-anchor": "middle" }, number(value)),
  ]);
  const names = [
    svg("text", { class: "chart-mark plot-axis", x: right, y: height - 4, "text-anchor": "end" }, axisX),
    svg("text", { class: "chart-mark plot-axis", x: 4, y: 12 }, axisY),
  ];
  return [...rows, ...columns, ...names];
}

function ground({ x, y }: PlotLine, frame: Frame): SVGElement {
  const rings = runs(x, y).map((run) => {
    const [first, last] = [run[0] as Point, run.at(-1) as Point];
    return `${path(run, frame)}L${px(frame.x(last.x))} ${frame.bottom}L${px(frame.x(first.x))} ${frame.bottom}z`;
  });
  return svg("path", { class: "plot-ground", d: rings.join("") });
}

function water({ water: body }: Plot, frame: Frame): SVGElement[] {
  if (!body) return [];
  const rings = waterBodies(body.x, body.bed, body.surface).map((ring) => `${path(ring, frame)}z`);
  return [svg("path", { class: "plot-water", d: rings.join("") })];
}

function curve({ kind, label, x, y }: PlotLine, frame: Frame): SVGElement {
  const d = runs(x, y).map((run) => path(run, frame)).join("");
  return svg("path", { class: `plot-line plot-line-${kind}`, d, "data-line": label });
}

function bandPart(kind: string, from: number, to: number, { bottom }: Frame): SVGElement {
  return svg("rect", { class: `plot-band back-${kind}`, x: px(from), y: bottom + 3, width: px(Math.max(to - from, 0.5)), height: BAND - 5 });
}

/** On which side of its line a mark's words stand where a neighbour has words as well. */
function crowd(marks: readonly PlotMark[], index: number, { x: across }: Frame): "end" | "start" | null {
  const close = (other: PlotMark | undefined) => Boolean(other?.words) && Math.abs(across(other?.x ?? 0) - across(marks[index]?.x ?? 0)) < MARK_ROOM.x;
  return close(marks[index + 1]) ? "end" : close(marks[index - 1]) ? "start" : null;
}

function markOf({ x, kind, words }: PlotMark, { x: across, bottom, width }: Frame, side: "end" | "start" | null): SVGElement[] {
  const at = across(x);
  const line = svg("line", { class: `plot-mark plot-mark-${kind}`, x1: at, x2: at, y1: words ? MARGIN.top - 4 : bottom - 9, y2: bottom });
  if (!words) return [line];
  const anchor = side ?? (at > width - 60 ? "end" : at < MARGIN.left + 40 ? "start" : "middle");
  return [line, svg("text", { class: "chart-mark", x: at + (side === "end" ? -3 : side === "start" ? 3 : 0), y: MARGIN.top - 9, "text-anchor": anchor }, words)];
}

function path(points: readonly Point[], { x, y }: Frame): string {
  return points.map((point, index) => `${index === 0 ? "M" : "L"}${px(x(point.x))} ${px(y(point.y))}`).join("");
}

function px(value: number): string {
  return value.toFixed(1);
}

// --- the cursor ----------------------------------------------------------------------------------

const STEPS: Record<string, number> = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };

/** A slider over the chart: what stands at a distance, under a pointer or by arrow keys. */
function cursor(plot: Plot, frame: Frame, drawing: SVGElement): Element[] {
  const most = plot.stops.length - 1;
  if (most < 0) return [];
  const rule = svg("line", { class: "plot-cursor-line", y1: MARGIN.top - 4, y2: frame.bottom, visibility: "hidden" });
  drawing.append(rule);
  const box = el("div", { class: "plot-tip", "aria-hidden": "true", hidden: true });
  const about = { role: "slider", tabindex: 0, "aria-label": plot.cursorName, "aria-valuemin": 0, "aria-valuemax": most };
  const slider = el("div", { class: "plot-cursor", ...about });
  let index = Math.floor(most / 2);
  const name = () => {
    slider.setAttribute("aria-valuenow", String(index));
    slider.setAttribute("aria-valuetext", plot.tell(index));
  };
  const stand = (to: number) => {
    index = Math.min(Math.max(to, 0), most);
    const at = frame.x(plot.stops[index] as number);
    rule.setAttribute("x1", px(at));
    rule.setAttribute("x2", px(at));
    rule.setAttribute("visibility", "visible");
    fillTip(box, plot, index);
    box.hidden = false;
    const half = box.offsetWidth / 2;
    box.style.left = `${Math.min(Math.max(at, half), frame.width - half)}px`;
    name();
    plot.follow(index);
  };
  const leave = () => {
    rule.setAttribute("visibility", "hidden");
    box.hidden = true;
    plot.follow(null);
  };
  const under = (event: MouseEvent) => event.clientX - drawing.getBoundingClientRect().left;
  slider.addEventListener("pointermove", (event) => stand(nearest(plot.stops.map(frame.x), under(event))));
  slider.addEventListener("pointerleave", () => {
    if (document.activeElement !== slider) leave();
  });
  slider.addEventListener("click", (event) => pressNear(plot, frame, under(event)));
  slider.addEventListener("focus", () => stand(index));
  slider.addEventListener("blur", leave);
  slider.addEventListener("keydown", (event) => {
    if (event.key === "Enter") pressNear(plot, frame, frame.x(plot.stops[index] as number), Number.POSITIVE_INFINITY);
    const to = event.key === "Home" ? 0 : event.key === "End" ? most : index + (STEPS[event.key] ?? Number.NaN);
    if (Number.isNaN(to)) return;
    event.preventDefault();
    stand(to);
  });
  name();
  return [slider, box];
}

function fillTip(box: HTMLElement, plot: Plot, index: number): void {
  const { place, values } = plot.read(index);
  const lines = values.map(({ label, text, kind }) => {
    const key = el("span", { class: kind ? `key key-${kind}` : "key", "aria-hidden": "true" });
    return el("li", {}, key, el("span", {}, label), el("strong", {}, text));
  });
  box.replaceChildren(el("p", {}, place), el("ul", {}, ...lines));
}

function pressNear({ marks }: Plot, { x }: Frame, at: number, within = NEAR_PX): void {
  const open = marks.filter(({ press }) => press);
  const mark = open[nearest(open.map((one) => x(one.x)), at)];
  if (mark?.press && Math.abs(x(mark.x) - at) <= within) mark.press();
}

function nearest(places: readonly number[], at: number): number {
  let best = 0;
  places.forEach((place, index) => {
    if (Math.abs(place - at) < Math.abs((places[best] as number) - at)) best = index;
  });
  return best;
}

/** What the colours of lines and band stand for. */
export function plotLegend(entries: readonly { kind: string; label: string; band?: boolean }[]): HTMLElement {
  const items = entries.map(({ kind, label, band }) =>
    el("li", {}, el("span", { class: `key ${band ? `key-band back-${kind}` : `key-${kind}`}`, "aria-hidden": "true" }), label),
  );
  return el("ul", { class: "plot-legend" }, ...items);
}
