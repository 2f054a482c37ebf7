// A scenario as the page edits it, and the scenario file (docs/planners.md) that it stands for. What a file says and the
// page has no field for is kept as it is and goes along.
import { type Box, type Place, rounded } from "./geo.ts";
import { type Names, type OverTime, overTimeMapping, overTimeOf, type Within } from "./over-time.ts";
import { type Rain, rainMapping, rainOf } from "./rain.ts";
import { type Vary, varyMapping, varyOf } from "./vary.ts";

export const EDGES = ["north", "east", "south", "west"] as const;
export type Edge = (typeof EDGES)[number];
export const INFILTRATIONS = ["none", "constant", "green-ampt", "scs-cn"] as const;
export type InfiltrationMethod = (typeof INFILTRATIONS)[number];

/** Fields of each method of infiltration: name in the file, what it is at first, least and most. */
export const INFILTRATION_FIELDS: Record<InfiltrationMethod, readonly { name: string; usual: number; least: number; most: number }[]> = {
  none: [],
  constant: [{ name: "rate_mm_h", usual: 5, least: 0, most: 1000 }],
  "green-ampt": [
    { name: "hydraulic_conductivity_mm_h", usual: 10, least: 0, most: 1000 },
    { name: "suction_mm", usual: 110, least: 0, most: 5000 },
    { name: "moisture_deficit", usual: 0.3, least: 0, most: 1 },
  ],
  "scs-cn": [{ name: "curve_number", usual: 85, least: 1, most: 100 }],
};

export interface Inflow {
  name: string;
  at: Place;
  /** m³/s. */
  discharge: OverTime;
}

/** What the fields of discharges (m³/s) and stages (EL m) are called, and between which values they lie (twin/forcing/hydrograph.py). */
export const DISCHARGE: { names: Names; within: Within } = { names: { number: "discharge_m3_s", rows: "hydrograph" }, within: { least: -1e6, most: 1e6 } };
export const STAGE: { names: Names; within: Within } = { names: { number: "stage_m", rows: "series" }, within: { least: -1000, most: 9000 } };

export interface Breach {
  levee: string;
  at: Place;
  width: number;
  /** How deep it goes, EL m; null: as the facilities layer says of the levee. */
  bottom: number | null;
  /** Hours after the start at which it begins, and for which it grows. */
  start: number;
  growth: number;
}

export interface GaugePoint {
  name: string;
  at: Place;
}

/** What is changed of a structure; null: as the facilities layer has it. */
export interface Override {
  failed: boolean;
  opening: number | null;
}

export interface Draft {
  /** The scenario's id: small letters, digits, hyphens. */
  name: string;
  /** What people call it. */
  title: string;
  terrain: string;
  box: Box | null;
  /** Whether the box is all of the terrain: then the file names none. */
  whole: boolean;
  cell: number;
  hours: number;
  /** Minutes between outputs. */
  every: number;
  scheme: "inertial" | "full";
  manning: number | null;
  /** The water at the start: none, the terrain's own, or as a loaded file has it. */
  initial: "dry" | "terrain" | "file";
  rain: Rain;
  infiltration: { method: InfiltrationMethod; values: Record<string, number> };
  edges: Record<Edge, "closed" | "open" | "stage">;
  slope: number;
  /** The stage outside, EL m, of edges where that is given. */
  stages: Record<Edge, OverTime>;
  inflows: Inflow[];
  gauges: GaugePoint[];
  /** The layer of facilities; null: no structures. */
  structures: string | null;
  overrides: Record<string, Override>;
  breaches: Breach[];
  /** What is varied: all combinations are run. */
  vary: Vary[];
  /** Fields of a loaded file that the page does not edit. */
  rest: Record<string, unknown>;
}

export function emptyDraft(): Draft {
  return {
    name: "",
    title: "",
    terrain: "",
    box: null,
    whole: false,
    cell: 5,
    hours: 6,
    every: 5,
    scheme: "inertial",
    manning: null,
    initial: "dry",
    rain: { kind: "design", depth: 100, hours: 1, pattern: "huff-3" },
    infiltration: { method: "none", values: {} },
    edges: { north: "open", east: "open", south: "open", west: "open" },
    slope: 0.001,
    stages: unsaidStages(),
    inflows: [],
    gauges: [],
    structures: null,
    overrides: {},
    breaches: [],
    vary: [],
    rest: {},
  };
}

