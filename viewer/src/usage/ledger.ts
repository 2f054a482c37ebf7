// What was counted: requests, bytes, errors and visitors, by whatever one asks for.
import { type Api, ApiError } from "../api.ts";

export type Grain = "minute" | "hour" | "day" | "month";
export type Dimension = Grain | "key" | "function" | "layer" | "zoom" | "status";
export type Metric = "requests" | "bytes" | "errors" | "visitors";

/** `visitors` is null where distinct visitors were not counted apart. */
export interface Counts {
  requests: number;
  bytes: number;
  errors: number;
  visitors: number | null;
}

/** One line of an answer: the values of the dimensions asked for (`zoom` null: no tile), and what was counted. */
export type Row = Counts & Partial<Record<Dimension, string | number | null>>;

export interface Usage {
  from: string;
  to: string;
  timezone: string;
  by: Dimension[];
  rows: Row[];
  total: Counts;
}

/** How much of a quota is used; `resets_in_s` in seconds. */
export interface Allowance {
  limit: number;
  used: number;
  left: number;
  resets_in_s: number;
}

/** The usage of the key that asks, and its quotas: null where it has none. `second` in requests a second. */
export interface Mine extends Usage {
  quota: { day: Allowance | null; month: Allowance | null; second: number | null };
  key: { id: string; name: string };
}

/** Tiles that were asked for, as zoom, column, row (XYZ), requests. */
export interface Heat {
  layer: string;
  zoom: number | null;
  tiles: [z: number, x: number, y: number, requests: number][];
}

/** What is asked about: dates of the server's calendar, both included; an empty filter leaves all in. */
export interface Question {
  by: Dimension[];
  from?: string;
  to?: string;
  key?: string;
  layer?: string;
  function?: string;
}

export type FileFormat = "csv" | "xlsx";

export class Ledger {
  constructor(private readonly api: Api) {}

  /** Everybody's usage; only for keys that manage. */
  async all(question: Question): Promise<Usage> {
    return checked<Usage>(await this.api.json(address("/api/usage", question)), "/api/usage");
  }

  /** The usage and quotas of the key in use. */
  async mine(question: Question): Promise<Mine> {
    const answer = checked<Mine>(await this.api.json(address("/api/usage/mine", question)), "/api/usage/mine");
    if (!answer.quota || !answer.key) throw new ApiError(-1, "/api/usage/mine: quota");
    return answer;
  }

  async heat({ layer, from, to }: Question): Promise<Heat> {
    const answer = (await this.api.json(address("/api/usage/heatmap", { by: [], layer: layer ?? "", from: from ?? "", to: to ?? "" }))) as Heat;
    if (!Array.isArray(answer?.tiles)) throw new ApiError(-1, "/api/usage/heatmap: tiles");
    return answer;
  }

  /** An answer as a file; of everybody, or of the key in use. */
  async file(question: Question, format: FileFormat, mine: boolean): Promise<Blob> {
    const at = address(mine ? "/api/usage/mine" : "/api/usage", question);
    return (await this.api.get(`${at}${at.includes("?") ? "&" : "?"}format=${format}`)).blob();
  }
}

/** The question as an address; filters that are empty are left out. */
export function address(path: string, { by, ...filters }: Question): string {
  const asked = Object.entries(filters).filter(([, value]) => value);
  const query = new URLSearchParams(asked as [string, string][]);
  if (by.length > 0) query.set("by", by.join(","));
  const text = query.toString().replaceAll("%2C", ",");
  return text ? `${path}?${text}` : path;
}

function checked<T extends Usage>(value: unknown, path: string): T {
  const answer = value as T | null;
  if (!Array.isArray(answer?.rows) || typeof answer.total?.requests !== "number") throw new ApiError(-1, `${path}: rows`);
  return answer;
}
