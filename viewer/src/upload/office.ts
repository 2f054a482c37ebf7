// What a key for managing can ask of the server: jobs, layers with their versions, and how much it takes.
import { Api, ApiError, type LayerInfo } from "../api.ts";
import { eventsOf } from "./events.ts";
import { mayPass } from "./sending.ts";

export type JobState = "queued" | "running" | "done" | "failed" | "cancelled";
export type Stage = "waiting" | "receive" | "read" | "normalise" | "plan" | "encode" | "pack" | "publish";

export interface Counted {
  reason: string;
  count: number;
}

export interface Changes {
  added: number;
  removed: number;
  changed: number;
  moved: number;
  unchanged: number;
  compared_by: string;
  fields_added: string[];
  fields_removed: string[];
}

/** What happened to one layer on its way in. Bounds are west, south, east, north in degrees (WGS 84). */
export interface Report {
  id: string;
  kind: "vector" | "raster";
  features_read: number;
  features_published: number;
  features_dropped: Counted[];
  features_repaired: Counted[];
  crs_claimed: string | null;
  crs: string;
  crs_how: string;
  encoding: string | null;
  encoding_how: string | null;
  bounds: [number, number, number, number] | null;
  minzoom: number;
  maxzoom: number;
  tiles: number;
  bytes: number;
  warnings: string[];
  version?: number;
  changes?: Changes;
}

/** Why a job failed: the error of the JSON contract. */
export interface Failure {
  code: string;
  message: string;
  file: string | null;
  layer: string | null;
  feature: string | null;
  field: string | null;
  remedy: string;
}

export interface Progress {
  state: JobState;
  progress: number;
  stage: Stage;
  message: string;
}

export interface Job extends Progress {
  id: string;
  created: string;
  finished: string | null;
  file: string | null;
  dry_run: boolean;
  layers: Report[] | null;
  error: Failure | null;
}

export interface LayerVersion {
  version: number;
  live: boolean;
  created: string;
  report: Partial<Report>;
}

/** `versions` is there for who may manage the layer. */
export type ManagedLayer = LayerInfo & { versions?: LayerVersion[] };

const ENDED: readonly JobState[] = ["done", "failed", "cancelled"];
const AGAIN_MS = 1500;

export function hasEnded({ state }: { state: JobState }): boolean {
  return ENDED.includes(state);
}

export class Office {
  readonly api: Api;

  constructor(base: URL, key: () => string | null) {
    this.api = new Api(base, key);
  }

  async jobs(): Promise<Job[]> {
    const answer = (await this.api.json("/api/jobs")) as { jobs?: unknown };
    if (!Array.isArray(answer?.jobs)) throw new ApiError(-1, "/api/jobs: jobs");
    return answer.jobs as Job[];
  }

  async job(id: string): Promise<Job> {
    return (await this.api.json(`/api/jobs/${id}`)) as Job;
  }

  async cancel(id: string): Promise<void> {
    await this.api.send(`/api/jobs/${id}`, "DELETE");
  }

  async layer(id: string): Promise<ManagedLayer> {
    return (await this.api.json(`/api/layers/${id}`)) as ManagedLayer;
  }

  async change(id: string, changes: Record<string, string>): Promise<ManagedLayer> {
    return (await this.api.json(`/api/layers/${id}`, "PATCH", changes)) as ManagedLayer;
  }

  async rollBack(id: string, version: number): Promise<ManagedLayer> {
    return (await this.api.json(`/api/layers/${id}/rollback`, "POST", { version })) as ManagedLayer;
  }

  async remove(id: string): Promise<void> {
    await this.api.send(`/api/layers/${id}`, "DELETE");
  }

  /** The largest upload that the server takes, in bytes; null where it does not say (tus, `Tus-Max-Size`). */
  async mostBytes(): Promise<number | null> {
    const most = Number((await this.api.send("/api/uploads", "OPTIONS")).headers.get("Tus-Max-Size") ?? Number.NaN);
    return Number.isFinite(most) ? most : null;
  }

  /** Follows a job to its end and returns it; `tell` gets null when the line broke and is tried again. */
  async follow(id: string, tell: (progress: Progress | null) => void, signal: AbortSignal): Promise<Job> {
    while (true) {
      const job = await this.stream(id, tell, signal).catch((error: unknown) => {
        if (signal.aborted || !(error instanceof TypeError || mayPass(error))) throw error;
        return null; // the job goes on without us
      });
      if (job) return job;
      tell(null);
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      signal.throwIfAborted();
    }
  }

  private async stream(id: string, tell: (progress: Progress) => void, signal: AbortSignal): Promise<Job | null> {
    const response = await this.api.send(`/api/jobs/${id}/events`, "GET", null, signal);
    if (!response.body) throw new ApiError(-1, `/api/jobs/${id}/events`);
    for await (const { name, data } of eventsOf(response.body)) {
      if (name === "progress") tell(JSON.parse(data) as Progress);
      else if (ENDED.includes(name as JobState)) return JSON.parse(data) as Job;
    }
    return null;
  }
}
