// The structures of a facilities layer, as the editor lists them.
import type { Api, LayerInfo } from "../api.ts";
import type { Language } from "../texts.ts";
import { type Box, nearestOn, type Place, shared } from "./geo.ts";

export interface Facility {
  id: string;
  type: string;
  names: { ko: string; en: string };
  status: string;
  /** Of a sluice gate: how far it stands open at first, and can, in metres. */
  opening: number | null;
  mostOpening: number | null;
  line: Place[];
}

/** Kinds whose state can be switched; levees can be breached; the rest stand as they are. */
export const SWITCHED = ["pump_station", "sluice_gate", "culvert", "weir"] as const;

/** Layers that may hold facilities where a terrain is, the likeliest first. */
export function facilityLayers(layers: readonly LayerInfo[], terrain: LayerInfo | null): LayerInfo[] {
  if (!terrain?.bounds) return [];
  const box = terrain.bounds as Box;
  const near = layers.filter((one) => one.kind === "vector" && one.function === "twin" && one.bounds && shared(one.bounds as Box, box));
  const likely = ({ id }: LayerInfo) => (id === `${terrain.id}-facilities` ? 0 : id.includes("facilit") ? 1 : 2);
  return near.filter((one) => likely(one) < 2).sort((a, b) => likely(a) - likely(b));
}

export async function askFacilities(api: Api, layer: string): Promise<Facility[]> {
  const answer = (await api.json(`/content/${layer}.geojson`)) as GeoJSON.FeatureCollection;
  return (answer.features ?? []).flatMap(facilityOf);
}

export function facilityOf({ properties, geometry }: GeoJSON.Feature): Facility[] {
  const said = (properties ?? {}) as Record<string, unknown>;
  const [id, type] = [said["id"], said["type"]];
  if (id === undefined || id === null || typeof type !== "string") return [];
  const number = (name: string) => (typeof said[name] === "number" ? (said[name] as number) : null);
  const name = String(said["name"] ?? id);
  return [
    {
      id: String(id),
      type,
      names: { ko: name, en: String(said["name_en"] ?? name) },
      status: String(said["status"] ?? "normal"),
      opening: type === "sluice_gate" ? (number("opening_m") ?? 0) : null,
      mostOpening: type === "sluice_gate" ? number("height_m") : null,
      line: lineOf(geometry),
    },
  ];
}

function lineOf(geometry: GeoJSON.Geometry | null): Place[] {
  if (geometry?.type === "LineString") return geometry.coordinates as unknown as Place[];
  if (geometry?.type === "MultiLineString") return geometry.coordinates.flat() as unknown as Place[];
  if (geometry?.type === "Polygon") return (geometry.coordinates[0] ?? []) as unknown as Place[];
  if (geometry?.type === "Point") return [geometry.coordinates as unknown as Place];
  return [];
}

/** The levee nearest to a place, within `most` metres, and the point on it. */
export function nearestLevee(all: readonly Facility[], place: Place, most: number): { levee: Facility; at: Place } | null {
  let best: { levee: Facility; at: Place; away: number } | null = null;
  for (const levee of all) {
    const found = levee.type === "levee" ? nearestOn(levee.line, place) : null;
    if (found && found.away <= most && (!best || found.away < best.away)) best = { levee, ...found };
  }
  return best;
}

export function nameOf({ id, names }: Facility, language: Language): string {
  return `${id} ${names[language]}`;
}
