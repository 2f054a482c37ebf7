// What the server offers, and how its refusals become errors with a status.
import type { StyleSpecification } from "maplibre-gl";
import { absolute, isOwn } from "./urls.ts";

export type LayerFunction = "basemap" | "content" | "twin";

export interface LegendEntry {
  label: string;
  color: string;
}

export interface LayerAssets {
  mesh?: string;
  models?: string;
  river?: string;
  section?: string;
  bed?: Record<string, string>;
}

/** One entry of `GET /api/layers`. Bounds are west, south, east, north in degrees (WGS 84). */
export interface LayerInfo {
  id: string;
  title: { ko: string; en: string };
  kind: "vector" | "raster";
  function: LayerFunction;
  visibility: string;
  geometry: string | null;
  bounds: [number, number, number, number] | null;
  minzoom: number;
  maxzoom: number;
  features: number | null;
  licence: string | null;
  attribution: string | null;
  version: string;
  updated: string | null;
  tilejson: string;
  style: string;
  /** Addresses of what belongs to the layer beside its tiles; `section` where heights along a line can be had. */
  assets: LayerAssets;
  legend: LegendEntry[];
  /** `ramp`: the colours run into each other from the first entry, the lowest value, to the last. */
  legend_type?: "classes" | "ramp";
}

/** A refusal (status from HTTP), an unreachable server (status 0) or an answer of the wrong shape (status -1). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly detail: string,
    readonly retryAfter: number | null = null,
    /** The problem's own name and the field it is about, where the server gave them. */
    readonly code: string | null = null,
    readonly field: string | null = null,
  ) {
    super(detail);
  }
}

export class Api {
  constructor(
    private readonly base: URL,
    private readonly key: () => string | null,
  ) {}

  async layers(): Promise<LayerInfo[]> {
    const answer = (await this.json("/api/layers")) as { layers?: unknown };
    if (!Array.isArray(answer?.layers)) throw new ApiError(-1, "/api/layers: layers");
    return answer.layers.map(checkedLayer);
  }

  async style(info: LayerInfo): Promise<StyleSpecification> {
    const style = (await this.json(info.style)) as StyleSpecification;
    if (style?.version !== 8 || !Array.isArray(style.layers)) throw new ApiError(-1, `${info.style}: version 8`);
    return style;
  }

  /** Absolute address and headers of a request; the key goes to our own origin only. */
  request(address: string): { url: string; headers: Record<string, string> } {
    const url = absolute(address, this.base);
    const key = this.key();
    return { url, headers: key && isOwn(url, this.base) ? { "X-API-Key": key } : {} };
  }

  /** The answer to a GET of `address`. */
  async get(address: string): Promise<Response> {
    return this.send(address);
  }

  /** The answer to any request; `said` goes along as JSON. */
  async send(address: string, method = "GET", said: object | null = null, signal?: AbortSignal): Promise<Response> {
    const { url, headers } = this.request(address);
    const content: RequestInit = said ? { body: JSON.stringify(said) } : {};
    if (said) headers["Content-Type"] = "application/json";
    const response = await fetch(url, { method, headers, ...content, ...(signal ? { signal } : {}) }).catch(
      (cause: unknown) => {
        if (signal?.aborted) throw cause;
        throw new ApiError(0, String(cause));
      },
    );
    if (!response.ok) throw await refusal(response);
    return response;
  }

  /** The JSON of an answer. */
  async json(address: string, method = "GET", said: object | null = null): Promise<unknown> {
    const response = await this.send(address, method, said);
    return response.json().catch(() => {
      throw new ApiError(-1, `${address}: JSON`);
    });
  }
}

/** What a response that is not OK says. */
export async function refusal(response: Response): Promise<ApiError> {
  const problem: unknown = await response.json().catch(() => null); // a proxy's refusal may be HTML
  return refusalOf(response.status, problem, response.statusText, response.headers.get("Retry-After"));
}

/** An answer with this status and body (RFC 9457, or whatever a proxy sent) as an error. */
export function refusalOf(status: number, problem: unknown, words: string, retryAfter: string | null): ApiError {
  const said = (problem ?? {}) as Record<string, unknown>;
  const text = (name: string) => (typeof said[name] === "string" ? (said[name] as string) : null);
  const wait = Number(retryAfter ?? Number.NaN);
  return new ApiError(
    status,
    text("detail") ?? words,
    Number.isFinite(wait) ? wait : null,
    text("code"),
    text("field"),
  );
}

function checkedLayer(value: unknown): LayerInfo {
  const layer = value as Partial<LayerInfo> | null;
  for (const name of ["id", "style", "function"] as const) {
    if (typeof layer?.[name] !== "string") throw new ApiError(-1, `/api/layers: ${name}`);
  }
  const info = layer as LayerInfo;
  return { ...info, title: titles(info), legend: Array.isArray(info.legend) ? info.legend : [], assets: info.assets ?? {} };
}

/** Both titles; a missing one is the other, or the id. */
function titles(info: LayerInfo): { ko: string; en: string } {
  const { ko, en } = info.title ?? {};
  return { ko: ko || en || info.id, en: en || ko || info.id };
}
