// The order in which style layers lie on each other: areas below lines below points below labels, whatever
// layer they belong to, so that no district's colour hides a bridge; then base map, content, twin.
import type { LayerSpecification } from "maplibre-gl";
import type { LayerFunction } from "../api.ts";

const RANK: Record<string, number> = {
  background: 0,
  raster: 1,
  hillshade: 1,
  "color-relief": 1,
  heatmap: 2,
  fill: 3,
  "fill-extrusion": 4,
  line: 5,
  circle: 6,
  symbol: 8,
};
export const HIGHLIGHT_RANK = 7;
const PICTURES: ReadonlySet<string> = new Set(["raster", "hillshade", "color-relief"]);
const FUNCTIONS: Record<LayerFunction, number> = { basemap: 0, content: 1, twin: 2 };

type Height = readonly number[];

/** Heights of style layers; answers beneath which one a new one must be put. */
export class Stack {
  private readonly entries: { id: string; height: Height }[] = [];

  /** Puts `id` at its place and returns the id of the layer just above it, if any. */
  insert(id: string, height: Height): string | undefined {
    const above = this.entries.findIndex((entry) => compare(entry.height, height) > 0);
    const at = above < 0 ? this.entries.length : above;
    const next = this.entries[at]?.id;
    this.entries.splice(at, 0, { id, height });
    return next;
  }

  remove(id: string): void {
    const at = this.entries.findIndex((entry) => entry.id === id);
    if (at >= 0) this.entries.splice(at, 1);
  }
}

/**
 * Height of one style layer. `position` is the layer's place in the list, `index` the place in its style. `ground`: it
 * covers its whole area with heights, so that other pictures of its function (the water's depth) lie above it.
 */
export function heightOf(
  type: LayerSpecification["type"] | "highlight",
  layerFunction: LayerFunction,
  position: number,
  index: number,
  ground = false,
): Height {
  const rank = type === "highlight" ? HIGHLIGHT_RANK : (RANK[type] ?? 5);
  return [rank, FUNCTIONS[layerFunction] ?? 1, ground ? 0 : 1, -position, index];
}

/** Whether a style layer draws a raster: there are no features in it to be found or marked. */
export function isPicture(type: LayerSpecification["type"]): boolean {
  return PICTURES.has(type);
}

function compare(a: Height, b: Height): number {
  const differing = a.findIndex((value, i) => value !== b[i]);
  return differing < 0 ? 0 : (a[differing] ?? 0) - (b[differing] ?? 0);
}
