// The selected feature is drawn by layers of our own whose opacity follows its feature state. Feature state
// needs ids in the tiles; features without one are shown in the card but not marked on the map.
import type { FilterSpecification, LayerSpecification, Map as MapLibreMap, StyleSpecification } from "maplibre-gl";
import type { Hit } from "./identify.ts";

const COLOUR = "#d9480f";
const CASING = "#ffffff";

/** Only while `selected` is set is a highlight layer to be seen. */
function whenSelected(opacity: number): ["case", ...unknown[]] {
  return ["case", ["boolean", ["feature-state", "selected"], false], opacity, 0];
}

/** Highlight layers for every source layer that `style` draws. */
export function highlightLayers(style: StyleSpecification): LayerSpecification[] {
  const drawn = new Map<string, { source: string; sourceLayer: string; types: Set<string> }>();
  for (const layer of style.layers) {
    if (!("source" in layer) || typeof layer.source !== "string" || !layer["source-layer"]) continue;
    const key = `${layer.source}--${layer["source-layer"]}`;
    const entry = drawn.get(key) ?? { source: layer.source, sourceLayer: layer["source-layer"], types: new Set() };
    drawn.set(key, { ...entry, types: entry.types.add(layer.type) });
  }
  return [...drawn.values()].flatMap(({ source, sourceLayer, types }) => forTypes(source, sourceLayer, types));
}

function forTypes(source: string, sourceLayer: string, types: Set<string>): LayerSpecification[] {
  const base = (part: string) => ({ id: `${sourceLayer}--selected-${part}`, source, "source-layer": sourceLayer });
  const outlines = ["fill", "fill-extrusion", "line"].some((type) => types.has(type));
  const points: FilterSpecification = ["==", ["geometry-type"], "Point"];
  return [
    ...(types.has("fill") ? [fill(base("fill"))] : []),
    ...(outlines ? [line(base("casing"), CASING, 6, 0.9), line(base("line"), COLOUR, 2.5, 1)] : []),
    ...(types.has("circle") ? [{ ...circle(base("circle")), filter: points }] : []),
  ] as LayerSpecification[];
}

type Base = { id: string; source: string; "source-layer": string };

function fill(base: Base) {
  return { ...base, type: "fill", paint: { "fill-color": COLOUR, "fill-opacity": whenSelected(0.14) } };
}

function line(base: Base, colour: string, width: number, opacity: number) {
  const paint = { "line-color": colour, "line-width": width, "line-opacity": whenSelected(opacity) };
  return { ...base, type: "line", layout: { "line-join": "round", "line-cap": "round" }, paint };
}

function circle(base: Base) {
  const paint = {
    "circle-radius": 10,
    "circle-color": COLOUR,
    "circle-opacity": whenSelected(0.18),
    "circle-stroke-color": COLOUR,
    "circle-stroke-width": 2.5,
    "circle-stroke-opacity": whenSelected(1),
  };
  return { ...base, type: "circle", paint };
}

/** Marks one feature at a time. */
export class Highlight {
  private marked: { source: string; sourceLayer: string; id: string | number } | null = null;

  constructor(private readonly map: MapLibreMap) {}

  mark(hit: Hit): void {
    this.clear();
    if (hit.featureId === null || !this.map.getSource(hit.source)) return;
    this.marked = { source: hit.source, sourceLayer: hit.sourceLayer, id: hit.featureId };
    this.map.setFeatureState(this.marked, { selected: true });
  }

  clear(): void {
    if (this.marked && this.map.getSource(this.marked.source)) this.map.removeFeatureState(this.marked);
    this.marked = null;
  }
}
