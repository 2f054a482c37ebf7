import type { LegendEntry } from "../api.ts";
import { el } from "../dom.ts";

const SHAPES = ["point", "line", "pixel"];

/** A spot of a layer's colour in the shape of its geometry, or of a raster's "pixel", which has no edge. */
export function swatch(color: string, geometry: string | null): HTMLElement {
  const shape = SHAPES.find((name) => geometry?.toLowerCase().includes(name)) ?? "area";
  const spot = el("span", { class: `swatch swatch-${shape}`, "aria-hidden": "true" });
  spot.style.setProperty("--colour", color); // through the CSSOM: the page's policy allows no style attributes
  return spot;
}

/** A bar of colours that run into each other, with what its two ends stand for beneath; or every stop with its words. */
export function ramp(entries: readonly LegendEntry[], named: boolean): HTMLElement {
  if (named) return el("ul", { class: "legend" }, ...entries.map(({ label, color }) => el("li", {}, swatch(color, "pixel"), label)));
  const bar = el("span", { class: "ramp-bar", "aria-hidden": "true" });
  bar.style.setProperty("--colours", entries.map(({ color }) => color).join(", "));
  const ends = [entries[0], entries.at(-1)].map((entry) => el("span", {}, entry?.label ?? ""));
  return el("div", { class: "ramp" }, bar, el("div", { class: "ramp-ends" }, ...ends));
}
