// What frames.json says of a run's animation: depths as pictures of 8 bits, d = scale · (value / 255)².
import { ApiError } from "../api.ts";

export interface Pack {
  width: number;
  height: number;
  /** West, south, east, north in degrees (WGS 84). */
  bounds: readonly [number, number, number, number];
  /** West, north, east, south of the web map's square, 0 to 1, southwards. */
  mercator: readonly [number, number, number, number];
  /** Output times in seconds since the start, rising. */
  times: readonly number[];
  /** The clock's time of second 0, ISO 8601. */
  start: string | null;
  mostDepth: number;
  /** Depths below this are shown as dry land. */
  leastDepth: number;
  address(index: number): string;
}

export function packAddress(layer: string): string {
  return `/flood/${layer}/frames.json`;
}

/** Checks what the server says. Throws ApiError -1 where it makes no sense. */
export function readPack(layer: string, value: unknown): Pack {
  const said = (value ?? {}) as Record<string, unknown>;
  const wrong = (what: string) => new ApiError(-1, `${packAddress(layer)}: ${what}`);
  const number = (name: string) => {
    if (!Number.isFinite(said[name]) || (said[name] as number) <= 0) throw wrong(name);
    return said[name] as number;
  };
  const numbers = (name: string, least: number) => {
    const list = said[name];
    if (!Array.isArray(list) || list.length < least || !list.every(Number.isFinite)) throw wrong(name);
    return list as number[];
  };
  if (said["encoding"] !== "sqrt8") throw wrong("encoding");
  const bounds = numbers("bounds", 4) as unknown as Pack["bounds"];
  const times = numbers("times_s", 1);
  const names = said["frames"];
  if (!Array.isArray(names) || names.length !== times.length) throw wrong("frames");
  const mostDepth = number("scale_m");
  return {
    width: number("width"),
    height: number("height"),
    bounds,
    mercator: [mercatorX(bounds[0]), mercatorY(bounds[3]), mercatorX(bounds[2]), mercatorY(bounds[1])],
    times,
    start: typeof said["start"] === "string" ? said["start"] : null,
    mostDepth,
    // a byte of 1 is wet however shallow; interpolated frames cross dry ground at half of it
    leastDepth: Math.max(Number(said["shown_from_m"] ?? 0) * 0.5, (mostDepth / 255 ** 2) * 0.5),
    address: (index) => `/flood/${layer}/${String(names[index])}`,
  };
}

function mercatorX(lon: number): number {
  return (lon + 180) / 360;
}

function mercatorY(lat: number): number {
  const sine = Math.sin((lat * Math.PI) / 180);
  return 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI);
}
