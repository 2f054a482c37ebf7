// Stacked bars as SVG, drawn at the size that there is. The same figures stand in a table for those who do not see it.
import { el, svg } from "../dom.ts";
import type { Part } from "./series.ts";
import { heights, ticks } from "./series.ts";

export interface ChartPart extends Part {
  label: string;
  /** Number of its colour, `--series-N` of the style sheet. */
  colour: number;
}

export interface Chart {
  title: string;
  description: string;
  buckets: readonly string[];
  parts: readonly ChartPart[];
  /** Under the axis at a stretch, or null where none stands. */
  mark(bucket: string, every: number): string;
  /** A stretch in full. */
  name(bucket: string): string;
  /** How many stretches may lie between two marks. */
  steps: readonly number[];
  value(amount: number): string;
  axis(amount: number): string;
  /** 1, or the power of 1024 that the largest value is written in. */
  unit: number;
}

const HEIGHT = 240;
const MARGIN = { top: 10, right: 6, bottom: 24, left: 56 };
const MARK_ROOM = 56;

/** Draws into `place` now and whenever its width changes; the function returned stops that. */
export function drawChart(place: HTMLElement, chart: Chart): () => void {
  const draw = () => place.replaceChildren(...picture(chart, Math.max(place.clientWidth, 220)));
  const watch = new ResizeObserver(() => {
    if (Number(place.dataset["width"]) !== place.clientWidth) draw();
    place.dataset["width"] = String(place.clientWidth);
  });
  watch.observe(place);
  draw();
  return () => watch.disconnect();
}

function picture(chart: Chart, width: number): Element[] {
  const inner = { width: width - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.top - MARGIN.bottom };
  const all = heights(chart.parts, chart.buckets.length);
  const marks = ticks(Math.max(0, ...all), chart.unit);
  const top = marks.at(-1) ?? 1;
  const y = (amount: number) => MARGIN.top + inner.height * (1 - amount / top);
  const step = inner.width / chart.buckets.length;
  const drawing = svg(
    "svg",
    { class: "chart", viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": chart.title },
    svg("title", {}, chart.title),
    svg("desc", {}, chart.description),
    ...marks.flatMap((amount) => gridLine(y(amount), width, chart.axis(amount))),
    ...bars(chart.parts, step, y),
    ...timeMarks(chart, step),
  );
  return [drawing, tip(drawing, chart, all, step, width)];
}

function gridLine(y: number, width: number, words: string): SVGElement[] {
  const line = svg("line", { class: "chart-grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y, y2: y });
  return [line, svg("text", { class: "chart-mark", x: MARGIN.left - 8, y: y + 4, "text-anchor": "end" }, words)];
}

/** One path a part: hundreds of bars are one element. */
function bars(all: readonly ChartPart[], step: number, y: (amount: number) => number): SVGElement[] {
  const gap = step > 5 ? Math.min(step * 0.2, 8) : step > 2.5 ? 0.5 : 0;
  const below = (all[0]?.values ?? []).map(() => 0);
  return all.map(({ values, colour, label }) => {
    const d = values.map((value, index) => {
      const from = below[index] ?? 0;
      below[index] = from + value;
      if (value === 0) return "";
      const left = MARGIN.left + index * step + gap / 2;
      return `M${left.toFixed(2)} ${y(from).toFixed(2)}H${(left + step - gap).toFixed(2)}V${y(from + value).toFixed(2)}H${left.toFixed(2)}z`;
    });
    return svg("path", { class: `series-${colour}`, d: d.join(""), "data-part": label });
  });
}

function timeMarks({ buckets, steps, mark }: Chart, step: number): SVGElement[] {
  const every = steps.find((count) => count * step >= MARK_ROOM) ?? steps.at(-1) ?? 1;
  return buckets.flatMap((bucket, index) => {
    if (index % every !== 0) return [];
    const x = MARGIN.left + index * step + step / 2;
    const words = mark(bucket, every);
    const anchor = index === 0 && step < MARK_ROOM ? "start" : "middle";
    return [svg("text", { class: "chart-mark", x: anchor === "start" ? MARGIN.left : x, y: HEIGHT - 6, "text-anchor": anchor }, words)];
  });
}

/** What the pointer is over. Those without a pointer have the table. */
function tip(drawing: SVGElement, chart: Chart, all: readonly number[], step: number, width: number): HTMLElement {
  const box = el("div", { class: "chart-tip", "aria-hidden": "true", hidden: true });
  drawing.addEventListener("pointermove", (event) => {
    const index = Math.floor((event.clientX - drawing.getBoundingClientRect().left - MARGIN.left) / step);
    const bucket = chart.buckets[index];
    box.hidden = bucket === undefined;
    if (bucket === undefined) return;
    const rows = chart.parts.filter(({ values }) => (values[index] ?? 0) > 0);
    const lines = rows.map(({ label, colour, values }) =>
      el("li", {}, spot(colour), el("span", {}, label), el("strong", {}, chart.value(values[index] ?? 0))),
    );
    const sum = chart.parts.length === 1 ? [] : [el("strong", {}, chart.value(all[index] ?? 0))];
    box.replaceChildren(el("p", {}, el("span", {}, chart.name(bucket)), ...sum), el("ul", {}, ...lines));
    const left = MARGIN.left + (index + 0.5) * step;
    box.style.left = `${Math.min(Math.max(left, 96), width - 96)}px`;
  });
  drawing.addEventListener("pointerleave", () => (box.hidden = true));
  return box;
}

export function spot(colour: number): HTMLElement {
  return el("span", { class: `spot back-${colour}`, "aria-hidden": "true" });
}