function unsaidStages(): Record<Edge, OverTime> {
  const unsaid = (): OverTime => ({ kind: "constant", value: null });
  return { north: unsaid(), east: unsaid(), south: unsaid(), west: unsaid() };
}

type Mapping = Record<string, unknown>;

/** A river that comes in near an edge would leave over it again: the share of the box that counts as near. */
const NEAR = 0.05;

/** Walls up the edges near a place where water comes in; returns which. */
export function closeBehind(draft: Draft, [lon, lat]: Place): Edge[] {
  if (!draft.box) return [];
  const [west, south, east, north] = draft.box;
  const away = { north: (north - lat) / (north - south), south: (lat - south) / (north - south), east: (east - lon) / (east - west), west: (lon - west) / (east - west) };
  const near = EDGES.filter((edge) => draft.edges[edge] === "open" && away[edge] < NEAR);
  for (const edge of near) draft.edges[edge] = "closed";
  return near;
}

/** The scenario file's mapping: what stands as it stands by itself is left out. */
export function toMapping(draft: Draft): Mapping {
  const place = (at: Place) => at.map(rounded);
  const boundaries = [...givenEdges(draft), ...list(draft.rest["boundaries"])];
  const hydrographs = draft.inflows.map(({ name, at, discharge }) => ({ name, at: place(at), ...overTimeMapping(discharge, DISCHARGE.names, DISCHARGE.within) }));
  const inflows = [...hydrographs, ...list(draft.rest["inflows"])];
  const gauges = [...draft.gauges.map(({ name, at }) => ({ name, at: place(at) })), ...list(draft.rest["gauges"])];
  const breaches = draft.breaches.map(({ levee, at, width, bottom, start, growth }) => ({
    ...{ levee, at: place(at), width_m: width, ...(bottom === null ? {} : { bottom_elevation_m: bottom }), start_h: start, growth_h: growth },
  }));
  const rain = rainMapping(draft.rain);
  const domain = { ...(draft.rest["domain"] as object), ...(draft.box && !draft.whole ? { bbox: draft.box.map(rounded) } : {}), cell_m: draft.cell };
  return {
    scenario: draft.name,
    ...(draft.title ? { title: draft.title } : {}),
    terrain: draft.terrain,
    ...without(draft.rest, ["boundaries", "inflows", "gauges", "domain", "overrides", "levee_breaches"]),
    domain,
    duration_h: draft.hours,
    output_every_min: draft.every,
    scheme: draft.scheme,
    ...(draft.manning === null ? {} : { manning_n: draft.manning }),
    ...(draft.initial === "terrain" ? { initial: "terrain" } : {}),
    ...(rain ? { rain } : {}),
    ...(draft.infiltration.method === "none" ? {} : { infiltration: { method: draft.infiltration.method, ...draft.infiltration.values } }),
    ...(inflows.length > 0 ? { inflows } : {}),
    ...(boundaries.length > 0 ? { boundaries } : {}),
    ...(draft.structures ? { structures: draft.structures } : {}),
    ...overridesOf(draft),
    ...(breaches.length + list(draft.rest["levee_breaches"]).length > 0 ? { levee_breaches: [...breaches, ...list(draft.rest["levee_breaches"])] } : {}),
    ...(gauges.length > 0 ? { gauges } : {}),
    ...varyMapping(draft.vary),
  };
}

function givenEdges({ edges, slope, stages }: Draft): Mapping[] {
  return EDGES.flatMap((edge): Mapping[] => {
    if (edges[edge] === "open") return [{ edge, type: "open", slope }];
    if (edges[edge] === "stage") return [{ edge, type: "stage", ...overTimeMapping(stages[edge], STAGE.names, STAGE.within) }];
    return [];
  });
}

