import type { LegendEntry } from "../api.ts";
import { el } from "../dom.ts";

/** A spot of a layer's colour in the shape of its geometry. */
export function swatch(color: string, geometry: string | null): HTMLElement {
  const shape = /point/i.test(geometry ?? "") ? "point" : /line/i.test(geometry ?? "") ? "line" : "area";
  const spot = el("span", { class: `swatch swatch-${shape}`, "aria-hidden": "true" });
  spot.style.setProperty("--colour", color); // through the CSSOM: the page's policy allows no style attributes
  return spot;
}

/** A bar of colours that run into each other, with what its two ends stand for beneath. */
export function ramp(entries: readonly LegendEntry[]): HTMLElement {
  const bar = el("span", { class: "ramp-bar", "aria-hidden": "true" });
  bar.style.setProperty("--colours", entries.map(({ color }) => color).join(", "));
  const ends = [entries[0], entries.at(-1)].map((entry) => el("span", {}, entry?.label ?? ""));
  return el("div", { class: "ramp" }, bar, el("div", { class: "ramp-ends" }, ...ends));
}
