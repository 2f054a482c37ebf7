// What went wrong, in the reader's words.
import { ApiError } from "./api.ts";
import type { TextId, Translate } from "./texts.ts";

const BY_STATUS: Record<number, TextId> = {
  0: "errorNetwork",
  401: "errorUnauthorised",
  403: "errorForbidden",
  404: "errorNotFound",
  503: "errorBusy",
};

/** One plain sentence about `error`. MapLibre's own request errors carry `status` like ours. */
export function plainWords(error: unknown, say: Translate): string {
  const status = statusOf(error);
  if (status === 429) return say("errorQuota", { wait: waiting(error, say) });
  if (status !== null && BY_STATUS[status]) return say(BY_STATUS[status]);
  if (status !== null && status >= 400) return say("errorServer", { status });
  return say("errorAnswer", { detail: error instanceof Error ? error.message : String(error) });
}

/** The HTTP status of a refusal, 0 for an unreachable server, null when there was no request. */
export function statusOf(error: unknown): number | null {
  if (error instanceof TypeError && /fetch/i.test(error.message)) return 0;
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === "number" && status >= 0 ? status : null;
}

function waiting(error: unknown, say: Translate): string {
  const seconds = error instanceof ApiError ? error.retryAfter : null;
  return seconds === null ? "" : say("errorQuotaWait", { time: duration(seconds, say) });
}

function duration(seconds: number, say: Translate): string {
  if (seconds < 90) return say("seconds", { count: Math.ceil(seconds) });
  if (seconds < 5400) return say("minutes", { count: Math.ceil(seconds / 60) });
  return say("hours", { count: Math.ceil(seconds / 3600) });
}
