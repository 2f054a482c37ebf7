import { el } from "../dom.ts";

/** A spot of a layer's colour in the shape of its geometry. */
export function swatch(color: string, geometry: string | null): HTMLElement {
  const shape = /point/i.test(geometry ?? "") ? "point" : /line/i.test(geometry ?? "") ? "line" : "area";
  const spot = el("span", { class: `swatch swatch-${shape}`, "aria-hidden": "true" });
  spot.style.setProperty("--colour", color); // through the CSSOM: the page's policy allows no style attributes
  return spot;
}
