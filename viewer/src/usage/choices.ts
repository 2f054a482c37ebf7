// The form above the charts: period, filters, and how the chart over time is drawn.
import { byId, el } from "../dom.ts";
import { hashValues, type Voice } from "../ui/office-page.ts";
import type { Grain, Metric } from "./ledger.ts";
import { FUNCTIONS, type Names } from "./names.ts";
import { bestGrain, grainsFor, type Period, type PeriodName, periodOf } from "./period.ts";
import type { StackBy } from "./series.ts";
import type { UsageTextId } from "./texts.ts";

const PERIODS: readonly PeriodName[] = ["today", "week", "month", "range"];
const METRICS: readonly Metric[] = ["requests", "bytes", "errors", "visitors"];
const STACKS: readonly StackBy[] = ["function", "status", "layer", "key", "none"];
/** In the address bar a key's id goes by `of`: only its secret is called a key there, and that never comes in. */
const FILTERS = { key: "of", function: "function", layer: "layer" } as const;

export type Filter = keyof typeof FILTERS;

export class Choices {
  period: PeriodName = "week";
  private range: Period = { from: "", to: "" };
  filters: Record<Filter, string> = { key: "", function: "", layer: "" };
  private wantedGrain: Grain | null = null;
  stack: StackBy = "function";
  metric: Metric = "requests";
  /** Today where the server is. */
  today = "";

  /** `changed` is called when other figures are wanted. */
  constructor(private readonly changed: () => void) {
    this.read();
    this.wire();
  }

  get days(): Period {
    return periodOf(this.period, this.today, this.range);
  }

  get grain(): Grain {
    const possible = grainsFor(this.days, this.today);
    const wanted = this.wantedGrain ?? bestGrain(this.days);
    return possible.includes(wanted) ? wanted : (possible[0] ?? "day");
  }

  /** What the chart is split by: visitors of parts cannot be added up, for one may be in several. */
  get split(): StackBy {
    return this.metric === "visitors" ? "none" : this.stack;
  }

  narrow(filter: Filter, value: string): void {
    this.filters[filter] = value;
    this.changed();
    byId(`filter-${filter}`).focus();
  }

  /** Writes the choices into the form, its lists from what is known. */
  show(names: Names, withKeys: boolean, { say, language }: Voice<UsageTextId>): void {
    const listed = (dimension: Filter, ids: readonly string[]): [string, string][] => {
      const all = new Set([...ids, ...(this.filters[dimension] ? [this.filters[dimension]] : [])]);
      return [["", say("everything")], ...[...all].map((id): [string, string] => [id, names.of(dimension, id, say, language)])];
    };
    if (!withKeys && this.stack === "key") this.stack = "function";
    fill("filter-key", listed("key", names.keyIds), this.filters.key);
    fill("filter-function", listed("function", FUNCTIONS), this.filters.function);
    fill("filter-layer", listed("layer", names.layerIds), this.filters.layer);
    fill("metric", METRICS.map((id) => [id, say(id)]), this.metric);
    const stacks = STACKS.filter((id) => withKeys || id !== "key");
    fill("stack", stacks.map((id) => [id, say(`stack_${id}`)]), this.split);
    fill("grain", grainsFor(this.days, this.today).map((id) => [id, say(`grain_${id}`)]), this.grain);
    byId("filter-key-field").hidden = !withKeys;
    byId<HTMLSelectElement>("stack").disabled = this.metric === "visitors";
    this.showPeriod();
  }

  /** The choices as parts of the address bar, those that are not as usual. */
  get hash(): string[] {
    const { from, to } = this.days;
    const period = this.period === "range" ? [`from=${from}`, `to=${to}`] : this.period === "week" ? [] : [`period=${this.period}`];
    const filters = Object.entries(FILTERS).map(([filter, name]) => [name, this.filters[filter as Filter]] as const);
    return [...period, ...filters.filter(([, value]) => value).map(([name, value]) => `${name}=${encodeURIComponent(value)}`)];
  }

  private read(): void {
    const given = hashValues();
    const [from, to] = ["from", "to"].map((name) => /^\d{4}-\d\d-\d\d$/.exec(given.get(name) ?? "")?.[0] ?? "");
    this.range = { from: from ?? "", to: to ?? "" };
    this.period = from || to ? "range" : (PERIODS.find((name) => name === given.get("period")) ?? "week");
    for (const [filter, name] of Object.entries(FILTERS)) this.filters[filter as Filter] = given.get(name) ?? "";
  }

  private wire(): void {
    const form = byId<HTMLFormElement>("choices");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.changed();
    });
    form.addEventListener("change", ({ target }) => {
      if (target instanceof HTMLInputElement && target.name === "period") this.choose(target.value as PeriodName);
      else if (target instanceof HTMLInputElement) this.range = { ...this.range, [target.id]: target.value };
      else if (target instanceof HTMLSelectElement) this.filters[target.id.replace("filter-", "") as Filter] = target.value;
      this.changed();
    });
    choosing("metric", (value) => (this.metric = value as Metric), this.changed);
    choosing("stack", (value) => (this.stack = value as StackBy), this.changed);
    choosing("grain", (value) => (this.wantedGrain = value as Grain), this.changed);
  }

  /** Choosing dates begins with those that were on the page. */
  private choose(name: PeriodName): void {
    if (name === "range") this.range = this.days;
    this.period = name;
  }

  private showPeriod(): void {
    for (const radio of document.querySelectorAll<HTMLInputElement>("input[name=period]")) {
      radio.checked = radio.value === this.period;
    }
    byId("range").hidden = this.period !== "range";
    byId<HTMLInputElement>("from").value = this.days.from;
    byId<HTMLInputElement>("to").value = this.days.to;
  }
}

function fill(id: string, options: readonly (readonly [value: string, words: string])[], chosen: string): void {
  const select = byId<HTMLSelectElement>(id);
  select.replaceChildren(...options.map(([value, words]) => el("option", { value }, words)));
  select.value = chosen;
}

function choosing(id: string, take: (value: string) => void, changed: () => void): void {
  const select = byId<HTMLSelectElement>(id);
  select.addEventListener("change", () => {
    take(select.value);
    changed();
  });
}
