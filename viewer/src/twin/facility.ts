// What the attributes of a facility mean: their names and units in both languages, its kinds, its pump curve.
import type { Language } from "../texts.ts";
import { CHOICE_NAMES, CURVES, DERIVED_NAMES, FIELD_NAMES, type Named, type Names } from "./facility-words.ts";

/** Kinds of works on a river, with the picture that stands for each (20 × 20). */
const KINDS: ReadonlyMap<string, { names: Names; icon: string }> = named({
  weir: { names: ["보", "Weir"], icon: "M2 12h6l3-5h3l1 9h3M2 9c1.5-1.2 3-1.2 4.5 0" },
  sluice_gate: { names: ["수문", "Sluice gate"], icon: "M4 3v14M16 3v14M4 5h12M7 9h6v6H7zM10 5v4" },
  culvert: { names: ["암거", "Culvert"], icon: "M2 5h16M4 16a6 6 0 0 1 12 0M7 16a3 3 0 0 1 6 0M2 16h16" },
  pump_station: { names: ["배수펌프장", "Pump station"], icon: "M10 6a5 5 0 1 0 0 10 5 5 0 0 0 0-10zM10 6h7V3M10 11l3-2M10 11l-1 3.4M10 11l-3-2" },
  levee: { names: ["제방", "Levee"], icon: "M1.5 15 7 6h6l5.5 9zM1.5 12c1 .8 1.6.8 2.4 0" },
  bridge: { names: ["교량", "Bridge"], icon: "M2 7h16M4 7v8M16 7v8M4 15c1.5-4 10.5-4 12 0" },
  retention_basin: { names: ["유수지", "Retention basin"], icon: "M2 6h3l2 9h6l2-9h3M6.3 11c1.3-1 2.5-1 3.7 0s2.5 1 3.7 0" },
});

const FIELDS: ReadonlyMap<string, Named> = new Map([...FIELD_NAMES, ...DERIVED_NAMES].map((named) => [named[0], named]));

/** By the word of the template and by its Korean one, which 3D models carry. */
const VALUES: ReadonlyMap<string, Names> = new Map([
  ...Object.entries(CHOICE_NAMES),
  ...Object.values(CHOICE_NAMES).map((names) => [names[0], names] as const),
  ["true", ["예", "yes"]],
  ["false", ["아니오", "no"]],
]);

/** Attributes that the card shows in places of their own. */
const APART = new Set([
  ...["id", "type", "kind", "type_ko", "name", "name_en", "status", "rules", "source", "sources", "verified", "unverified"],
  ...Object.keys(CURVES),
]);

type Properties = Record<string, unknown>;

/** Whether a feature's attributes are a facility's: its `type` is one of ours, and it has an id. */
export function isFacility(properties: Properties): boolean {
  return typeof properties["type"] === "string" && KINDS.has(properties["type"]) && "id" in properties;
}

export function kindOf(properties: Properties, language: Language): { words: string; icon: string } {
  const { names, icon } = KINDS.get(String(properties["type"])) ?? { names: ["시설", "Facility"], icon: "" };
  return { words: said(names, language), icon };
}

export function fieldName(field: string, language: Language): string {
  const [, ko, en] = FIELDS.get(field) ?? [];
  return ko && en ? said([ko, en], language) : field.replaceAll("_", " ");
}

/** The value of an attribute with its unit, as the reader's language writes it. */
export function fieldValue(field: string, value: unknown, language: Language): string {
  const known = typeof value === "string" || typeof value === "boolean" ? VALUES.get(String(value)) : undefined;
  if (known) return said(known, language);
  if (field === "available_m3_s" && typeof value === "number") return fieldValue("capacity_m3_min", value * 60, language); // beside the whole
  const number = typeof value === "number" ? value : null;
  const words = number === null ? String(value) : number.toLocaleString(language, { maximumFractionDigits: 3, useGrouping: Math.abs(number) >= 10_000 });
  const unit = field === "built" ? undefined : FIELDS.get(field)?.[3];
  return unit?.startsWith("EL ") ? `EL ${words} ${unit.slice(3)}` : unit ? `${words} ${unit}` : words;
}

/** Whether all of it works; null where nothing is said. */
export function isWorking({ status }: Properties): boolean | null {
  return typeof status === "string" && status ? VALUES.get(status)?.[1] === "normal" : null;
}

/** The same in another unit: said once, as it was given. */
const SAME: Record<string, string> = { unit_capacity_m3_s: "unit_capacity_m3_min", capacity_m3_s: "capacity_m3_min" };
const ORDER: readonly string[] = [...FIELDS.keys()];

