// The address bar holds what is seen: `#map=11.2/37.5512/126.9882&layers=seoul-gu,dong:60&lang=ko`.
// Map is zoom/latitude/longitude[/bearing/pitch]; a layer may carry its opacity in per cent. `3d=dem:1.5` says that
// the ground stands up, that layer's heights drawn 1.5 times as high; `3d=1.5` leaves the choice of the layer to the page.
import type { Language } from "./texts.ts";

export interface Position {
  zoom: number;
  latitude: number;
  longitude: number;
  bearing: number;
  pitch: number;
}

/** The ground in 3D: whose heights (null: whichever fits best), and how many times as high as they are. */
export interface ReliefChoice {
  layer: string | null;
  exaggeration: number;
}

export const EXAGGERATION = { least: 1, most: 5, usual: 1.5, step: 0.5 };

export interface Permalink {
  position: Position | null;
  /** Visible layers and their opacity 0…1; null when the link does not say. */
  layers: Map<string, number> | null;
  /** null: flat. */
  relief: ReliefChoice | null;
  language: Language | null;
}

const LAYER = /^([a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?)(?::(\d{1,3}))?$/;
const RELIEF = /^(?:([a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?):)?(\d(?:\.\d{1,2})?)$/;

/** Reads a location hash; whatever it does not understand it leaves out. */
export function readPermalink(hash: string): Permalink {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  return {
    position: readPosition(parts.get("map")),
    layers: readLayers(parts.get("layers")),
    relief: readRelief(parts.get("3d")),
    language: readLanguage(parts.get("lang")),
  };
}

/** Writes a location hash, readable by people: no percent signs where none are needed. */
export function writePermalink(
  position: Position,
  layers: ReadonlyMap<string, number>,
  language: Language,
  relief: ReliefChoice | null = null,
): string {
  const names = [...layers].map(([id, opacity]) => (opacity < 1 ? `${id}:${Math.round(opacity * 100)}` : id));
  return `#map=${writePosition(position)}&layers=${names.join(",")}${writeRelief(relief)}&lang=${language}`;
}

function readPosition(text: string | null): Position | null {
  const [zoom, latitude, longitude, bearing = 0, pitch = 0] = (text ?? "").split("/").map(Number);
  if (zoom === undefined || latitude === undefined || longitude === undefined) return null;
  const sane = within(zoom, 0, 24) && within(latitude, -85.06, 85.06) && within(longitude, -360, 360);
  return sane && within(bearing, -360, 360) && within(pitch, 0, 85)
    ? { zoom, latitude, longitude, bearing, pitch }
    : null;
}

function within(value: number, low: number, high: number): boolean {
  return value >= low && value <= high;
}

function readLayers(text: string | null): Map<string, number> | null {
  if (text === null) return null;
  const layers = new Map<string, number>();
  for (const [, id, percent] of text.split(",").map((item) => LAYER.exec(item) ?? [])) {
    if (id !== undefined) layers.set(id, Math.min(Number(percent ?? 100), 100) / 100);
  }
  return layers;
}

function readRelief(text: string | null): ReliefChoice | null {
  const [, layer = null, factor] = RELIEF.exec(text ?? "") ?? [];
  const exaggeration = Number(factor);
  return within(exaggeration, EXAGGERATION.least, EXAGGERATION.most) ? { layer, exaggeration } : null;
}

function writeRelief(relief: ReliefChoice | null): string {
  if (!relief) return "";
  return `&3d=${relief.layer ? `${relief.layer}:` : ""}${round(relief.exaggeration, 2)}`;
}

function readLanguage(text: string | null): Language | null {
  return text === "ko" || text === "en" ? text : null;
}

function writePosition({ zoom, latitude, longitude, bearing, pitch }: Position): string {
  // a screen pixel at zoom z is 360/(256·2^z) degrees: keep as many decimals as that needs
  const decimals = Math.max(0, Math.ceil((zoom * Math.LN2 + Math.log(256 / 360)) / Math.LN10));
  const place = [round(zoom, 2), latitude.toFixed(decimals), longitude.toFixed(decimals)];
  const turned = bearing !== 0 || pitch !== 0;
  return [...place, ...(turned ? [round(bearing, 1), round(pitch, 1)] : [])].join("/");
}

function round(value: number, decimals: number): string {
  return String(Number(value.toFixed(decimals)));
}
