// How often tiles were asked for, as classes of a colour ramp and as squares on the earth.
import type { Feature, FeatureCollection, Polygon } from "geojson";
import type { Heat } from "./ledger.ts";

/** From seldom to often; on the paper of the map, which is light in both schemes. */
export const HEAT_COLOURS = ["#fbd98b", "#f7a94f", "#e9712f", "#c8361f", "#7d1420"] as const;

/** The lower ends of the classes, ascending: each about as many times the one before. */
export function classes(requests: readonly number[]): number[] {
  const most = Math.max(1, ...requests);
  const count = Math.min(HEAT_COLOURS.length, most);
  const ends = Array.from({ length: count }, (_, index) => Math.ceil(most ** (index / count) - 1e-9));
  return [...new Set(ends)];
}

/** The class that a number of requests is in. */
export function classOf(requests: number, lower: readonly number[]): number {
  return Math.max(0, lower.findLastIndex((end) => requests >= end));
}

/** Tiles as squares, WGS 84 degrees; the smaller ones last, so that they lie on top. */
export function squares(tiles: Heat["tiles"], lower: readonly number[]): FeatureCollection<Polygon> {
  const sorted = [...tiles].sort(([z], [other]) => z - other);
  return { type: "FeatureCollection", features: sorted.map((tile) => square(tile, lower)) };
}

function square([z, x, y, requests]: Heat["tiles"][number], lower: readonly number[]): Feature<Polygon> {
  const [west, south, east, north] = tileBounds(z, x, y);
  const ring = [[west, south], [east, south], [east, north], [west, north], [west, south]];
  const shade = colourAt(classOf(requests, lower), lower.length);
  const properties = { tile: `${z}/${x}/${y}`, requests, colour: shade };
  return { type: "Feature", properties, geometry: { type: "Polygon", coordinates: [ring] } };
}

/** The colour of a class; few classes are spread over the whole ramp. */
export function colourAt(place: number, count: number): string {
  const index = count > 1 ? Math.round((place * (HEAT_COLOURS.length - 1)) / (count - 1)) : 2;
  return HEAT_COLOURS[index] ?? HEAT_COLOURS[0];
}

/** West, south, east, north of a tile of WebMercatorQuad in degrees (OGC 17-083r4, annex D.1). */
export function tileBounds(z: number, x: number, y: number): [number, number, number, number] {
  const longitude = (column: number) => (column / 2 ** z) * 360 - 180;
  const latitude = (row: number) => (Math.atan(Math.sinh(Math.PI * (1 - (2 * row) / 2 ** z))) * 180) / Math.PI;
  return [longitude(x), latitude(y + 1), longitude(x + 1), latitude(y)];
}

/** The box around all tiles, or null where there are none. */
export function heatBounds(tiles: Heat["tiles"]): [number, number, number, number] | null {
  if (tiles.length === 0) return null;
  const all = tiles.map(([z, x, y]) => tileBounds(z, x, y));
  const side = (index: 0 | 1 | 2 | 3) => all.map((bounds) => bounds[index]);
  const least = (values: number[]) => values.reduce((one, other) => Math.min(one, other));
  const most = (values: number[]) => values.reduce((one, other) => Math.max(one, other));
  return [least(side(0)), least(side(1)), most(side(2)), most(side(3))];
}
