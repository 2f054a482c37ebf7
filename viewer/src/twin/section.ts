// Heights along a line: from a river terrain with water and provenance, else from whatever heights there are.
import type { Api, LayerInfo } from "../api.ts";
import { number, numbers, numbersOrGaps, record, records, text } from "./reading.ts";
import type { Series } from "./scales.ts";

export type LonLat = readonly [lon: number, lat: number];

export const PROVENANCE = ["terrain", "surveyed", "interpolated", "levee", "bridge_removed", "building", "blended"] as const;
export type Provenance = (typeof PROVENANCE)[number] | "unknown";

export interface Bank {
  distance: number;
  side: "left" | "right" | null;
}

export interface Section {
  /** Whose heights; null where several layers' were put together. */
  layer: string | null;
  length: number;
  distance: number[];
  at: LonLat[];
  bed: Series;
  surface: Series;
  provenance: Provenance[] | null;
  banks: Bank[];
  datum: string | null;
}

const SAMPLES = 400;

/** Asks for the heights along `line`; `layer` null: the finest that there are. */
export async function askSection(api: Api, layer: LayerInfo | null, line: readonly LonLat[]): Promise<Section> {
  const wanted = `line=${line.map(([lon, lat]) => `${lon.toFixed(7)},${lat.toFixed(7)}`).join(";")}&samples=${SAMPLES}`;
  if (layer?.assets.section) return readSection(await api.json(`${layer.assets.section}?${wanted}`), layer.id);
  return readProfile(await api.json(`/common/profile?${wanted}${layer ? `&layer=${layer.id}` : ""}`), layer?.id ?? null);
}

/** The answer of `/common/profile`. */
export function readProfile(answer: unknown, layer: string | null): Section {
  const said = record(answer, "profile");
  const points = records(said["points"], "points");
  return {
    layer,
    length: Number(said["length_m"]),
    distance: numbers(points.map((point) => point["distance_m"]), "distance_m"),
    at: points.map((point) => point["at"] as LonLat),
    bed: numbersOrGaps(points.map((point) => point["elevation_m"])),
    surface: points.map(() => null),
    provenance: null,
    banks: [],
    datum: null,
  };
}

/** The answer of `/terrain/{layer}/section`. */
export function readSection(answer: unknown, layer: string): Section {
  const said = record(answer, "section");
  const distance = numbers(said["distance_m"], "distance_m");
  const [lon, lat] = [numbers(said["lon"], "lon"), numbers(said["lat"], "lat")];
  const bed = numbersOrGaps(said["bed_elevation_m"]);
  const depth = numbersOrGaps(said["water_depth_m"]);
  const origins = Array.isArray(said["provenance"]) ? said["provenance"].map(provenanceOf) : null;
  return {
    layer,
    length: Number(said["length_m"]),
    distance,
    at: distance.map((_, index) => [lon[index] ?? 0, lat[index] ?? 0] as const),
    bed,
    surface: waterSurface(distance, bed, depth, number(said["water_stage_m"]), number(said["resolution_m"]) ?? 0),
    provenance: origins,
    banks: records(said["banks"] ?? [], "banks").map((bank) => ({ distance: Number(bank["distance_m"]), side: sideOf(bank["side"]) })),
    datum: text(said["vertical_datum"]),
  };
}

/**
 * The water's surface along the line, from depths of cells. Between a wet cell and a dry one the depth is a mean that
 * lifts bed and depth above the surface, so within a cell of the shore the surface is that of the water further out,
 * or the stage. Just beyond the shore it goes on below the ground, for the chart to end the water where they meet.
 */
export function waterSurface(distance: readonly number[], bed: Series, depth: Series, stage: number | null, cell: number): (number | null)[] {
  const found: (number | null)[] = bed.map(() => null);
  const wet = (index: number) => (depth[index] ?? 0) > 0 && (bed[index] ?? null) !== null;
  for (let from = 0; from < bed.length; from += 1) {
    if (!wet(from)) continue;
    let to = from;
    while (wet(to + 1)) to += 1;
    const [start, end] = [distance[from] as number, distance[to] as number];
    const margin = Math.min(1.5 * cell, (end - start) / 2);
    const open = (index: number) => Math.min(Math.max(index, first), last);
    const first = distance.findIndex((at, index) => index >= from && at >= start + margin - 1e-9);
    const last = Math.max(first, distance.findLastIndex((at, index) => index <= to && at <= end - margin + 1e-9));
    for (let index = Math.max(from - 1, 0); index <= Math.min(to + 1, bed.length - 1); index += 1) {
      const far = open(index);
      const level = stage ?? (bed[far] as number) + (depth[far] as number);
      const height = bed[index] ?? null;
      if (height !== null && (wet(index) || level <= height)) found[index] = level;
    }
    from = to;
  }
  return found;
}

function provenanceOf(value: unknown): Provenance {
  return PROVENANCE.find((name) => name === value) ?? "unknown";
}

function sideOf(value: unknown): Bank["side"] {
  return value === "left" || value === "right" ? value : null;
}

/** Depth where water stands over the bed, else null. */
export function depths({ bed, surface }: Pick<Section, "bed" | "surface">): (number | null)[] {
  return bed.map((height, index) => {
    const stage = surface[index] ?? null;
    return height === null || stage === null || stage <= height ? null : stage - height;
  });
}

/** `lon,lat; lon,lat; …` as people type it; null where it is no line on the earth. */
export function typedLine(typed: string): LonLat[] | null {
  const places = typed.split(/[;\n]/).filter((part) => part.trim() !== "").map((part) => part.trim().split(/[\s,]+/).map(Number));
  const sane = places.every(([lon, lat, ...more]) => more.length === 0 && within(lon, 180) && within(lat, 85));
  return sane && places.length >= 2 ? places.map(([lon, lat]) => [lon as number, lat as number] as const) : null;
}

function within(value: number | undefined, most: number): boolean {
  return value !== undefined && Math.abs(value) <= most;
}

/** The section as a table for spreadsheets: a byte order mark, so that Excel reads the Korean heads. */
export function sectionCsv(section: Section, heads: readonly string[]): string {
  const deep = depths(section);
  const cell = (value: number | null | undefined) => (value === null || value === undefined ? "" : String(Number(value.toFixed(4))));
  const rows = section.distance.map((distance, index) => {
    const [lon, lat] = section.at[index] as LonLat;
    const figures = [distance, section.bed[index], section.surface[index], deep[index]].map(cell);
    return [...figures, section.provenance?.[index] ?? "", lon.toFixed(7), lat.toFixed(7)].join(",");
  });
  return `\uFEFF${[heads.join(","), ...rows].join("\r\n")}\r\n`;
}
