// A facility's card: what it is, its figures with units, its rules and pump curve, and who says so.
import { el, svg } from "../dom.ts";
import type { Language } from "../texts.ts";
import { type Curve, curvesOf, fieldName, fieldValue, figures, isWorking, kindOf, type Origin, originOf, originOfAll, rulesOf } from "./facility.ts";
import { roundMarks } from "./scales.ts";
import { type TwinVoice, twinVoice } from "./texts.ts";

type Properties = Record<string, unknown>;

export function facilityCard(properties: Properties, language: Language): HTMLElement {
  const voice = twinVoice(language);
  const { say } = voice;
  const rules = rulesOf(properties);
  return el(
    "div",
    { class: "facility" },
    head(properties, voice),
    table(properties, voice),
    ...(rules.length > 0 ? [el("h3", {}, say("rules")), el("ul", { class: "facility-rules" }, ...rules.map((rule) => el("li", {}, rule)))] : []),
    ...curvesOf(properties, language).flatMap((curve) => [el("h3", {}, fieldName(curve.field, language)), curveChart(curve, voice)]),
    ...source(originOfAll(properties), voice),
  );
}

function head(properties: Properties, { say, language }: TwinVoice): HTMLElement {
  const { words, icon } = kindOf(properties, language);
  const picture = svg("svg", { viewBox: "0 0 20 20", class: "icon facility-icon", "aria-hidden": "true" }, svg("path", { d: icon }));
  const { status } = properties;
  const working = isWorking(properties);
  const mark = working !== null ? [el("span", { class: `facility-status ${working ? "" : "status-broken"}` }, `${say("status")}: ${fieldValue("status", status, language)}`)] : [];
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

// --- curves: of a pump, of a basin, along a levee -----------------------------------------------------------

const SIZE = { width: 300, height: 150, left: 46, right: 10, top: 16, bottom: 32 };

/** Heads and stages are drawn upwards, as makers of pumps draw them. */
function curveChart({ field, points, axes, swapped }: Curve, { say, language }: TwinVoice): SVGSVGElement {
  const drawn = swapped ? points.map(({ x, y }) => ({ x: y, y: x })) : points;
  const [across, up] = swapped ? [axes.y, axes.x] : [axes.x, axes.y];
  const xRange = reach(drawn.map(({ x }) => x));
  const yRange = reach(drawn.map(({ y }) => y));
  const foot = SIZE.height - SIZE.bottom;
  const x = (value: number) => SIZE.left + ((value - xRange[0]) / (xRange[1] - xRange[0])) * (SIZE.width - SIZE.left - SIZE.right);
  const y = (value: number) => foot - ((value - yRange[0]) / (yRange[1] - yRange[0])) * (foot - SIZE.top);
  const number = (value: number) => value.toLocaleString(language, { notation: Math.abs(value) >= 100_000 ? "compact" : "standard" });
  const told = points.map((point) => `${number(point.x)} → ${number(point.y)}`).join("; ");
  const label = `${fieldName(field, language)}. ${say("curveText", { x: axes.x, y: axes.y, points: told })}`;
  return svg(
    "svg",
    { class: "plot curve", viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, role: "img", "aria-label": label },
    ...roundMarks(...yRange, 4).flatMap((value) => [
      svg("line", { class: "chart-grid", x1: SIZE.left, x2: SIZE.width - SIZE.right, y1: y(value), y2: y(value) }),
      svg("text", { class: "chart-mark", x: SIZE.left - 5, y: y(value) + 4, "text-anchor": "end" }, number(value)),
    ]),
    ...roundMarks(...xRange, 4).map((value) =>
      svg("text", { class: "chart-mark", x: Math.min(x(value), SIZE.width - 14), y: foot + 15, "text-anchor": "middle" }, number(value)),
    ),
    svg("text", { class: "chart-mark", x: 2, y: 10 }, up),
    svg("text", { class: "chart-mark", x: SIZE.width - SIZE.right, y: SIZE.height - 3, "text-anchor": "end" }, across),
    svg("polyline", { class: "plot-line plot-line-curve", points: drawn.map((point) => `${x(point.x).toFixed(1)},${y(point.y).toFixed(1)}`).join(" ") }),
    ...drawn.map((point) => svg("circle", { class: "curve-point", cx: x(point.x), cy: y(point.y), r: 2.6 })),
  );
}

/** From nought where the numbers are not far from it; elevations keep to themselves. */
function reach(values: readonly number[]): [low: number, high: number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const first = low >= 0 && low < high * 0.75 ? 0 : low;
  return high > first ? [first, high] : [first - 0.5, first + 0.5];
}