function overridesOf({ overrides, rest }: Draft): Mapping {
  const changed: Mapping = { ...(rest["overrides"] as object) };
  for (const [id, { failed, opening }] of Object.entries(overrides)) {
    const said = { ...(failed ? { status: "failed" } : {}), ...(opening === null ? {} : { opening_m: opening }) };
    if (Object.keys(said).length > 0) changed[id] = said;
  }
  return Object.keys(changed).length > 0 ? { overrides: changed } : {};
}

const EDITED = ["scenario", "title", "terrain", "duration_h", "output_every_min", "scheme"];

/** A draft of a scenario file's mapping. Throws Error where it is no scenario at all. */
export function fromMapping(mapping: unknown): Draft {
  if (typeof mapping !== "object" || mapping === null || Array.isArray(mapping)) throw new Error("no mapping");
  const said = mapping as Mapping;
  if (said["scenario"] === undefined && said["terrain"] === undefined) throw new Error("scenario, terrain");
  const draft = emptyDraft();
  const rest: Mapping = without(said, EDITED);
  draft.name = String(said["scenario"] ?? "");
  draft.title = String(said["title"] ?? "");
  draft.terrain = String(said["terrain"] ?? "");
  if (typeof said["terrain"] === "object") rest["terrain"] = said["terrain"];
  draft.hours = number(said["duration_h"], draft.hours);
  draft.every = number(said["output_every_min"], draft.every);
  draft.scheme = said["scheme"] === "full" ? "full" : "inertial";
  takeDomain(said, draft, rest);
  takeRain(said, draft, rest);
  takePlaces(said, draft, rest);
  takeWorks(said, draft, rest);
  const vary = varyOf(said["vary"]);
  if (vary) {
    draft.vary = vary;
    delete rest["vary"];
  }
  draft.rest = rest;
  return draft;
}

function takeDomain({ domain, manning_n: manning }: Mapping, draft: Draft, rest: Mapping): void {
  const { bbox, cell_m: cell, ...others } = (typeof domain === "object" && domain !== null ? domain : {}) as Mapping;
  delete rest["domain"];
  if (Object.keys(others).length > 0) rest["domain"] = others;
  if (Array.isArray(bbox) && bbox.length === 4 && bbox.every(Number.isFinite) && bbox.every((v) => Math.abs(v) <= 180)) draft.box = bbox as unknown as Box;
  else if (bbox !== undefined) rest["domain"] = { ...others, bbox };
  draft.cell = number(cell, draft.cell);
  draft.initial = rest["initial"] === undefined || rest["initial"] === "dry" ? "dry" : rest["initial"] === "terrain" ? "terrain" : "file";
  if (draft.initial !== "file") delete rest["initial"];
  if (typeof manning === "number") {
    draft.manning = manning;
    delete rest["manning_n"];
  }
}

function takeRain({ rain, infiltration }: Mapping, draft: Draft, rest: Mapping): void {
  const known = rainOf(rain);
  draft.rain = known ?? { kind: "file" };
  if (known) delete rest["rain"];
  const { method, ...values } = (typeof infiltration === "object" && infiltration !== null ? infiltration : {}) as Mapping;
  const found = INFILTRATIONS.find((one) => one === method);
  const names = found ? INFILTRATION_FIELDS[found].map(({ name }) => name) : [];
  if (infiltration === undefined || infiltration === "none") delete rest["infiltration"];
  else if (found && Object.entries(values).every(([name, value]) => names.includes(name) && typeof value === "number")) {
    draft.infiltration = { method: found, values: values as Record<string, number> };
    delete rest["infiltration"];
  }
}

