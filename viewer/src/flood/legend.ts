// The legend on the map: what colours mean of what is shown.
import type { LayerInfo } from "../api.ts";
import { byId, el } from "../dom.ts";
import { CLASSES, differenceColour } from "./classes.ts";
import { fullDifference } from "./difference.ts";
import type { Show } from "./link.ts";
import type { FloodTextId, FloodVoice } from "./texts.ts";

/** Shows the legend of `show`; `layer` is the raster that is shown, `most` the deepest water of compared runs. */
export function showLegend(show: Show | null, layer: LayerInfo | null, most: number, voice: FloodVoice): void {
  const place = byId("flood-legend");
  place.hidden = show === null;
  if (show === null) return place.replaceChildren();
  const title = el("h2", {}, voice.say(`show_${show}` as FloodTextId));
  place.replaceChildren(title, el("ul", { class: "legend" }, ...entries(show, layer, most, voice)));
}

function entries(show: Show, layer: LayerInfo | null, most: number, voice: FloodVoice): HTMLElement[] {
  if (show === "depth" || show === "max-depth" || show === "mean-depth") {
    const number = (value: number) => value.toLocaleString(voice.language);
    return CLASSES.map(({ from, colour }, index) => {
      const to = CLASSES[index + 1]?.from;
      const words = to === undefined ? voice.say("over", { from: number(from) }) : index === 0 ? voice.say("upTo", { to: number(to) }) : `${number(from)}–${number(to)} m`;
      return entry(colour, words);
    });
  }
  if (show === "difference") return differences(fullDifference(most), voice);
  return (layer?.legend ?? []).map(({ label, color }) => entry(color, inLanguage(label, voice.language)));
}

function differences(full: number, { say, language }: FloodVoice): HTMLElement[] {
  const at = [-full, -full / 2, -0.05, 0.05, full / 2, full];
  return at.map((metres) => {
    const [red, green, blue] = differenceColour(metres, full);
    const number = `${metres > 0 ? "+" : "−"}${Math.abs(metres).toLocaleString(language)} m`;
    const words = metres === -full ? say("shallower", { metres: number }) : metres === full ? say("deeper", { metres: number }) : number;
    return entry(`#${[red, green, blue].map((part) => part.toString(16).padStart(2, "0")).join("")}`, words);
  });
}

function entry(colour: string, words: string): HTMLElement {
  const swatch = el("span", { class: "swatch swatch-pixel", "aria-hidden": "true" });
  swatch.style.setProperty("--colour", colour);
  return el("li", {}, swatch, words);
}

/** A label of the server, `1.25–2: 대부분 위험 (danger for most)`, in one language. */
export function inLanguage(label: string, language: string): string {
  const parts = /^(.*?[가-힣].*?) \((.*)\)$/.exec(label);
  if (!parts) return label;
  const [, korean = "", english = ""] = parts;
  if (language === "ko") return korean;
  const range = /^([\d.–]+(?: [a-z/]+)?):? ?/.exec(korean)?.[1];
  return /\d/.test(english) || !range ? english : `${range}${korean.includes(":") ? ": " : " "}${english}`;
}
