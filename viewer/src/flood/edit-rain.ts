// What falls, and what the ground takes up.
import { el } from "../dom.ts";
import { INFILTRATION_FIELDS, INFILTRATIONS } from "./draft.ts";
import { csvButton } from "./edit-over-time.ts";
import { forget } from "./edit-water.ts";
import type { Desk } from "./editor.ts";
import { choice, clearTrouble, labelled, numberInput, showTrouble } from "./fields.ts";
import { hyetographChart } from "./hyetograph.ts";
import { hyetograph, PATTERNS, type Rain, RAIN_KINDS, total, typedSeries } from "./rain.ts";
import type { FloodTextId } from "./texts.ts";

const FIRST: Record<(typeof RAIN_KINDS)[number], Rain> = {
  none: { kind: "none" },
  uniform: { kind: "uniform", rate: 50 },
  design: { kind: "design", depth: 100, hours: 1, pattern: "huff-3" },
  series: { kind: "series", text: "0, 20\n10, 60\n20, 95\n30, 40\n40, 15\n50, 0" },
};

export function rainSection(desk: Desk): HTMLElement[] {
  const { draft, changed } = desk;
  const { say } = desk.voice;
  const kinds = [...RAIN_KINDS.map((kind) => [kind, say(`rain_${kind}`)] as const), ...(draft.rain.kind === "file" ? [["file", say("rain_file")] as const] : [])];
  const kind = choice(draft.rain.kind, kinds, (value) => {
    if (value === "file") return;
    draft.rain = { ...FIRST[value] };
    delete draft.rest["rain"];
    forget(draft, "rain");
    changed(true);
  });
  const chart = el("div", { class: "flood-chart" });
  const draw = () => chart.replaceChildren(...chartOf(desk));
  draw();
  return [labelled("rain", say("rainKind"), kind), ...rainFields(desk, draw), chart, ...infiltration(desk)];
}

function rainFields({ draft, voice: { say } }: Desk, draw: () => void): HTMLElement[] {
  const { rain } = draft;
  if (rain.kind === "uniform") {
    const rate = numberInput(rain.rate, { least: 0, most: 1000 }, (value) => {
      rain.rate = value as number;
      draw();
    });
    return [labelled("rain.uniform_mm_h", say("rate"), rate, "mm/h")];
  }
  if (rain.kind === "design") {
    const set = (name: "depth" | "hours") => (value: number | null) => {
      rain[name] = value as number;
      draw();
    };
    const depth = numberInput(rain.depth, { least: 0, most: 2000 }, set("depth"));
    const hours = numberInput(rain.hours, { least: 0.05, most: 240 }, set("hours"));
    const patterns = PATTERNS.map((one) => [one, say(`pattern_${one}` as FloodTextId)] as const);
    const pattern = choice(rain.pattern, patterns, (value) => {
      rain.pattern = value;
      draw();
    });
    const pair = el("div", { class: "flood-pair" }, labelled("rain.design.depth_mm", say("depthMm"), depth, "mm"), labelled("rain.design.duration_h", say("stormHours"), hours, "h"));
    return [pair, labelled("rain.design.pattern", say("pattern"), pattern), el("p", { class: "quiet" }, say("patternNote"))];
  }
  if (rain.kind === "series") {
    const text = el("textarea", { rows: 6, spellcheck: false });
    text.value = rain.text;
    text.addEventListener("input", () => {
      rain.text = text.value;
      clearTrouble(text);
      draw();
    });
    const object = () => {
      const rows = typedSeries(rain.text);
      if (typeof rows === "number") showTrouble(text, say("seriesWrong", { line: rows }));
    };
    text.addEventListener("change", object);
    const take = (read: string) => {
      rain.text = text.value = read;
      clearTrouble(text);
      object();
      draw();
    };
    const table = labelled("rain.hyetograph", say("series"), text);
    object(); // what was wrong still is, however often the section is drawn
    return [table, csvButton(say("loadCsv"), take, () => showTrouble(text, say("csvTooLarge")))];
  }
  return rain.kind === "file" ? [el("p", { class: "quiet" }, say("rainFileNote"))] : [];
}

function chartOf({ draft, voice }: Desk): (Node | string)[] {
  if (draft.rain.kind === "none") return [el("p", { class: "quiet" }, voice.say("noRain"))];
  const bars = hyetograph(draft.rain, draft.hours);
  if (!bars) return []; // of a file, or a table that cannot be read
  const number = (value: number) => value.toLocaleString(voice.language, { maximumFractionDigits: 1 });
  const words = voice.say("rainSummary", { depth: number(total(bars)), peak: number(Math.max(0, ...bars.map(({ rate }) => rate))) });
  return [hyetographChart(bars, draft.hours, voice), el("p", { class: "quiet" }, words)];
}

function infiltration({ draft, voice: { say }, changed }: Desk): HTMLElement[] {
  const taken = draft.infiltration;
  const given = draft.rest["infiltration"] !== undefined;
  const method = choice<string>(given ? "file" : taken.method, [...(given ? [["file", say("rain_file")] as const] : []), ...INFILTRATIONS.map((one) => [one, say(`infiltration_${one}` as FloodTextId)] as const)], (value) => {
    const found = INFILTRATIONS.find((one) => one === value);
    if (!found) return;
    delete draft.rest["infiltration"];
    forget(draft, "infiltration");
    draft.infiltration = { method: found, values: Object.fromEntries(INFILTRATION_FIELDS[found].map(({ name, usual }) => [name, usual])) };
    changed(true);
  });
  const fields = given ? [] : INFILTRATION_FIELDS[taken.method].map(({ name, usual, least, most }) => {
    const input = numberInput(taken.values[name] ?? usual, { least, most }, (value) => (taken.values[name] = value as number));
    return labelled(`infiltration.${name}`, say(`infiltration_${name}` as FloodTextId), input, UNITS[name] ?? "");
  });
  return [labelled("infiltration", say("infiltration"), method), ...(fields.length > 1 ? [el("div", { class: "flood-pair" }, ...fields)] : fields)];
}

const UNITS: Record<string, string> = { rate_mm_h: "mm/h", hydraulic_conductivity_mm_h: "mm/h", suction_mm: "mm" };
