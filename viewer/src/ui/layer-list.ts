// The list of layers, grouped by function, with what can be done to each.
import type { LayerFunction, LayerInfo } from "../api.ts";
import { button, el, iconButton, svgIcon } from "../dom.ts";
import type { LayerChoice } from "../state.ts";
import type { Language, TextId, Translate } from "../texts.ts";
import { type Downloading, downloadForm } from "./download.ts";
import { ramp, swatch } from "./swatch.ts";

export interface LayerActions extends Downloading {
  toggle(id: string, visible: boolean): void;
  fade(id: string, opacity: number): void;
  zoomTo(id: string): void;
  openRiver(id: string): void;
}

export interface ListModel {
  layers: readonly LayerInfo[];
  choices: ReadonlyMap<string, LayerChoice>;
  language: Language;
  say: Translate;
}

const GROUPS: [LayerFunction, TextId][] = [
  ["twin", "groupTwin"],
  ["content", "groupContent"],
  ["basemap", "groupBasemap"],
];

/** The groups that have layers, topmost on the map first. */
export function layerList(model: ListModel, actions: LayerActions): HTMLElement[] {
  return GROUPS.flatMap(([name, title]) => {
    const members = model.layers.filter((layer) => layer.function === name);
    return members.length > 0 ? [group(name, model.say(title), members, model, actions)] : [];
  });
}

function group(
  name: string,
  title: string,
  members: LayerInfo[],
  model: ListModel,
  actions: LayerActions,
): HTMLElement {
  const heading = el("h3", { id: `group-${name}`, class: "group-title" }, title);
  const items = members.map((info) => item(info, model, actions));
  return el("section", { class: "group" }, heading, el("ul", { "aria-labelledby": `group-${name}` }, ...items));
}

function item(info: LayerInfo, model: ListModel, actions: LayerActions): HTMLLIElement {
  const title = info.title[model.language];
  const details = detailsOf(info, model, actions);
  const row = el(
    "div",
    { class: "layer-row" },
    toggle(info, title, model, actions),
    zoomButton(info, title, model, actions),
    disclosure(info, title, details, model),
  );
  return el("li", { class: "layer", "data-layer": info.id }, row, details);
}

function toggle(info: LayerInfo, title: string, model: ListModel, actions: LayerActions): HTMLLabelElement {
  const box = el("input", { type: "checkbox", id: `layer-${info.id}` });
  box.checked = model.choices.get(info.id)?.visible ?? false;
  box.addEventListener("change", () => actions.toggle(info.id, box.checked));
  const name = el("span", { class: "layer-title" }, title);
  if (info.visibility !== "public") name.append(privateMark(model.say));
  const sign = info.legend.length === 1 && info.legend[0] ? swatch(info.legend[0].color, info.geometry) : null;
  return el("label", { class: "layer-toggle" }, box, ...(sign ? [sign] : []), name);
}

function privateMark(say: Translate): HTMLElement {
  const mark = el("span", { class: "private-mark", title: say("private") }, svgIcon("lock"));
  mark.append(el("span", { class: "unseen" }, say("private")));
  return mark;
}

function zoomButton(info: LayerInfo, title: string, model: ListModel, actions: LayerActions): HTMLButtonElement {
  const button = iconButton("target", model.say("zoomTo", { title }), { disabled: !info.bounds });
  button.addEventListener("click", () => actions.zoomTo(info.id));
  return button;
}

function disclosure(info: LayerInfo, title: string, details: HTMLElement, model: ListModel): HTMLButtonElement {
  details.id = `details-${info.id}`;
  const controls = { "aria-expanded": "false", "aria-controls": details.id };
  const button = iconButton("chevron", model.say("details", { title }), controls);
  button.addEventListener("click", () => {
    details.hidden = !details.hidden;
    button.setAttribute("aria-expanded", String(!details.hidden));
  });
  return button;
}

function detailsOf(info: LayerInfo, model: ListModel, actions: LayerActions): HTMLElement {
  const details = el("div", { class: "layer-details", hidden: true });
  if (info.legend.length > 1) details.append(legend(info));
  details.append(opacity(info, model, actions), facts(info, model), ...twinActions(info, model, actions));
  if (info.kind === "vector") details.append(downloadForm(info, info.title[model.language], model.say, actions));
  return details;
}

/** What a river terrain has beside its tiles: a long profile, a scene of meshes and models. */
function twinActions(info: LayerInfo, { say, language }: ListModel, actions: LayerActions): HTMLElement[] {
  const { river, mesh, models } = info.assets;
  const parts: HTMLElement[] = [];
  if (river) parts.push(button(say("river"), "line-button", () => actions.openRiver(info.id)));
  if (mesh || models) parts.push(el("a", { class: "line-button", href: `3d?layer=${info.id}#lang=${language}` }, say("scene")));
  return parts.length > 0 ? [el("div", { class: "download-row" }, ...parts)] : [];
}

const NAMED = /\(.+\)/; // 0.03 자연 하도 (natural channel): every stop is told, not the ends alone

function legend(info: LayerInfo): HTMLElement {
  if (info.legend_type === "ramp") return ramp(info.legend, NAMED.test(info.legend[0]?.label ?? ""));
  const shape = info.kind === "raster" ? "pixel" : info.geometry;
  const entries = info.legend.map(({ label, color }) => el("li", {}, swatch(color, shape), label));
  return el("ul", { class: "legend" }, ...entries);
}

function opacity(info: LayerInfo, { choices, say }: ListModel, actions: LayerActions): HTMLElement {
  const percent = Math.round((choices.get(info.id)?.opacity ?? 1) * 100);
  const slider = el("input", { type: "range", min: 0, max: 100, step: 5, value: percent });
  const shown = el("output", {}, `${percent}%`);
  slider.addEventListener("input", () => {
    shown.textContent = `${slider.value}%`;
    actions.fade(info.id, Number(slider.value) / 100);
  });
  return el("label", { class: "opacity" }, el("span", {}, say("opacity")), slider, shown);
}

function facts(info: LayerInfo, { language, say }: ListModel): HTMLElement {
  const count = info.features === null ? null : say("featuresCount", { count: info.features.toLocaleString(language) });
  const rows: [TextId, string | null][] = [
    ["features", count],
    ["zooms", `${info.minzoom}–${info.maxzoom}`],
    ["updated", info.updated && day(info.updated, language)],
    ["licence", info.licence],
    ["source", info.attribution],
  ];
  const filled = rows.filter((row): row is [TextId, string] => Boolean(row[1]));
  return el("dl", { class: "facts" }, ...filled.flatMap(([id, text]) => [el("dt", {}, say(id)), el("dd", {}, text)]));
}

function day(iso: string, language: Language): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? iso : date.toLocaleDateString(language, { dateStyle: "medium" });
}
