// Series of a run: what its gauges, flow sections and structures recorded, and the depth at any place.
import { type Api, ApiError } from "../api.ts";
import type { Place } from "./geo.ts";

export interface Recorded {
  kind: "gauge" | "section" | "structure";
  name: string;
  /** By quantity: `stage_m`, `discharge_m3_s`. */
  values: Record<string, (number | null)[]>;
  times: number[];
}

export interface DepthAt {
  /** Whether the place was modelled at all. */
  inside: boolean;
  times: number[];
  depth: (number | null)[];
  /** Greatest depth of all steps, m; null where it is not known. */
  most: number | null;
}

/** What was recorded of one gauge, section or structure. */
export function recordedOf(kind: Recorded["kind"], name: string, value: unknown): Recorded {
  const said = (value ?? {}) as Record<string, unknown>;
  const times = numbers(said["time_s"]);
  if (!times) throw new ApiError(-1, `${name}: time_s`);
  const found = Object.entries(said).filter(([key, list]) => Array.isArray(list) && list.length === times.length && key !== "time_s");
  return { kind, name, times, values: Object.fromEntries(found.map(([key, list]) => [key, (list as unknown[]).map(numberOrNull)])) };
}

export async function askDepthAt(api: Api, layer: string, [lon, lat]: Place): Promise<DepthAt> {
  const said = (await api.json(`/flood/${layer}/at?lon=${lon}&lat=${lat}`)) as Record<string, unknown>;
  const times = numbers(said["times_s"]);
  const depth = said["depth_m"];
  if (!times || !(depth === null || Array.isArray(depth))) throw new ApiError(-1, `/flood/${layer}/at: times_s, depth_m`);
  const list = depth === null ? times.map(() => null) : depth.map(numberOrNull);
  return { inside: depth !== null, times, depth: list, most: typeof said["max_depth_m"] === "number" ? said["max_depth_m"] : null };
}

function numbers(value: unknown): number[] | null {
  return Array.isArray(value) && value.every(Number.isFinite) ? (value as number[]) : null;
}

function numberOrNull(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
