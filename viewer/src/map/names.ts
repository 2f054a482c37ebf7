// What a feature is called: the attribute that its layer's labels show, else one with a usual name.
import type { StyleSpecification } from "maplibre-gl";

const USUAL = [/^(이름|명칭|name|nm|title)$/i, /(명|이름|명칭)$/, /(_nm|name)$/i];

/** The attributes that the style's labels read, most telling first. */
export function labelFields(style: StyleSpecification): string[] {
  const labels = style.layers.flatMap((layer) => (layer.type === "symbol" ? [layer.layout?.["text-field"]] : []));
  return [...new Set(labels.flatMap(fieldsIn))];
}

/** A feature's name, or null if no attribute looks like one. */
export function featureName(properties: Record<string, unknown>, fields: readonly string[]): string | null {
  const usual = USUAL.flatMap((pattern) => Object.keys(properties).filter((field) => pattern.test(field)));
  const field = [...fields, ...usual].find((candidate) => isFilled(properties[candidate]));
  return field === undefined ? null : String(properties[field]);
}

function fieldsIn(value: unknown): string[] {
  if (typeof value === "string") return [...value.matchAll(/\{([^}]+)\}/g)].map((match) => match[1] ?? "");
  if (!Array.isArray(value)) return [];
  if (value[0] === "get" && typeof value[1] === "string") return [value[1]];
  return value.flatMap(fieldsIn);
}

function isFilled(value: unknown): boolean {
  return value !== null && value !== undefined && String(value).trim() !== "";
}
