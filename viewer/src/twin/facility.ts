// What the attributes of a facility mean: their names and units in both languages, its kinds, its pump curve.
import type { Language } from "../texts.ts";

type Names = readonly [ko: string, en: string];

/** Kinds of works on a river, with the picture that stands for each (20 × 20). */
const KINDS: ReadonlyMap<string, { names: Names; icon: string }> = named({
  weir: { names: ["보", "Weir"], icon: "M2 12h6l3-5h3l1 9h3M2 9c1.5-1.2 3-1.2 4.5 0" },
  sluice_gate: { names: ["수문", "Sluice gate"], icon: "M4 3v14M16 3v14M4 5h12M7 9h6v6H7zM10 5v4" },
  culvert: { names: ["배수통문·암거", "Culvert"], icon: "M2 5h16M4 16a6 6 0 0 1 12 0M7 16a3 3 0 0 1 6 0M2 16h16" },
  pump_station: { names: ["빗물펌프장", "Pump station"], icon: "M10 6a5 5 0 1 0 0 10 5 5 0 0 0 0-10zM10 6h7V3M10 11l3-2M10 11l-1 3.4M10 11l-3-2" },
  levee: { names: ["제방", "Levee"], icon: "M1.5 15 7 6h6l5.5 9zM1.5 12c1 .8 1.6.8 2.4 0" },
  bridge: { names: ["교량", "Bridge"], icon: "M2 7h16M4 7v8M16 7v8M4 15c1.5-4 10.5-4 12 0" },
  retention_basin: { names: ["저류지", "Retention basin"], icon: "M2 6h3l2 9h6l2-9h3M6.3 11c1.3-1 2.5-1 3.7 0s2.5 1 3.7 0" },
});

const FIELDS: ReadonlyMap<string, Names & { readonly unit?: string }> = fields([
  ["name_en", "영문 이름", "Name in English"],
  ["status", "상태", "Status"],
  ["crest_elevation_m", "마루 표고", "Crest elevation", "EL m"],
  ["crest_breadth_m", "마루 폭", "Crest breadth", "m"],
  ["sill_elevation_m", "문턱 표고", "Sill elevation", "EL m"],
  ["height_m", "높이", "Height", "m"],
  ["width_m", "폭", "Width", "m"],
  ["length_m", "길이", "Length", "m"],
  ["diameter_m", "지름", "Diameter", "m"],
  ["gate_kind", "문 형식", "Gate type"],
  ["units", "대수·문수", "Number of units"],
  ["opening_m", "열린 높이", "Opening", "m"],
  ["opening_rate_m_min", "여닫는 속도", "Opening rate", "m/min"],
  ["shape", "단면 모양", "Shape"],
  ["barrels", "련수", "Barrels"],
  ["inlet_invert_elevation_m", "유입구 바닥 표고", "Inlet invert elevation", "EL m"],
  ["outlet_invert_elevation_m", "유출구 바닥 표고", "Outlet invert elevation", "EL m"],
  ["manning_n", "조도계수 n", "Manning n", "s·m⁻¹ᐟ³"],
  ["flap", "역류방지 문비", "Flap gate"],
  ["unit_capacity_m3_min", "대당 용량", "Capacity of a unit", "m³/min"],
  ["capacity_m3_min", "용량", "Capacity", "m³/min"],
  ["capacity_m3_s", "용량", "Capacity", "m³/s"],
  ["start_level_m", "가동 수위", "Start level", "EL m"],
  ["stop_level_m", "정지 수위", "Stop level", "EL m"],
  ["stage_interval_m", "대별 가동 간격", "Interval between units", "m"],
  ["lag_min", "가동 지연", "Lag", "min"],
  ["ramp_min", "도달 시간", "Ramp", "min"],
  ["sump_volume_m3", "유수지 용량", "Sump volume", "m³"],
  ["sump_floor_elevation_m", "유수지 바닥 표고", "Sump floor elevation", "EL m"],
  ["outlet_elevation_m", "토출구 표고", "Outlet elevation", "EL m"],
  ["outlet_x", "토출구 X", "Outlet x"],
  ["outlet_y", "토출구 Y", "Outlet y"],
  ["volume_m3", "저류 용량", "Volume", "m³"],
  ["floor_elevation_m", "바닥 표고", "Floor elevation", "EL m"],
  ["inlet_elevation_m", "유입 표고", "Inlet elevation", "EL m"],
  ["deck_elevation_m", "상판 표고", "Deck elevation", "EL m"],
  ["deck_bottom_elevation_m", "상판 밑 표고", "Underside of the deck", "EL m"],
  ["soffit_elevation_m", "상판 밑 표고", "Soffit elevation", "EL m"],
  ["deck_thickness_m", "상판 두께", "Deck thickness", "m"],
  ["deck_width_m", "상판 폭", "Deck width", "m"],
  ["piers", "교각 수", "Piers"],
  ["pier_width_m", "교각 폭", "Pier width", "m"],
  ["crest_width_m", "마루 폭", "Crest width", "m"],
  ["side_slope", "비탈 기울기 (1:n)", "Side slope (1:n)"],
  ["discharge_coefficient", "유량계수", "Discharge coefficient"],
  ["note", "비고", "Note"],
]);

