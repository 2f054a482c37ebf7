// The address bar: `#run=ID&with=ID&t=SECONDS&show=depth&map=ZOOM/LATITUDE/LONGITUDE&lang=ko`.
import { type Position, readPermalink } from "../permalink.ts";
import type { Language } from "../texts.ts";

const OF_MANY = ["mean-depth", "exceedance-0-1m", "exceedance-0-3m", "exceedance-0-5m", "exceedance-1-0m"] as const;
export const SHOWS = ["depth", "max-depth", ...OF_MANY, "max-velocity", "max-hazard", "arrival", "duration", "difference"] as const;
/** What of a run is on the map: its depth over time, one of its maxima, what many have in common, or a difference. */
export type Show = (typeof SHOWS)[number];

export interface FloodLink {
  run: string | null;
  /** The run that it is compared with. */
  other: string | null;
  /** Seconds since the scenario's start. */
  time: number | null;
  show: Show | null;
  position: Position | null;
  language: Language | null;
}

const ID = /^[A-Za-z0-9][\w.-]{0,80}$/;

/** Reads a location hash; whatever it does not understand it leaves out. */
export function readLink(hash: string): FloodLink {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  const id = (name: string) => (ID.test(parts.get(name) ?? "") ? parts.get(name) : null);
  const time = Number(parts.get("t") ?? Number.NaN);
  const show = SHOWS.find((one) => one === parts.get("show")) ?? null;
  const { position, language } = readPermalink(hash);
  return { run: id("run"), other: id("with"), time: Number.isFinite(time) && time >= 0 ? time : null, show, position, language };
}

export function writeLink({ run, other, time, show, position, language }: FloodLink): string {
  const parts: string[] = [];
  if (run) parts.push(`run=${run}`);
  if (run && other) parts.push(`with=${other}`);
  if (run && time !== null) parts.push(`t=${Math.round(time)}`);
  if (run && show && show !== "depth") parts.push(`show=${show}`);
  if (position) parts.push(`map=${position.zoom.toFixed(2)}/${position.latitude.toFixed(5)}/${position.longitude.toFixed(5)}`);
  if (language) parts.push(`lang=${language}`);
  return `#${parts.join("&")}`;
}
