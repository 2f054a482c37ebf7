// What an answer must be made of, so that a chart never draws what was not said.
import { ApiError } from "../api.ts";

export type Said = Record<string, unknown>;

export function record(value: unknown, name: string): Said {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new ApiError(-1, name);
  return value as Said;
}

export function records(value: unknown, name: string): Said[] {
  if (!Array.isArray(value)) throw new ApiError(-1, name);
  return value.map((one) => record(one, name));
}

export function numbers(value: unknown, name: string): number[] {
  if (!Array.isArray(value) || !value.every((one) => typeof one === "number")) throw new ApiError(-1, name);
  return value as number[];
}

/** Numbers, with null for whatever is none. */
export function numbersOrGaps(value: unknown): (number | null)[] {
  return Array.isArray(value) ? value.map(number) : [];
}

export function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

export function text(value: unknown): string | null {
  return typeof value === "string" && value.trim() !== "" ? value : null;
}

export function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map((one) => (typeof one === "string" ? one : JSON.stringify(one))) : [];
}
