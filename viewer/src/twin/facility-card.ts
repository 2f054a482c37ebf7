// A facility's card: what it is, its figures with units, its rules and pump curve, and who says so.
import { el, svg } from "../dom.ts";
import type { Language } from "../texts.ts";
import { type CurvePoint, fieldName, fieldValue, figures, kindOf, type Origin, originOf, originOfAll, pumpCurve, rulesOf } from "./facility.ts";
import { range, roundMarks } from "./scales.ts";
import { type TwinVoice, twinVoice } from "./texts.ts";

type Properties = Record<string, unknown>;

export function facilityCard(properties: Properties, language: Language): HTMLElement {
  const voice = twinVoice(language);
  const { say } = voice;
  const curve = pumpCurve(properties);
  const rules = rulesOf(properties);
  return el(
    "div",
    { class: "facility" },
    head(properties, voice),
    table(properties, voice),
    ...(rules.length > 0 ? [el("h3", {}, say("rules")), el("ul", { class: "facility-rules" }, ...rules.map((rule) => el("li", {}, rule)))] : []),
    ...(curve.length > 1 ? [el("h3", {}, say("pumpCurve")), curveChart(curve, voice)] : []),
    ...source(originOfAll(properties), voice),
  );
}

function head(properties: Properties, { say, language }: TwinVoice): HTMLElement {
  const { words, icon } = kindOf(properties, language);
  const picture = svg("svg", { viewBox: "0 0 20 20", class: "icon facility-icon", "aria-hidden": "true" }, svg("path", { d: icon }));
  const status = properties["status"];
  const mark = status ? [el("span", { class: `facility-status status-${String(status)}` }, `${say("status")}: ${fieldValue("status", status, language)}`)] : [];
  const other = language === "en" ? properties["name"] : properties["name_en"];
  const name = typeof other === "string" && other ? [el("p", { class: "quiet" }, other)] : [];
  return el("div", { class: "facility-head" }, picture, el("div", {}, el("p", { class: "facility-kind" }, words, " ", el("span", { class: "quiet" }, String(properties["id"] ?? ""))), ...name, ...mark));
}

function table(properties: Properties, voice: TwinVoice): HTMLElement {
  const { say, language } = voice;
  const rows = figures(properties).map(([field, value]) => {
    const origin = originOf(properties, field);
    const notes = [...(origin.verified ? [] : [doubt(voice)]), ...(origin.source ? [el("span", { class: "facility-source" }, origin.source)] : [])];
    return el("tr", {}, el("th", { scope: "row", title: field }, fieldName(field, language)), el("td", {}, fieldValue(field, value, language), ...notes));
  });
  return el("table", {}, el("caption", { class: "unseen" }, say("allFields")), el("tbody", {}, ...rows));
}

function source({ source: words, verified }: Origin, voice: TwinVoice): HTMLElement[] {
  if (!words && verified) return [];
  return [el("p", { class: "facility-origin" }, el("span", { class: "quiet" }, voice.say("sourceOf")), " ", words ?? "–", ...(verified ? [] : [" ", doubt(voice)]))];
}

function doubt({ say }: TwinVoice): HTMLElement {
  return el("span", { class: "unverified" }, say("unverified"));
}

// --- the pump curve ------------------------------------------------------------------------------------

const SIZE = { width: 300, height: 150, left: 38, right: 8, top: 16, bottom: 32 };

/** Discharge across, head upwards, as makers of pumps draw it. */
function curveChart(curve: readonly CurvePoint[], { say, language }: TwinVoice): SVGSVGElement {
  const [, mostFlow] = range([curve.map(({ flow }) => flow)]);
  const [, mostHead] = range([curve.map(({ head }) => head)]);
  const x = (flow: number) => SIZE.left + (flow / mostFlow) * (SIZE.width - SIZE.left - SIZE.right);
  const y = (head: number) => SIZE.height - SIZE.bottom - (head / mostHead) * (SIZE.height - SIZE.top - SIZE.bottom);
  const number = (value: number) => value.toLocaleString(language);
  const points = curve.map(({ head, flow }) => `${x(flow).toFixed(1)},${y(head).toFixed(1)}`).join(" ");
  const first = curve[0] as CurvePoint;
  const last = curve.at(-1) as CurvePoint;
  const ends = [first, last].map(({ head, flow }) => say("pumpCurveText", { count: curve.length, head, flow })).join("; ");
  const foot = SIZE.height - SIZE.bottom;
  return svg(
    "svg",
    { class: "plot curve", viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, role: "img", "aria-label": `${say("pumpCurve")}: ${ends}` },
    ...roundMarks(0, mostHead, 4).flatMap((head) => [
      svg("line", { class: "chart-grid", x1: SIZE.left, x2: SIZE.width - SIZE.right, y1: y(head), y2: y(head) }),
      svg("text", { class: "chart-mark", x: SIZE.left - 5, y: y(head) + 4, "text-anchor": "end" }, number(head)),
    ]),
    ...roundMarks(0, mostFlow, 4).map((flow) => svg("text", { class: "chart-mark", x: x(flow), y: foot + 15, "text-anchor": "middle" }, number(flow))),
    svg("text", { class: "chart-mark", x: 2, y: 10 }, say("headAxis")),
    svg("text", { class: "chart-mark", x: SIZE.width - SIZE.right, y: SIZE.height - 3, "text-anchor": "end" }, say("flowAxis")),
    svg("polyline", { class: "plot-line plot-line-curve", points }),
    ...curve.map(({ head, flow }) => svg("circle", { class: "curve-point", cx: x(flow), cy: y(head), r: 2.6 })),
  );
}
