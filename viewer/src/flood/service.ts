// What the page asks of the server: runs, scenarios, frames and series.
import { type Api, ApiError, type LayerInfo } from "../api.ts";
import { eventsOf } from "../upload/events.ts";
import { mayPass } from "../upload/sending.ts";
import { type Recorded, recordedOf } from "./series.ts";

export type RunState = "queued" | "running" | "done" | "failed" | "cancelled";

export interface RunError {
  code: string;
  message: string;
  field: string | null;
  remedy: string;
}

export interface Volume {
  initial_m3?: number;
  in_m3: number;
  out_m3: number;
  stored_m3: number;
  error_m3: number;
  relative_error: number;
}

/** One run of an ensemble. */
export interface Member {
  name: string;
  values: Record<string, unknown>;
  flooded_m2?: number;
  max_depth_m?: number;
  gauges?: Record<string, { max_stage_m?: number | null }>;
  error?: RunError;
}

/** `run.json`: what a finished run tells of itself. */
export interface RunFacts {
  scenario?: string;
  /** `ensemble`: many runs of one scenario. */
  kind?: string;
  members?: Member[];
  title?: { ko?: string; en?: string };
  scheme?: string;
  cell_m?: number;
  rows?: number;
  columns?: number;
  active_cells?: number;
  duration_s?: number;
  start?: string | null;
  times_s?: number[];
  steps?: number;
  seconds?: number;
  cell_steps_per_second?: number;
  volume?: Volume;
  max_depth_m?: number;
  threshold_m?: number;
  vertical_datum?: string;
  warnings?: string[];
  gauges?: Record<string, { max_stage_m?: number | null; max_depth_m?: number | null; time_of_max_s?: number | null }>;
  sections?: Record<string, { max_discharge_m3_s?: number | null }>;
  terms?: Record<string, { in_m3: number; out_m3: number }>;
  software?: string;
  /** Names of what was written. */
  outputs?: string[];
}

export interface Progress {
  state: RunState;
  progress: number;
  message: string;
}

export interface Run extends Progress {
  id: string;
  name: string;
  created: string;
  finished: string | null;
  error: RunError | null;
  layers: string[];
  facts: RunFacts | null;
  /** What people call it; null: nobody has said. */
  title: { ko: string; en: string } | null;
  /** Why there is nothing on the map, where nothing is. */
  notPublished: string | null;
  /** Addresses of its results, by output. */
  files: Record<string, string>;
}

const ENDED: readonly RunState[] = ["done", "failed", "cancelled"];
const AGAIN_MS = 1500;

export function hasEnded({ state }: { state: RunState }): boolean {
  return ENDED.includes(state);
}

export class Service {
  constructor(readonly api: Api) {}

  /** The newest runs, and whether the key may hand scenarios in. */
  async runs(): Promise<{ runs: Run[]; mayRun: boolean }> {
    const answer = (await this.api.json("/api/runs")) as { runs?: unknown; may_run?: unknown };
    if (!Array.isArray(answer?.runs)) throw new ApiError(-1, "/api/runs: runs");
    return { runs: answer.runs.map(runOf), mayRun: answer.may_run === true };
  }

  async run(id: string): Promise<Run> {
    return runOf(await this.api.json(`/api/runs/${id}`));
  }

  /** The names of all that a finished run recorded. */
  async names(id: string): Promise<{ kind: Recorded["kind"]; name: string }[]> {
    const said = (await this.api.json(`/api/runs/${id}/timeseries`)) as Record<string, unknown>;
    return (["gauge", "section", "structure"] as const).flatMap((kind) => {
      const names = said[`${kind}s`];
      return Array.isArray(names) ? names.map((name) => ({ kind, name: String(name) })) : [];
    });
  }

  async recorded(id: string, kind: Recorded["kind"], name: string): Promise<Recorded> {
    return recordedOf(kind, name, await this.api.json(`/api/runs/${id}/timeseries?${new URLSearchParams({ [kind]: name })}`));
  }

  /** Hands a scenario in; answers with the run's id. */
  async start(scenario: object): Promise<string> {
    const answer = (await this.api.json("/api/scenarios", "POST", scenario)) as { run?: unknown };
    if (typeof answer?.run !== "string") throw new ApiError(-1, "/api/scenarios: run");
    return answer.run;
  }

  /** Stops a run that has not ended. */
  async cancel(id: string): Promise<void> {
    await this.api.send(`/api/runs/${id}`, "DELETE");
  }

  /** Follows a run to its end; `tell` gets null when the line broke and is tried again. */
  async follow(id: string, tell: (progress: Progress | null) => void, signal: AbortSignal): Promise<void> {
    while (!(await this.stream(id, tell, signal))) {
      tell(null);
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      signal.throwIfAborted();
    }
  }

  private async stream(id: string, tell: (progress: Progress) => void, signal: AbortSignal): Promise<boolean> {
    try {
      const response = await this.api.send(`/api/runs/${id}/events`, "GET", null, signal);
      if (!response.body) throw new ApiError(-1, `/api/runs/${id}/events`);
      for await (const { name, data } of eventsOf(response.body)) {
        if (name === "progress") tell(JSON.parse(data) as Progress);
        else if (ENDED.includes(name as RunState)) return true;
      }
      return false;
    } catch (error) {
      if (signal.aborted || !(error instanceof TypeError || mayPass(error))) throw error;
      return false; // the run goes on without us
    }
  }
}

/** A run as the server tells it. */
export function runOf(value: unknown): Run {
  const said = (value ?? {}) as Record<string, unknown>;
  if (typeof said["id"] !== "string") throw new ApiError(-1, "/api/runs: id");
  const text = (name: string) => (typeof said[name] === "string" ? (said[name] as string) : null);
  return {
    id: said["id"],
    name: text("scenario") ?? said["id"],
    state: (text("state") ?? "queued") as RunState,
    progress: Number(said["progress"] ?? 0),
    message: text("message") ?? "",
    created: text("created") ?? "",
    finished: text("finished"),
    error: (said["error"] ?? null) as RunError | null,
    layers: Array.isArray(said["layers"]) ? said["layers"].map(String) : [],
    facts: (said["result"] ?? null) as RunFacts | null,
    title: ((said["result"] as RunFacts | null)?.title ?? said["title"] ?? null) as Run["title"],
    notPublished: text("not_published"),
    files: (said["files"] ?? {}) as Record<string, string>,
  };
}

/** What people call a run. */
export function titleOf({ title, name }: Run, language: "ko" | "en"): string {
  return title?.[language] || name;
}

/** The layer of a run that shows something: it is named after the scenario, and ends with that. */
export function layerNamed(run: Run, ending: string, layers: readonly LayerInfo[]): LayerInfo | null {
  const id = `${run.facts?.scenario ?? run.name}-${ending}`;
  return run.layers.includes(id) ? (layers.find((layer) => layer.id === id) ?? null) : null;
}
