// The map: layers come and go, keep their order, and are asked what lies under a point.
import {
  type CustomLayerInterface,
  type LayerSpecification,
  Map as MapLibreMap,
  type MapOptions,
  type RasterDEMSourceSpecification,
  ScaleControl,
  type StyleSpecification,
  setWorkerUrl,
} from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";
import type { Api, LayerInfo } from "../api.ts";
import { MAP_FONTS } from "../fonts.ts";
import type { Position } from "../permalink.ts";
import { Highlight, highlightLayers } from "./highlight.ts";
import { type Hit, hitsAt } from "./identify.ts";
import { featureName, labelFields } from "./names.ts";
import { scaledPaint } from "./opacity.ts";
import { heightOf, isPicture, Stack } from "./stack.ts";

const PAPER = "#f3f1ec";
const SHADE = "naru-ground-shade--hillshade";
const KOREA: [number, number, number, number] = [124.5, 33.0, 131.0, 38.7];

const TOP = [99];
/** Over all pictures and all areas but the twin's own: water lies over districts and among buildings. */
const FLOOD = [3, 1.5];

export type Bounds = [west: number, south: number, east: number, north: number];
export type Padding = { top: number; bottom: number; left: number; right: number };

interface Drawn {
  info: LayerInfo;
  style: StyleSpecification;
  layers: LayerSpecification[];
  labelFields: string[];
}

/** Throws what MapLibre throws when the browser has no WebGL 2. */
export class MapView {
  readonly map: MapLibreMap;
  readonly highlight: Highlight;
  private readonly stack = new Stack();
  private readonly drawn = new Map<string, Drawn>();
  private readonly owners = new Map<string, string>();

  constructor(container: HTMLElement, api: Api, position: Position | null) {
    setWorkerUrl(new URL(workerUrl, import.meta.url).href);
    this.map = new MapLibreMap({ container, ...startingAt(position), ...options(api) });
    this.map.addControl(new ScaleControl({ unit: "metric", maxWidth: 96 }), "bottom-right");
    this.map.touchZoomRotate.disableRotation();
    this.highlight = new Highlight(this.map);
  }

  /** Resolves when layers may be added. */
  ready(): Promise<void> {
    return new Promise((resolve) => {
      if (this.map.isStyleLoaded()) resolve();
      else this.map.once("style.load", () => resolve());
    });
  }

  has(id: string): boolean {
    return this.drawn.has(id);
  }

  /** Adds a layer's sources and style layers at their heights; `position` is its place in the list. */
  add(info: LayerInfo, style: StyleSpecification, position: number): void {
    const layers = style.layers.filter((layer) => layer.type !== "background");
    for (const [name, source] of Object.entries(style.sources)) this.map.addSource(name, source);
    const ground = info.kind === "raster" && Boolean(info.assets.section);
    layers.forEach((layer, index) => this.place(layer, heightOf(layer.type, info.function, position, index, ground)));
    const marks = highlightLayers({ ...style, layers });
    marks.forEach((layer, index) => this.place(layer, heightOf("highlight", info.function, position, index)));
    for (const layer of layers) if (!isPicture(layer.type)) this.owners.set(layer.id, info.id);
    this.drawn.set(info.id, { info, style, layers: [...layers, ...marks], labelFields: labelFields(style) });
  }

  /** Every layer that is on the map, with its style. */
  get styles(): [info: LayerInfo, style: StyleSpecification][] {
    return [...this.drawn.values()].map(({ info, style }) => [info, style]);
  }

  /** Adds more style layers to a layer that is on the map already: they come and go, fade and are hit with it. */
  extend(id: string, layers: readonly LayerSpecification[], position: number): void {
    const drawn = this.drawn.get(id);
    if (!drawn) return;
    layers.forEach((layer, index) => this.place(layer, heightOf(layer.type, drawn.info.function, position, index)));
    for (const layer of layers) this.owners.set(layer.id, id);
    drawn.layers.push(...layers);
  }

  /** Takes style layers off the map that were added by `extend`. */
  shrink(id: string, ids: readonly string[]): void {
    const drawn = this.drawn.get(id);
    if (!drawn) return;
    for (const layer of drawn.layers.filter((one) => ids.includes(one.id))) this.take(layer.id);
    drawn.layers = drawn.layers.filter((one) => !ids.includes(one.id));
  }

  /** Adds a style layer over all others, which no click finds. */
  placeOnTop(layer: LayerSpecification): void {
    this.place(layer, TOP);
  }

  /** Adds what a flood run shows: over pictures and districts, beneath buildings and lines. */
  placeFlood(layer: LayerSpecification | CustomLayerInterface): void {
    this.map.addLayer(layer, this.stack.insert(layer.id, FLOOD));
  }