function takePlaces(said: Mapping, draft: Draft, rest: Mapping): void {
  const parted = (name: string, take: (item: Mapping) => boolean) => {
    if (!Array.isArray(said[name])) return; // a file or a layer of them
    const others = (said[name] as Mapping[]).filter((item) => !take(item));
    if (others.length > 0) rest[name] = others;
    else delete rest[name];
  };
  parted("inflows", (item) => {
    const { name, at: given, ...others } = item;
    const [at, discharge] = [placeOf(given), overTimeOf(others, DISCHARGE.names)];
    return at !== null && discharge !== null && draft.inflows.push({ name: String(name ?? ""), at, discharge }) > 0;
  });
  parted("gauges", (item) => {
    const at = placeOf(item["at"]);
    if (!at || !only(item, ["name", "at"])) return false;
    return draft.gauges.push({ name: String(item["name"] ?? ""), at }) > 0;
  });
  draft.edges = { north: "closed", east: "closed", south: "closed", west: "closed" }; // as a file without them has it
  parted("boundaries", (item) => {
    const edge = EDGES.find((one) => one === item["edge"]);
    if (item["edge"] === "all" && item["type"] === "open" && only(item, ["edge", "type", "slope"])) {
      draft.edges = { north: "open", east: "open", south: "open", west: "open" };
      draft.slope = number(item["slope"], draft.slope);
      return true;
    }
    const { edge: _edge, type, ...others } = item;
    const stage = edge && type === "stage" ? overTimeOf(others, STAGE.names) : null;
    if (edge && stage) {
      draft.edges[edge] = "stage";
      draft.stages[edge] = stage;
      return true;
    }
    if (!edge || type !== "open" || !only(item, ["edge", "type", "slope"])) return false;
    draft.edges[edge] = "open";
    draft.slope = number(item["slope"], draft.slope);
    return true;
  });
  parted("levee_breaches", (item) => {
    const at = placeOf(item["at"]);
    if (!at || typeof item["levee"] !== "string" || !only(item, ["levee", "at", "width_m", "bottom_elevation_m", "start_h", "growth_h"])) return false;
    const value = (name: string, usual: number) => number(item[name], usual);
    return draft.breaches.push({ levee: item["levee"], at, width: value("width_m", 20), bottom: typeof item["bottom_elevation_m"] === "number" ? item["bottom_elevation_m"] : null, start: value("start_h", 0), growth: value("growth_h", 1) }) > 0;
  });
}

function takeWorks({ structures, overrides }: Mapping, draft: Draft, rest: Mapping): void {
  const layer = typeof structures === "object" && structures !== null ? (structures as Mapping)["layer"] : structures;
  if (typeof layer === "string" && (typeof structures === "string" || only(structures as Mapping, ["layer"]))) {
    draft.structures = layer;
    delete rest["structures"];
  }
  const others: Mapping = {};
  for (const [id, value] of Object.entries((overrides ?? {}) as Record<string, Mapping>)) {
    const { status, opening_m: opening, ...more } = value ?? {};
    const known = Object.keys(more).length === 0 && (status === undefined || status === "failed") && (opening === undefined || typeof opening === "number");
    if (known) draft.overrides[id] = { failed: status === "failed", opening: typeof opening === "number" ? opening : null };
    else others[id] = value;
  }
  delete rest["overrides"];
  if (Object.keys(others).length > 0) rest["overrides"] = others;
}

function placeOf(value: unknown): Place | null {
  if (!Array.isArray(value) || value.length !== 2 || !value.every(Number.isFinite)) return null;
  return Math.abs(value[0]) <= 180 && Math.abs(value[1]) <= 90 ? [value[0], value[1]] : null;
}

function only(item: Mapping, names: readonly string[]): boolean {
  return Object.keys(item).every((name) => names.includes(name));
}

function without(mapping: Mapping, names: readonly string[]): Mapping {
  return Object.fromEntries(Object.entries(mapping).filter(([name]) => !names.includes(name)));
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function number(value: unknown, usual: number): number {
  return typeof value === "number" && Number.isFinite(value) ? value : usual;
}

/** `name`, or that with the first number behind it that makes it another than all `taken`. */
export function untaken(name: string, taken: ReadonlySet<string>): string {
  for (let number = 2; ; number += 1) {
    if (!taken.has(name)) return name;
    name = `${name.replace(/-\d{1,3}$/, "").slice(0, 36)}-${number}`;
  }
}

/** An id of a name that people give: small letters, digits and hyphens. */
export function idOf(name: string): string {
  return name.normalize("NFKD").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 40);
}
