// What the tools draw over everything: a line being drawn, sections near it, where a chart's cursor stands.
import type { GeoJSONSource, LayerSpecification } from "maplibre-gl";
import type { MapView } from "./view.ts";

const SOURCE = "naru-sketch";
const INK = "#a3330b";
const SURVEY = "#133a7c";

export type Place = readonly [lon: number, lat: number];

interface Drawn {
  line: readonly Place[];
  /** Surveyed sections, and which of them is chosen. */
  sections: readonly (readonly Place[])[];
  chosen: readonly Place[] | null;
  cursor: Place | null;
}

const NOTHING: Drawn = { line: [], sections: [], chosen: null, cursor: null };

export class Sketch {
  private drawn = NOTHING;

  constructor(private readonly view: MapView) {}

  /** Changes some of what is drawn. */
  draw(change: Partial<Drawn>): void {
    this.drawn = { ...this.drawn, ...change };
    const { map } = this.view;
    if (!map.getSource(SOURCE)) this.begin();
    map.getSource<GeoJSONSource>(SOURCE)?.setData({ type: "FeatureCollection", features: features(this.drawn) });
  }

  clear(): void {
    if (this.view.map.getSource(SOURCE)) this.draw(NOTHING);
  }

  private begin(): void {
    this.view.map.addSource(SOURCE, { type: "geojson", data: { type: "FeatureCollection", features: [] } });
    for (const layer of LAYERS) this.view.placeOnTop(layer);
  }
}

function features({ line, sections, chosen, cursor }: Drawn): GeoJSON.Feature[] {
  return [
    ...sections.map((section) => lineFeature(section, "section")),
    ...(chosen ? [lineFeature(chosen, "chosen")] : []),
    ...(line.length > 1 ? [lineFeature(line, "line")] : []),
    ...line.map((place) => pointFeature(place, "vertex")),
    ...(cursor ? [pointFeature(cursor, "cursor")] : []),
  ];
}

function lineFeature(places: readonly Place[], part: string): GeoJSON.Feature {
  const coordinates = places.map((place) => [...place]);
  return { type: "Feature", properties: { part }, geometry: { type: "LineString", coordinates } };
}

function pointFeature(place: Place, part: string): GeoJSON.Feature {
  return { type: "Feature", properties: { part }, geometry: { type: "Point", coordinates: [...place] } };
}

const of = (part: string) => ["==", ["get", "part"], part] as ["==", ["get", string], string];

function line(id: string, part: string, paint: object): LayerSpecification {
  const layout = { "line-join": "round" as const, "line-cap": "round" as const };
  return { id: `${SOURCE}--${id}`, type: "line", source: SOURCE, filter: of(part), layout, paint } as LayerSpecification;
}

function circle(part: string, paint: object): LayerSpecification {
  return { id: `${SOURCE}--${part}`, type: "circle", source: SOURCE, filter: of(part), paint } as LayerSpecification;
}

const LAYERS: readonly LayerSpecification[] = [
  line("section", "section", { "line-color": SURVEY, "line-width": 1.5, "line-opacity": 0.8 }),
  line("chosen-casing", "chosen", { "line-color": "#ffffff", "line-width": 6 }),
  line("chosen", "chosen", { "line-color": SURVEY, "line-width": 3 }),
  line("line-casing", "line", { "line-color": "#ffffff", "line-width": 6, "line-opacity": 0.9 }),
  line("line", "line", { "line-color": INK, "line-width": 2.5 }),
  circle("vertex", { "circle-radius": 4.5, "circle-color": "#ffffff", "circle-stroke-color": INK, "circle-stroke-width": 2 }),
  circle("cursor", { "circle-radius": 7, "circle-color": INK, "circle-stroke-color": "#ffffff", "circle-stroke-width": 2.5 }),
];
