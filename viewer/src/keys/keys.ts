// The keys of the server, as those who manage see them. A key's text comes once, when it is made or rotated.
import { type Api, ApiError } from "../api.ts";

export const KEY_FUNCTIONS = ["basemap", "content", "common", "twin", "manage"] as const;
export const ANONYMOUS = "anonymous";
/** What the built-in key of callers without one may be given. */
export const ANONYMOUS_FUNCTIONS: readonly string[] = ["basemap", "content", "common", "twin"];
export const LONGEST_GRACE_DAYS = 30;

export type KeyState = "live" | "expired" | "revoked";

/** What a key opens, from where, how often (null: any number) and until when (null: for good). */
export interface KeyFields {
  name: string;
  functions: string[];
  access: "public" | "private";
  groups: string[];
  layers: string[] | null;
  referrers: string[];
  cidrs: string[];
  day_quota: number | null;
  month_quota: number | null;
  second_rate: number | null;
  expires: string | null;
}

/** One entry of `GET /api/keys`. `hint` is enough of its text to recognise it. */
export interface KeyInfo extends KeyFields {
  id: string;
  hint: string;
  state: KeyState;
  created: string;
  revoked: string | null;
  used_today?: number;
  used_this_month?: number;
}

export type NewKey = KeyInfo & { key: string };

export class Keys {
  constructor(private readonly api: Api) {}

  async all(): Promise<KeyInfo[]> {
    const answer = (await this.api.json("/api/keys")) as { keys?: unknown };
    if (!Array.isArray(answer?.keys)) throw new ApiError(-1, "/api/keys: keys");
    return answer.keys as KeyInfo[];
  }

  async create(fields: Partial<KeyFields>): Promise<NewKey> {
    return withText(await this.api.json("/api/keys", "POST", fields));
  }

  async change(id: string, changes: Partial<KeyFields>): Promise<KeyInfo> {
    return (await this.api.json(at(id), "PATCH", changes)) as KeyInfo;
  }

  async rotate(id: string, graceDays: number): Promise<NewKey> {
    return withText(await this.api.json(`${at(id)}/rotate`, "POST", { grace_days: graceDays }));
  }

  async revoke(id: string): Promise<void> {
    await this.api.send(at(id), "DELETE");
  }
}

function at(id: string): string {
  return `/api/keys/${encodeURIComponent(id)}`;
}

function withText(answer: unknown): NewKey {
  const made = answer as Partial<NewKey> | null;
  if (typeof made?.key !== "string" || typeof made.id !== "string") throw new ApiError(-1, "/api/keys: key");
  return made as NewKey;
}

/** The fields in which two keys differ, as the second has them. Order in lists means nothing. */
export function changed(before: KeyFields, after: KeyFields): Partial<KeyFields> {
  const plain = (value: unknown) => JSON.stringify(Array.isArray(value) ? [...value].sort() : value);
  const names = Object.keys(after) as (keyof KeyFields)[];
  return Object.fromEntries(names.filter((name) => plain(before[name]) !== plain(after[name])).map((name) => [name, after[name]]));
}

/** The last whole day of a key that ends at a midnight of `timezone`; null where it ends within a day. */
export function lastDay(expires: string | null, timezone: string): string | null {
  if (expires === null) return null;
  const text = (ms: number) =>
    new Intl.DateTimeFormat("sv-SE", { timeZone: timezone, dateStyle: "short", timeStyle: "medium" }).format(ms);
  const end = Date.parse(expires);
  return text(end).endsWith("00:00:00") ? text(end - 1000).slice(0, 10) : null;
}