const VALUES: ReadonlyMap<string, Names> = named<Names>({
  normal: ["정상", "normal"],
  partial: ["일부 고장", "partly failed"],
  failed: ["고장", "failed"],
  yes: ["있음", "yes"],
  no: ["없음", "no"],
  true: ["있음", "yes"],
  false: ["없음", "no"],
  box: ["박스", "box"],
  circular: ["원형", "circular"],
  pipe: ["원형", "pipe"],
  vertical_lift: ["권양식", "vertical lift"],
  flap: ["전도식", "flap"],
  radial: ["래디얼", "radial"],
});

/** Attributes that the card shows in places of their own. */
const APART = new Set(["id", "type", "name", "name_en", "status", "rules", "pump_curve", "source", "sources", "verified", "unverified"]);

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
  const names = FIELDS.get(field);
  return names ? said(names, language) : field.replaceAll("_", " ");
}

/** The value of an attribute with its unit, as the reader's language writes it. */
export function fieldValue(field: string, value: unknown, language: Language): string {
  const known = typeof value === "string" || typeof value === "boolean" ? VALUES.get(String(value)) : undefined;
  if (known && field !== "name") return said(known, language);
  const number = typeof value === "number" ? value : null;
  const words = number === null ? String(value) : number.toLocaleString(language, { maximumFractionDigits: 3, useGrouping: Math.abs(number) >= 10_000 });
  const unit = FIELDS.get(field)?.unit;
  return unit?.startsWith("EL ") ? `EL ${words} ${unit.slice(3)}` : unit ? `${words} ${unit}` : words;
}

/** The figures: every attribute that has no place of its own and is not empty. */
export function figures(properties: Properties): [field: string, value: unknown][] {
  return Object.entries(properties).filter(([field, value]) => !APART.has(field) && !isNote(field) && value !== null && value !== "");
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

/** Of the facility as a whole. */
export function originOfAll(properties: Properties): Origin {
  const source = properties["source"];
  const verified = properties["verified"];
  const listedAll = opened(properties["sources"]);
  const words = typeof source === "string" && source ? source : Array.isArray(listedAll) ? listedAll.map(String).join(" · ") : null;
  return { source: words, verified: verified === undefined ? true : !isNo(verified) };
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
  head: number;
  flow: number;
}

/** The pump curve, by rising head: pairs `[head_m, m³/min]`, records, or the template's `head:flow; …`. */
export function pumpCurve(properties: Properties): CurvePoint[] {
  const curve = opened(properties["pump_curve"]);
  const points = Array.isArray(curve) ? curve.map(pointOf) : typeof curve === "string" ? curve.split(";").map((pair) => pointOf(pair.split(":"))) : [];
  return points.filter((point): point is CurvePoint => point !== null).sort((a, b) => a.head - b.head);
}

function pointOf(given: unknown): CurvePoint | null {
  const pair = Array.isArray(given) ? given : isRecord(given) ? [given["head_m"] ?? given["head"], given["flow_m3_min"] ?? given["discharge_m3_min"] ?? given["flow"]] : [];
  const [head, flow] = pair.map((one) => (typeof one === "string" && one.trim() === "" ? Number.NaN : Number(one)));
  return head !== undefined && flow !== undefined && Number.isFinite(head) && Number.isFinite(flow) ? { head, flow } : null;
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

function fields(rows: readonly (readonly [field: string, ko: string, en: string, unit?: string])[]) {
  return new Map(rows.map(([field, ko, en, unit]) => [field, Object.assign([ko, en] as Names, unit ? { unit } : {})]));
}

/** A Map: names come from strangers' files, and an object has a `constructor`. */
function named<T>(entries: Record<string, T>): ReadonlyMap<string, T> {
  return new Map(Object.entries(entries));
}
