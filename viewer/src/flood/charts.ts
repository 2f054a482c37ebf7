// A run's recorded series as charts: gauges, flow sections, structures.
import { el } from "../dom.ts";
import { tableOnDemand, figureTable } from "../twin/dock.ts";
import { sinceStart } from "./clock.ts";
import type { Recorded } from "./series.ts";
import { lineLegend, TimeChart } from "./series-chart.ts";
import type { FloodTextId, FloodVoice } from "./texts.ts";

/** Quantities that are drawn first where there are several. */
const FIRST = ["stage_m", "discharge_m3_s", "depth_m", "head_upstream_m", "head_downstream_m", "opening_m", "speed_m_s"];
const MOST_ROWS = 120;

export interface Drawn {
  parts: HTMLElement[];
  charts: TimeChart[];
}

/** One chart for each unit of what was recorded, and a table of it all. */
export function recordedCharts({ name, times, values }: Recorded, voice: FloodVoice, seek: (time: number) => void): Drawn {
  const { say, language } = voice;
  const names = Object.keys(values).sort((a, b) => rank(a) - rank(b));
  const groups = new Map<string, string[]>();
  for (const quantity of names) groups.set(unitOf(quantity), [...(groups.get(unitOf(quantity)) ?? []), quantity]);
  const charts: TimeChart[] = [];
  const parts: HTMLElement[] = [];
  for (const [unit, group] of groups) {
    for (const shown of separate(group)) {
      const labels = shown.map((quantity) => quantityWords(quantity, voice));
      const chart = new TimeChart({
        ...{ title: `${name}: ${labels.join(", ")}`, axis: labels.length === 1 ? `${labels[0]}${unit ? ` (${unit})` : ""}` : unit, axisTime: say("axisTime") },
        ...{ cursorName: say("cursorName"), language, fromZero: !shown.some((quantity) => /stage|head|elevation/.test(quantity)), digits: 2, seek },
        lines: shown.map((quantity, index) => ({ label: labels[index] as string, times, values: values[quantity] as (number | null)[] })),
      });
      charts.push(chart);
      parts.push(chart.element, ...(labels.length > 1 ? [lineLegend(labels)] : []));
    }
  }
  if (names.length === 0) parts.push(el("p", { class: "quiet" }, say("nothingRecorded")));
  else parts.push(tableOnDemand(say("table"), () => table(name, times, values, names, voice)));
  return { parts, charts };
}

/** Depths and stages are both metres, but no one compares them. */
function separate(group: readonly string[]): string[][] {
  const stages = group.filter((quantity) => /stage|head|elevation/.test(quantity));
  const others = group.filter((quantity) => !stages.includes(quantity));
  return [stages, ...others.map((one) => [one])].filter((some) => some.length > 0);
}

function table(name: string, times: readonly number[], values: Recorded["values"], names: readonly string[], voice: FloodVoice): HTMLElement {
  const every = Math.max(1, Math.ceil(times.length / MOST_ROWS));
  const number = (value: number | null | undefined) => (value === null || value === undefined ? "–" : value.toLocaleString(voice.language, { maximumFractionDigits: 3 }));
  const rows = times.flatMap((time, index) => (index % every === 0 ? [[sinceStart(time), ...names.map((quantity) => number(values[quantity]?.[index]))]] : []));
  const heads = names.map((quantity) => `${quantityWords(quantity, voice)}${unitOf(quantity) ? ` (${unitOf(quantity)})` : ""}`);
  return figureTable(name, [voice.say("axisTime"), ...heads], rows);
}

function rank(quantity: string): number {
  const at = FIRST.indexOf(quantity);
  return at < 0 ? FIRST.length : at;
}

const UNITS: readonly [string, string][] = [["_m3_s", "m³/s"], ["_m2_s", "m²/s"], ["_m_s", "m/s"], ["_m3", "m³"], ["_m", "m"]];

function unitOf(quantity: string): string {
  return UNITS.find(([ending]) => quantity.endsWith(ending))?.[1] ?? "";
}

function quantityWords(quantity: string, { say }: FloodVoice): string {
  const id = `quantity_${quantity}`;
  return QUANTITIES.has(id) ? say(id as FloodTextId) : quantity.replace(/_(m3_s|m2_s|m_s|m3|m)$/, "").replaceAll("_", " ");
}

const QUANTITIES = new Set(["quantity_stage_m", "quantity_depth_m", "quantity_speed_m_s", "quantity_discharge_m3_s", "quantity_opening_m", "quantity_units", "quantity_head_upstream_m", "quantity_head_downstream_m", "quantity_width_m", "quantity_sump_m3", "quantity_stage_upstream_m", "quantity_stage_downstream_m"]);
