// The chart over time with its legend and its table.
import { countText, sizeText } from "../amounts.ts";
import { byId, el } from "../dom.ts";
import type { Language } from "../texts.ts";
import type { Voice } from "../ui/office-page.ts";
import { type Chart, type ChartPart, drawChart, spot } from "./chart.ts";
import type { Grain, Metric, Usage } from "./ledger.ts";
import { colourOf, type Names } from "./names.ts";
import { buckets, type Period, time } from "./period.ts";
import { heights, parts, type StackBy } from "./series.ts";
import type { UsageTextId } from "./texts.ts";

const STEPS: Record<Grain, readonly number[]> = {
  minute: [10, 30, 60, 120, 180, 360],
  hour: [1, 2, 3, 6, 12, 24, 48, 96, 168],
  day: [1, 2, 7, 14, 28, 56, 112],
  month: [1, 2, 3, 6, 12, 24],
};

export interface Shown {
  usage: Usage;
  days: Period;
  grain: Grain;
  split: StackBy;
  metric: Metric;
}

export class Timeline {
  private stop = () => {};
  private table: (() => HTMLElement) | null = null;

  constructor() {
    byId("chart-table").addEventListener("toggle", () => this.fillTable());
  }

  clear(): void {
    this.stop();
    this.table = null;
    for (const id of ["chart", "chart-legend", "chart-figures"]) byId(id).replaceChildren();
  }

  show(shown: Shown, names: Names, voice: Voice<UsageTextId>): void {
    this.clear();
    const chart = chartOf(shown, names, voice);
    byId("chart-table").hidden = chart.parts.length === 0;
    if (chart.parts.length === 0) {
      const apart = shown.usage.rows.length === 0 || shown.usage.rows.some((row) => row[shown.metric] !== null);
      const words = voice.say(apart ? "chartEmpty" : "chartNotApart", ends(shown.days, voice.language));
      byId("chart").replaceChildren(el("p", { class: "chart-empty quiet" }, words));
      return;
    }
    byId("chart-legend").replaceChildren(...legend(chart, shown.split));
    this.stop = drawChart(byId("chart"), chart);
    this.table = () => figures(chart, voice);
    this.fillTable();
  }

  /** Hundreds of rows are made only for those who open them. */
  private fillTable(): void {
    const open = byId<HTMLDetailsElement>("chart-table").open;
    byId("chart-figures").replaceChildren(...(open && this.table ? [this.table()] : []));
  }
}

function chartOf({ usage, days, grain, split, metric }: Shown, names: Names, voice: Voice<UsageTextId>): Chart {
  const { say, language } = voice;
  const all = buckets(days, grain);
  const named = parts(usage.rows, all, grain, split, metric).map((part, place): ChartPart => {
    const label = split === "none" ? say(metric) : part.name === null ? say("rest") : names.of(split, part.name, say, language);
    return { ...part, label, colour: colourOf(split, part.name, place) };
  });
  const sums = heights(named, all.length);
  const most = Math.max(0, ...sums);
  const value = (amount: number) => (metric === "bytes" ? sizeText(amount, language) : countText(amount, language));
  const peak = bucketName(all[sums.indexOf(most)] ?? days.from, grain, language);
  const told = { ...ends(days, language), metric: say(metric), total: value(usage.total[metric] ?? 0), peak, most: value(most) };
  return {
    title: say("chartTitle", { metric: say(metric), grain: say(`grain_${grain}`) }),
    description: say("chartDescription", told),
    buckets: all,
    parts: named,
    steps: STEPS[grain],
    mark: (bucket, every) => markText(bucket, grain, every, language),
    name: (bucket) => bucketName(bucket, grain, language),
    value,
    axis: (amount) => (metric === "bytes" ? sizeText(amount, language) : compact(amount, language)),
    unit: metric === "bytes" ? 1024 ** Math.min(3, Math.floor(Math.log(Math.max(most, 1)) / Math.log(1024))) : 1,
  };
}

function legend({ parts: all, value }: Chart, split: StackBy): HTMLElement[] {
  if (split === "none") return [];
  return all.map(({ label, colour, sum }) => el("li", {}, spot(colour), el("span", {}, label), el("strong", {}, value(sum))));
}

function figures(chart: Chart, { say }: Voice<UsageTextId>): HTMLElement {
  const sums = heights(chart.parts, chart.buckets.length);
  const several = chart.parts.length > 1;
  const heads = [...chart.parts.map(({ label }) => label), ...(several ? [say("sum")] : [])];
  const head = el("tr", {}, ...[say("when"), ...heads].map((text, index) => el("th", { scope: "col", class: index ? "number" : "" }, text)));
  const rows = chart.buckets.flatMap((bucket, index) => {
    if (sums[index] === 0) return [];
    const values = [...chart.parts.map(({ values }) => values[index] ?? 0), ...(several ? [sums[index] ?? 0] : [])];
    const cells = values.map((amount) => el("td", { class: "number" }, chart.value(amount)));
    return [el("tr", {}, el("th", { scope: "row" }, chart.name(bucket)), ...cells)];
  });
  const caption = say("tableCaption", { title: chart.title });
  const table = el("table", { class: "figures" }, el("caption", {}, caption), el("thead", {}, head), el("tbody", {}, ...rows));
  return el("div", { class: "table-frame", role: "group", "aria-label": caption, tabindex: 0 }, table);
}

/** Both ends of a period as the reader writes dates. */
export function ends({ from, to }: Period, language: Language): { from: string; to: string } {
  return { from: bucketName(from, "day", language), to: bucketName(to, "day", language) };
}

const NAMES: Record<Grain, Intl.DateTimeFormatOptions> = {
  minute: { dateStyle: "medium", timeStyle: "short" },
  hour: { dateStyle: "medium", timeStyle: "short" },
  day: { dateStyle: "medium" },
  month: { year: "numeric", month: "long" },
};

function bucketName(bucket: string, grain: Grain, language: Language): string {
  return written(bucket, NAMES[grain], language);
}

function markText(bucket: string, grain: Grain, every: number, language: Language): string {
  if (grain === "month") return written(bucket, { year: "2-digit", month: "numeric" }, language);
  const byDay = grain === "day" || (grain === "hour" && every >= 24) || (grain === "hour" && bucket.endsWith("T00:00"));
  return byDay ? written(bucket, { month: "numeric", day: "numeric" }, language) : bucket.slice(11);
}

/** The buckets are the server's clock times; counted as UTC they stay what they are. */
function written(bucket: string, options: Intl.DateTimeFormatOptions, language: Language): string {
  return new Intl.DateTimeFormat(language, { timeZone: "UTC", hourCycle: "h23", ...options }).format(time(bucket));
}

function compact(amount: number, language: Language): string {
  return amount.toLocaleString(language, { notation: "compact", maximumFractionDigits: 1 });
}