  /** Takes a style layer off the map that was added by `placeFlood`, and its source where it has one. */
  takeFlood(id: string): void {
    const layer = this.map.getLayer(id);
    if (!layer) return;
    this.take(id);
    if (layer.source && this.map.getSource(layer.source)) this.map.removeSource(layer.source);
  }

  /** Shades the ground from heights under all areas, or (null) no more. */
  shade(heights: { source: string; sourceIn(): RasterDEMSourceSpecification } | null): void {
    const there = this.map.getLayer(SHADE);
    if (heights && !there) {
      this.map.addSource(heights.source, heights.sourceIn());
      this.place({ id: SHADE, type: "hillshade", source: heights.source }, heightOf("hillshade", "twin", 0, 0));
    } else if (!heights && there) {
      const { source } = there;
      this.take(SHADE);
      this.map.removeSource(source);
    }
  }

  remove(id: string): void {
    const drawn = this.drawn.get(id);
    if (!drawn) return;
    for (const layer of drawn.layers) this.take(layer.id);
    for (const name of Object.keys(drawn.style.sources)) this.map.removeSource(name);
    this.drawn.delete(id);
  }

  removeAll(): void {
    this.highlight.clear();
    for (const id of [...this.drawn.keys()]) this.remove(id);
  }

  setVisible(id: string, visible: boolean): void {
    for (const layer of this.drawn.get(id)?.layers ?? []) {
      this.map.setLayoutProperty(layer.id, "visibility", visible ? "visible" : "none");
    }
  }

  setOpacity(id: string, opacity: number): void {
    for (const layer of this.drawn.get(id)?.layers ?? []) {
      if (!this.owners.has(layer.id) && !isPicture(layer.type)) continue; // the highlight stays as it is
      for (const [property, value] of scaledPaint(layer, opacity)) {
        this.map.setPaintProperty(layer.id, property as "fill-opacity", value as number);
      }
    }
  }

  /** Features at a point of the screen, topmost first. */
  hits(point: { x: number; y: number }): Hit[] {
    return hitsAt(this.map, point, this.owners);
  }

  nameOf(hit: Hit): string | null {
    return featureName(hit.properties, this.drawn.get(hit.layer)?.labelFields ?? []);
  }

  fit(bounds: Bounds | null, padding: Padding, animate: boolean): void {
    this.map.fitBounds(bounds ?? KOREA, { padding, maxZoom: 17, ...(animate ? {} : { duration: 0 }) });
  }

  /** Moves the map up where `point` would lie under something that begins at `top`, both in CSS pixels. */
  lift(point: { y: number }, top: number): void {
    const margin = 48;
    if (point.y > top - margin) this.map.panBy([0, point.y - top + margin]);
  }

  position(): Position {
    const { lng, lat } = this.map.getCenter();
    return {
      zoom: this.map.getZoom(),
      latitude: lat,
      longitude: lng,
      bearing: this.map.getBearing(),
      pitch: this.map.getPitch(),
    };
  }

  jump(position: Position): void {
    this.map.jumpTo(startingAt(position));
  }

  private take(layer: string): void {
    this.map.removeLayer(layer);
    this.stack.remove(layer);
    this.owners.delete(layer);
  }

  private place(layer: LayerSpecification, height: readonly number[]): void {
    this.map.addLayer(layer, this.stack.insert(layer.id, height));
  }
}

/** The bounds around all of `layers`, or null when none has any. */
export function unionBounds(layers: readonly LayerInfo[]): Bounds | null {
  const all = layers.flatMap((layer) => (layer.bounds ? [layer.bounds] : []));
  if (all.length === 0) return null;
  const side = (i: 0 | 1 | 2 | 3) => all.map((bounds) => bounds[i]);
  return [Math.min(...side(0)), Math.min(...side(1)), Math.max(...side(2)), Math.max(...side(3))];
}

function startingAt(position: Position | null): Pick<MapOptions, "center" | "zoom" | "bearing" | "pitch"> {
  if (!position) return { center: [127.8, 36.2], zoom: 6 };
  const { zoom, longitude, latitude, bearing, pitch } = position;
  return { center: [longitude, latitude], zoom, bearing, pitch };
}

function options(api: Api): Omit<MapOptions, "container"> {
  return {
    style: {
      version: 8,
      sources: {},
      layers: [{ id: "paper", type: "background", paint: { "background-color": PAPER } }],
    },
    // no glyph server: all text is drawn from the shipped font
    localIdeographFontFamily: MAP_FONTS,
    transformRequest: (url) => api.request(url),
    attributionControl: false, // ours lists sources as text
    maxPitch: 60,
    maxZoom: 22,
    fadeDuration: 150,
  };
}
