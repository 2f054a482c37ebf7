// The fields of a quantity over time: one number, or a table that is pasted or read from a CSV file, drawn as a chart.
import { button, el } from "../dom.ts";
import { choice, clearTrouble, labelled, numberInput, showTrouble } from "./fields.ts";
import { decoded, headingUnit, integral, overRun, type OverTime, TIME_UNITS, type TimeUnit, typedRows, type Within } from "./over-time.ts";
import { overTimeChart } from "./over-time-chart.ts";
import type { FloodTextId, FloodVoice } from "./texts.ts";
import { volumeText } from "./words.ts";

const MOST_BYTES = 500_000; // of a table: a scenario has a million at most

export interface OverTimeField {
  over: OverTime;
  /** What it is called, and in which unit: "m³/s", "EL m". */
  label: string;
  unit: string;
  within: Within;
  /** The fields of the scenario file, for the server's objections. */
  paths: { number: string; rows: string };
  /** The run's length. */
  hours: number;
  /** A table to begin with. */
  example: string;
  /** Whether it is a discharge: then its volume is told. */
  flows: boolean;
  voice: FloodVoice;
  /** It is another from now on: the fields are drawn anew. */
  turned(over: OverTime): void;
}

export function overTimeFields(field: OverTimeField): HTMLElement[] {
  const { over, label, paths, voice: { say } } = field;
  const kinds = [["constant", say("overConstant")], ["series", say("overSeries")]] as const;
  const kind = choice<OverTime["kind"]>(over.kind, kinds, (value) =>
    field.turned(value === "constant" ? { kind: "constant", value: null } : { kind: "series", unit: "min", text: field.example }),
  );
  const head = labelled(`${paths.number}.kind`, label, kind);
  if (over.kind === "series") return [head, ...tableFields(field, over)];
  const number = numberInput(over.value, field.within, (value) => (over.value = value));
  return [el("div", { class: "flood-pair" }, head, labelled(paths.number, say("overValue"), number, field.unit))];
}

function tableFields(field: OverTimeField, over: OverTime & { kind: "series" }): HTMLElement[] {
  const { paths, within, voice: { say } } = field;
  const chart = el("div", { class: "flood-chart" });
  const text = el("textarea", { rows: 5, spellcheck: false });
  text.value = over.text;
  const object = () => {
    const rows = typedRows(over.text, within, over.unit);
    if (typeof rows === "number") showTrouble(text, say("rowsWrong", { line: rows }));
  };
  const draw = () => chart.replaceChildren(...chartOf(field, over));
  const units = choice<TimeUnit>(over.unit, TIME_UNITS.map((unit) => [unit, say(`unit_${unit}` as FloodTextId)] as const), (unit) => {
    over.unit = unit;
    clearTrouble(text);
    object();
    draw();
  });
  text.addEventListener("input", () => {
    over.text = text.value;
    clearTrouble(text);
    draw();
  });
  text.addEventListener("change", object);
  draw();
  const upload = csvButton(say("loadCsv"), (read) => {
    over.text = text.value = read;
    over.unit = headingUnit(read) ?? over.unit;
    units.value = over.unit;
    clearTrouble(text);
    object();
    draw();
  }, () => showTrouble(text, say("csvTooLarge")));
  const table = labelled(paths.rows, say("rowsOf", { unit: field.unit }), text);
  object(); // what was wrong still is, however often the section is drawn
  return [
    table,
    el("div", { class: "flood-row flood-table-row" }, labelled(`${paths.rows}.time_unit`, say("timeUnit"), units), upload),
    chart,
  ];
}

/** A button that reads a table from a file. */
export function csvButton(words: string, take: (text: string) => void, tooLarge: () => void): HTMLElement {
  const input = el("input", { type: "file", accept: ".csv,.txt,.tsv,text/csv,text/plain", hidden: true });
  input.addEventListener("change", () => {
    const [file] = input.files ?? [];
    input.value = "";
    if (!file) return;
    if (file.size > MOST_BYTES) tooLarge();
    else void file.arrayBuffer().then((bytes) => take(decoded(bytes).trimEnd()));
  });
  return el("span", { class: "flood-upload" }, button(words, "line-button", () => input.click()), input);
}

function chartOf({ within, hours, unit, flows, voice }: OverTimeField, over: OverTime & { kind: "series" }): HTMLElement[] {
  const rows = typedRows(over.text, within, over.unit);
  if (!Array.isArray(rows)) return [];
  const { say, language } = voice;
  const values = overRun(rows, hours).map(([, value]) => value);
  const number = (value: number) => value.toLocaleString(language, { maximumFractionDigits: 2 });
  const words = flows
    ? say("flowSummary", { peak: number(Math.max(...values)), volume: volumeText(integral(rows, hours), language) })
    : say("stageSummary", { least: number(Math.min(...values)), most: number(Math.max(...values)) });
  const [begins, ends] = [(rows[0]?.[0] ?? 0) / 60, (rows.at(-1)?.[0] ?? 0) / 60];
  const notes = [
    ...(begins > 0 ? [say("heldBefore", { time: number(begins) })] : []),
    ...(ends < hours ? [say("heldAfter", { time: number(ends) })] : ends > hours ? [say("cutOff", { time: number(hours) })] : []),
  ];
  const drawing = overTimeChart({ rows, hours, unit, label: words, fromZero: flows, language });
  const chart = el("div", {});
  chart.append(drawing);
  return [chart, el("p", { class: "quiet" }, [words, ...notes].join(" "))];
}
