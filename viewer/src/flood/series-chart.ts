// A chart of figures over a run's time, as SVG, with a rule where the player stands. Read with a pointer or arrow keys.
import { el, svg } from "../dom.ts";
import { roundMarks, runs, type Series } from "../twin/scales.ts";
import { around, sinceStart } from "./clock.ts";

export interface Line {
  label: string;
  times: readonly number[];
  values: Series;
}

export interface SeriesChart {
  title: string;
  /** Name and unit of what is drawn upwards. */
  axis: string;
  axisTime: string;
  cursorName: string;
  language: string;
  lines: readonly Line[];
  /** Whether zero is part of the picture. */
  fromZero: boolean;
  digits: number;
  /** The reader stands at a time. */
  seek?(time: number): void;
}

const MARGIN = { top: 22, right: 12, bottom: 34, left: 46 };
const HEIGHT = 178;
const KEY_STEPS: Record<string, number> = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };

/** The chart in an element, and how to move its rule. */
export class TimeChart {
  readonly element = el("div", { class: "time-chart" });
  private rule: SVGLineElement | null = null;
  private slider: HTMLElement | null = null;
  private width = 0;
  private time = 0;
  private low = 0;
  private high = 1;
  private readonly watch: ResizeObserver;

  constructor(private readonly chart: SeriesChart) {
    this.watch = new ResizeObserver(() => this.element.clientWidth !== this.width && this.draw());
    this.watch.observe(this.element);
    this.draw();
  }

  /** The player stands at `time`. */
  mark(time: number): void {
    this.time = time;
    const at = String(this.x(time));
    this.rule?.setAttribute("x1", at);
    this.rule?.setAttribute("x2", at);
    this.slider?.setAttribute("aria-valuenow", String(Math.round(time)));
    this.slider?.setAttribute("aria-valuetext", this.tell(time));
  }

  end(): void {
    this.watch.disconnect();
  }

  /** What the chart says at a time, as a sentence. */
  private tell(time: number): string {
    const { lines, axis } = this.chart;
    const values = lines.map(({ label, times, values: all }) => `${label} ${this.number(valueAt(times, all, time))}`);
    return `${sinceStart(time)}, ${axis}: ${values.join(", ")}`;
  }

  private number(value: number | null): string {
    const { language, digits } = this.chart;
    if (value === null) return "–";
    return value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  }

  private get range(): [number, number] {
    const xs = this.chart.lines.flatMap(({ times }) => [times[0] ?? 0, times.at(-1) ?? 0]);
    return [Math.min(...xs), Math.max(...xs)];
  }

  private x(time: number): number {
    const [from, to] = this.range;
    return MARGIN.left + ((time - from) / (to - from || 1)) * (Math.max(this.width, 220) - MARGIN.left - MARGIN.right);
  }