/** The figures: every attribute that has no place of its own and is not empty, in the template's order. */
export function figures(properties: Properties): [field: string, value: unknown][] {
  const known = (field: string) => ![null, undefined, ""].includes(properties[field] as null | undefined | "");
  const fields = Object.keys(properties).filter((field) => !APART.has(field) && !isNote(field) && known(field) && !(Object.hasOwn(SAME, field) && known(SAME[field] as string)));
  const place = (field: string) => (ORDER.includes(field) ? ORDER.indexOf(field) : ORDER.length);
  return fields.sort((a, b) => place(a) - place(b)).map((field) => [field, properties[field]]);
}

function isNote(field: string): boolean {
  return field.endsWith("_source") || field.endsWith("_verified");
}

/** Where one figure comes from, and whether anybody has checked it. */
export interface Origin {
  source: string | null;
  verified: boolean;
}

export function originOf(properties: Properties, field: string): Origin {
  const sources = opened(properties["sources"]);
  const own = isRecord(sources) && Object.hasOwn(sources, field) ? sources[field] : undefined;
  const told = isRecord(own) ? own : { source: own };
  const source = told["source"] ?? properties[`${field}_source`] ?? null;
  const doubted = listed(properties["unverified"]).includes(field);
  const verified = told["verified"] ?? properties[`${field}_verified`] ?? !doubted;
  return { source: source === null || source === "" ? null : String(source), verified: !isNo(verified) };
}

/** Of the facility as a whole: a layer says `verified` only where it is so. */
export function originOfAll(properties: Properties): Origin {
  const { source, verified } = properties;
  const doubted = listed(properties["unverified"]).length > 0;
  return { source: typeof source === "string" && source ? source : null, verified: verified === undefined ? !doubted : !isNo(verified) };
}

function isNo(value: unknown): boolean {
  return value === false || value === 0 || /^(no|false|0|아니오)$/i.test(String(value));
}

/** Operating rules, a line each. */
export function rulesOf(properties: Properties): string[] {
  const rules = opened(properties["rules"]);
  if (Array.isArray(rules)) return rules.map((rule) => (typeof rule === "string" ? rule : isRecord(rule) ? ruleText(rule) : String(rule)));
  return typeof rules === "string" ? rules.split(/\s*;\s*/).filter(Boolean) : [];
}

function ruleText(rule: Record<string, unknown>): string {
  if (typeof rule["text"] === "string") return rule["text"];
  return Object.entries(rule).map(([name, value]) => `${name.replaceAll("_", " ")} ${isRecord(value) ? JSON.stringify(value) : String(value)}`).join(", ");
}

export interface CurvePoint {
  x: number;
  y: number;
}

export interface Curve {
  field: string;
  points: CurvePoint[];
  axes: { x: string; y: string };
  /** Drawn with its first number upwards. */
  swapped: boolean;
}

/** The curves that a facility has, by rising x: `x:y; x:y`, or pairs as JSON. */
export function curvesOf(properties: Properties, language: Language): Curve[] {
  return Object.entries(CURVES).flatMap(([field, { x, y, swapped }]) => {
    const points = curvePoints(properties[field]);
    return points.length > 1 ? [{ field, points, axes: { x: said(x, language), y: said(y, language) }, swapped }] : [];
  });
}

export function curvePoints(value: unknown): CurvePoint[] {
  const curve = opened(value);
  const pairs = Array.isArray(curve) ? curve : typeof curve === "string" ? curve.split(";").map((pair) => pair.split(":")) : [];
  const points = pairs.map((pair) => (Array.isArray(pair) && pair.length === 2 ? pair.map(numberOf) : []));
  return points
    .flatMap(([x, y]) => (x !== undefined && y !== undefined && Number.isFinite(x) && Number.isFinite(y) ? [{ x, y }] : []))
    .sort((a, b) => a.x - b.x);
}

function numberOf(text: unknown): number {
  return typeof text === "string" && text.trim() === "" ? Number.NaN : Number(text);
}

/** Tiles hold nested values as JSON text. */
function opened(value: unknown): unknown {
  if (typeof value !== "string" || !/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return value; // a text that begins with a bracket
    throw error;
  }
}

function listed(value: unknown): string[] {
  const list = opened(value);
  return Array.isArray(list) ? list.map(String) : typeof list === "string" ? list.split(/[\s,;]+/) : [];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function said([ko, en]: Names, language: Language): string {
  return language === "ko" ? ko : en;
}

/** A Map: names come from strangers' files, and an object has a `constructor`. */
function named<T>(entries: Record<string, T>): ReadonlyMap<string, T> {
  return new Map(Object.entries(entries));
}
