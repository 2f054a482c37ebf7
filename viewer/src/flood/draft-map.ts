// What the editor draws on the map: the domain, inflows, gauges, breaches, and a facility that is pointed at.
import type { GeoJSONSource, LayerSpecification } from "maplibre-gl";
import type { MapView } from "../map/view.ts";
import type { Draft } from "./draft.ts";
import type { Box, Place } from "./geo.ts";

const SOURCE = "flood-draft";
const INK = "#a3330b";
const BLUE = "#133a7c";

export class DraftMap {
  private draft: Draft | null = null;
  private stretched: Box | null = null;
  private near: readonly Place[] = [];
  private place: Place | null = null;

  constructor(private readonly view: MapView) {}

  show(draft: Draft | null): void {
    this.draft = draft;
    this.stretched = null;
    this.draw();
  }

  /** A rectangle that is being drawn. */
  stretch(box: Box): void {
    this.stretched = box;
    this.draw();
  }

  /** A facility that the list points at. */
  point(line: readonly Place[]): void {
    this.near = line;
    this.draw();
  }

  /** Where a depth is read; null: nowhere. */
  mark(place: Place | null): void {
    this.place = place;
    this.draw();
  }

  private draw(): void {
    const { map } = this.view;
    if (!map.getSource(SOURCE)) {
      map.addSource(SOURCE, { type: "geojson", data: { type: "FeatureCollection", features: [] } });
      for (const layer of LAYERS) this.view.placeOnTop(layer);
    }
    map.getSource<GeoJSONSource>(SOURCE)?.setData({ type: "FeatureCollection", features: this.features() });
  }

  private features(): GeoJSON.Feature[] {
    const { draft, near, place } = this;
    const box = this.stretched ?? draft?.box;
    return [
      ...(draft && box ? [feature("domain", ring(box))] : []),
      ...(near.length > 1 ? [feature("near", { type: "LineString", coordinates: near.map((at) => [...at]) })] : []),
      ...(near.length === 1 ? [point("near-point", near[0] as Place)] : []),
      ...(draft?.inflows ?? []).map(({ name, at }) => point("inflow", at, name)),
      ...(draft?.gauges ?? []).map(({ name, at }) => point("gauge", at, name)),
      ...(draft?.breaches ?? []).map(({ levee, at }) => point("breach", at, levee)),
      ...(place ? [point("asked", place)] : []),
    ];
  }
}

function ring([west, south, east, north]: Box): GeoJSON.Geometry {
  const corners = [[west, south], [east, south], [east, north], [west, north], [west, south]];
  return { type: "Polygon", coordinates: [corners] };
}

function feature(part: string, geometry: GeoJSON.Geometry, name = ""): GeoJSON.Feature {
  return { type: "Feature", properties: { part, name }, geometry };
}

function point(part: string, at: Place, name = ""): GeoJSON.Feature {
  return feature(part, { type: "Point", coordinates: [...at] }, name);
}

function layer(type: string, part: string, paint: object, id = part): LayerSpecification {
  return { id: `${SOURCE}--${id}`, type, source: SOURCE, filter: ["==", ["get", "part"], part], paint } as LayerSpecification;
}

function dot(part: string, colour: string, radius = 6): LayerSpecification {
  return layer("circle", part, { "circle-radius": radius, "circle-color": colour, "circle-stroke-color": "#ffffff", "circle-stroke-width": 2 });
}

const LABELS = {
  id: `${SOURCE}--names`,
  type: "symbol",
  source: SOURCE,
  filter: ["in", ["get", "part"], ["literal", ["inflow", "gauge", "breach"]]],
  layout: { "text-field": ["get", "name"], "text-size": 12, "text-anchor": "left", "text-offset": [0.8, 0], "text-optional": true },
  paint: { "text-color": "#1c2b33", "text-halo-color": "#ffffff", "text-halo-width": 1.5 },
} as unknown as LayerSpecification;

const LAYERS: readonly LayerSpecification[] = [
  layer("fill", "domain", { "fill-color": BLUE, "fill-opacity": 0.06 }, "domain-fill"),
  layer("line", "domain", { "line-color": "#ffffff", "line-width": 5, "line-opacity": 0.8 }, "domain-casing"),
  layer("line", "domain", { "line-color": BLUE, "line-width": 2, "line-dasharray": [3, 2] }),
  layer("line", "near", { "line-color": INK, "line-width": 5, "line-opacity": 0.8 }),
  dot("near-point", INK, 9),
  dot("inflow", BLUE),
  dot("gauge", "#1d7a46"),
  dot("breach", INK, 7),
  dot("asked", "#1c2b33"),
  LABELS,
];