  private y(value: number): number {
    return HEIGHT - MARGIN.bottom - ((value - this.low) / (this.high - this.low)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  }

  private draw(): void {
    this.width = this.element.clientWidth;
    const width = Math.max(this.width, 220);
    [this.low, this.high] = bounds(this.chart);
    const { title, axis, axisTime, lines } = this.chart;
    this.rule = svg("line", { class: "time-rule", y1: MARGIN.top - 6, y2: HEIGHT - MARGIN.bottom });
    const drawing = svg(
      "svg",
      { class: "plot", viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": title },
      ...this.rows(width),
      ...this.columns(),
      svg("text", { class: "chart-mark", x: 2, y: 11 }, axis),
      svg("text", { class: "chart-mark", x: width - MARGIN.right, y: HEIGHT - 2, "text-anchor": "end" }, axisTime),
      ...lines.map((line, index) => this.curve(line, index)),
      this.rule,
    );
    this.slider = this.cursor(drawing);
    this.element.replaceChildren(drawing, this.slider);
    this.mark(this.time);
  }

  private rows(width: number): SVGElement[] {
    return roundMarks(this.low, this.high, 4).flatMap((value) => [
      svg("line", { class: "chart-grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: this.y(value), y2: this.y(value) }),
      svg("text", { class: "chart-mark", x: MARGIN.left - 6, y: this.y(value) + 4, "text-anchor": "end" }, value.toLocaleString(this.chart.language)),
    ]);
  }

  private columns(): SVGElement[] {
    const [from, to] = this.range;
    const hours = roundMarks(from / 3600, to / 3600, 5);
    return hours.map((hour) =>
      svg("text", { class: "chart-mark", x: this.x(hour * 3600), y: HEIGHT - MARGIN.bottom + 16, "text-anchor": "middle" }, sinceStart(hour * 3600)),
    );
  }

  private curve({ label, times, values }: Line, index: number): SVGElement {
    const d = runs(times, values)
      .map((run) => run.map(({ x, y }, at) => `${at === 0 ? "M" : "L"}${this.x(x).toFixed(1)} ${this.y(y).toFixed(1)}`).join(""))
      .join("");
    return svg("path", { class: `time-line time-line-${index % 6}`, d, "data-line": label });
  }

  private cursor(drawing: SVGElement): HTMLElement {
    const [from, to] = this.range;
    const { cursorName, seek, lines } = this.chart;
    const slider = el("div", { class: "time-cursor", role: "slider", tabindex: 0, "aria-label": cursorName, "aria-valuemin": from, "aria-valuemax": to });
    const told = el("p", { class: "time-tip", hidden: true, "aria-hidden": "true" });
    slider.append(told);
    const under = (event: MouseEvent) => {
      const share = (event.clientX - drawing.getBoundingClientRect().left - MARGIN.left) / (Math.max(this.width, 220) - MARGIN.left - MARGIN.right);
      return from + Math.min(Math.max(share, 0), 1) * (to - from);
    };
    slider.addEventListener("pointermove", (event) => {
      told.hidden = false;
      told.textContent = this.tell(under(event));
    });
    slider.addEventListener("pointerleave", () => (told.hidden = true));
    slider.addEventListener("click", (event) => seek?.(under(event)));
    slider.addEventListener("keydown", (event) => {
      const step = KEY_STEPS[event.key];
      const stops = lines[0]?.times ?? [];
      const to2 = event.key === "Home" ? from : event.key === "End" ? to : step === undefined ? null : stepped(stops, this.time, step);
      if (to2 === null) return;
      event.preventDefault();
      event.stopPropagation();
      this.mark(to2);
      seek?.(to2);
    });
    return slider;
  }
}

function stepped(stops: readonly number[], time: number, by: number): number {
  const { before } = around(stops, time);
  return stops[Math.min(Math.max(before + by, 0), stops.length - 1)] ?? time;
}

/** A value between output times; null in gaps. */
export function valueAt(times: readonly number[], values: Series, time: number): number | null {
  const { before, after, share } = around(times, time);
  const [a, b] = [values[before] ?? null, values[after] ?? null];
  if (a === null || b === null) return share < 0.5 ? a : b;
  return a + (b - a) * share;
}

function bounds({ lines, fromZero }: SeriesChart): [number, number] {
  const all = lines.flatMap(({ values }) => values.filter((value) => value !== null && Number.isFinite(value)) as number[]);
  const low = Math.min(...(fromZero ? [0] : []), ...(all.length > 0 ? all : [0]));
  const high = Math.max(...(fromZero ? [0] : []), ...(all.length > 0 ? all : [0]));
  if (high - low < 1e-9) return [low, low + 1];
  const room = (high - low) * 0.06;
  return [fromZero && low >= 0 ? 0 : low - room, high + room];
}

/** What the chart's colours stand for. */
export function lineLegend(labels: readonly string[]): HTMLElement {
  return el(
    "ul",
    { class: "plot-legend" },
    ...labels.map((label, index) => el("li", {}, el("span", { class: `key time-key-${index % 6}`, "aria-hidden": "true" }), label)),
  );
}
