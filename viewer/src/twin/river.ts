// `river.json`: what pages need of a river terrain.
import type { Api } from "../api.ts";
import { number, numbers, numbersOrGaps, record, records, type Said, text, texts } from "./reading.ts";
import { between, type Series } from "./scales.ts";
import type { LonLat } from "./section.ts";

export interface RiverSection {
  id: string;
  chainage: number;
  line: LonLat[];
  station: number[];
  bed: Series;
}

export interface Reach {
  id: string;
  downstream: string | null;
  centreline: LonLat[];
  leftBank: LonLat[];
  rightBank: LonLat[];
  chainage: number[];
  thalweg: Series;
  stage: Series;
  left: Series;
  right: Series;
  sections: RiverSection[];
}

export interface Score {
  method: string;
  rmse: number | null;
  bias: number | null;
  thalweg: number | null;
  /** null: of all sections together. */
  section: string | null;
}

/** What a terrain was made from: a file in its role (ground, sections, …), or words. */
export interface Source {
  role: string | null;
  words: string;
}

export interface River {
  reaches: Reach[];
  scores: Score[];
  method: string | null;
  volumeChange: number | null;
  bankStep: number | null;
  datum: string | null;
  sources: Source[];
  warnings: string[];
}

export async function askRiver(api: Api, address: string): Promise<River> {
  return readRiver(await api.json(address));
}

export function readRiver(answer: unknown): River {
  const said = record(answer, "river.json");
  return {
    reaches: records(said["reaches"], "reaches").map(reachOf),
    scores: records(said["leave_one_out"] ?? [], "leave_one_out").flatMap(scoresOf),
    method: text(said["chosen_method"]),
    volumeChange: number(said["volume_change_m3"]),
    bankStep: number(said["max_bank_step_m"]),
    datum: text(said["vertical_datum"]),
    sources: Array.isArray(said["sources"]) ? said["sources"].map(sourceOf) : [],
    warnings: texts(said["warnings"]),
  };
}

function sourceOf(said: unknown): Source {
  if (typeof said !== "object" || said === null) return { role: null, words: String(said) };
  const { role, ...rest } = said as Said;
  const words = Object.values(rest).filter((value) => value !== null).map((value) => (Array.isArray(value) ? value.join(", ") : String(value)));
  return { role: text(role), words: words.join(" · ") };
}

function reachOf(said: Said): Reach {
  const profile = record(said["profile"], "profile");
  return {
    id: String(said["id"]),
    downstream: text(said["downstream"]),
    centreline: line(said["centreline"]),
    leftBank: line(said["left_bank"]),
    rightBank: line(said["right_bank"]),
    chainage: numbers(profile["chainage_m"], "chainage_m"),
    thalweg: numbersOrGaps(profile["thalweg_m"]),
    stage: numbersOrGaps(profile["water_stage_m"]),
    left: numbersOrGaps(profile["left_bank_m"]),
    right: numbersOrGaps(profile["right_bank_m"]),
    sections: records(said["sections"] ?? [], "sections").map(sectionOf),
  };
}

function sectionOf(said: Said): RiverSection {
  return {
    id: String(said["id"]),
    chainage: Number(said["chainage_m"]),
    line: line(said["line"]),
    station: numbers(said["station_m"], "station_m"),
    bed: numbersOrGaps(said["bed_elevation_m"]),
  };
}

/** One row of all sections together, then those by section where the answer has them. */
function scoresOf(said: Said): Score[] {
  const score = (row: Said, section: string | null): Score => ({
    method: String(row["method"] ?? said["method"]),
    rmse: number(row["rmse_m"]),
    bias: number(row["bias_m"]),
    thalweg: number(row["thalweg_rmse_m"] ?? row["thalweg_error_m"]),
    section,
  });
  const apart = Array.isArray(said["sections"]) ? records(said["sections"], "sections") : [];
  return [score(said, text(said["section"])), ...apart.map((row) => score(row, String(row["section"] ?? row["id"])))];
}

function line(value: unknown): LonLat[] {
  return Array.isArray(value) ? value.map((place) => [Number(place[0]), Number(place[1])] as const) : [];
}

/** Where a chainage lies on a reach's centre line: the line is measured as the chainages are, from end to end. */
export function placeAt({ centreline, chainage }: Reach, at: number): LonLat | null {
  const steps = [0];
  for (let index = 1; index < centreline.length; index += 1) {
    const [a, b] = [centreline[index - 1] as LonLat, centreline[index] as LonLat];
    steps.push((steps[index - 1] as number) + ground(a, b));
  }
  const whole = steps.at(-1) ?? 0;
  const end = Math.max(chainage.at(-1) ?? whole, whole * 0.5);
  const along = Math.min(at * (Math.abs(whole - end) < 0.01 * whole ? whole / end : 1), whole);
  const lon = between(steps, centreline.map((place) => place[0]), along);
  const lat = between(steps, centreline.map((place) => place[1]), along);
  return lon === null || lat === null ? null : [lon, lat];
}

/** Metres between two places, on a sphere: good to half a per cent, which places a marker. */
export function ground([lon0, lat0]: LonLat, [lon1, lat1]: LonLat): number {
  const rad = Math.PI / 180;
  const x = (lon1 - lon0) * rad * Math.cos(((lat0 + lat1) / 2) * rad);
  return 6_371_008.8 * Math.hypot(x, (lat1 - lat0) * rad);
}

/** The surveyed sections that come within `within` metres of a line, nearest first. */
export function sectionsNear(river: River, line: readonly LonLat[], within: number): [RiverSection, Reach, number][] {
  const found = river.reaches.flatMap((reach) =>
    reach.sections.map((section) => [section, reach, apart(section.line, line)] as [RiverSection, Reach, number]),
  );
  return found.filter(([, , distance]) => distance <= within).sort((a, b) => a[2] - b[2]);
}

/** Least distance between the vertices of one line and the other line, either way round. */
function apart(a: readonly LonLat[], b: readonly LonLat[]): number {
  return Math.min(...toLine(a, b), ...toLine(b, a));
}

function toLine(points: readonly LonLat[], line: readonly LonLat[]): number[] {
  return points.map((point) => {
    let least = Number.POSITIVE_INFINITY;
    for (let index = 1; index < line.length; index += 1) {
      least = Math.min(least, toSegment(point, line[index - 1] as LonLat, line[index] as LonLat));
    }
    return least;
  });
}

function toSegment(point: LonLat, from: LonLat, to: LonLat): number {
  const wide = Math.cos(point[1] * (Math.PI / 180));
  const [dx, dy] = [(to[0] - from[0]) * wide, to[1] - from[1]];
  const [px, py] = [(point[0] - from[0]) * wide, point[1] - from[1]];
  const share = Math.min(Math.max((px * dx + py * dy) / (dx * dx + dy * dy || 1), 0), 1);
  return ground(point, [from[0] + (to[0] - from[0]) * share, from[1] + (to[1] - from[1]) * share]);
}
