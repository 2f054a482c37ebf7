// A section as chart, legend, table and sentence.
import { figureTable } from "./dock.ts";
import { type Plot, plotLegend, type PlotMark } from "./plot.ts";
import type { Reach, RiverSection } from "./river.ts";
import { between, stretches } from "./scales.ts";
import { depths, type LonLat, type Provenance, PROVENANCE, type Section } from "./section.ts";
import { distanceText, metres, type TwinTextId, type TwinVoice } from "./texts.ts";

export function axisOf(datum: string | null, { say }: TwinVoice): string {
  return datum ? say("elevationAxisOf", { datum }) : say("elevationAxis");
}

/** How many times as high as long it is drawn, in words. */
export function scaleWords({ say, language }: TwinVoice): (times: number) => string {
  return (times) => {
    const factor = times.toLocaleString(language, { maximumSignificantDigits: 2 });
    return Math.abs(times - 1) < 0.05 ? say("trueScale") : say("times", { factor });
  };
}

/** `follow` is told where on the map the cursor stands. */
export function sectionPlot(section: Section, voice: TwinVoice, follow: (place: LonLat | null) => void): Plot {
  const { say, language } = voice;
  const deep = depths(section);
  const wet = deep.some((depth) => depth !== null);
  const surface = section.surface.map((stage, index) => (deep[index] === null ? null : stage));
  const values = (index: number) => {
    const rows = [{ label: say("bed"), text: height(section.bed[index], voice), kind: "bed" }];
    const [stage, depth] = [surface[index] ?? null, deep[index] ?? null];
    if (stage !== null) rows.push({ label: say("water"), text: height(stage, voice), kind: "water" });
    if (depth !== null) rows.push({ label: say("depth"), text: metres(depth, language), kind: "" });
    const origin = section.provenance?.[index];
    if (origin) rows.push({ label: say("provenance"), text: provenanceWords(origin, voice), kind: "" });
    return rows;
  };
  return {
    title: say("section"),
    description: summary(section, voice),
    axisX: say("distanceAxis"),
    axisY: axisOf(section.datum, voice),
    language,
    lines: [
      { kind: "bed", label: say("bed"), x: section.distance, y: section.bed, ground: true },
      ...(wet ? [{ kind: "water", label: say("water"), x: section.distance, y: surface }] : []),
    ],
    ...(wet ? { water: { x: section.distance, bed: section.bed, surface: section.surface } } : {}),
    marks: section.banks.map(({ distance, side }): PlotMark => ({ x: distance, kind: "bank", words: bankWords(side, voice) })),
    band: section.provenance ? stretches(section.distance, section.provenance) : [],
    stops: section.distance,
    read: (index) => ({ place: distanceText(section.distance[index] ?? 0, language), values: values(index) }),
    tell: (index) => told(distanceText(section.distance[index] ?? 0, language), values(index), voice),
    cursorName: say("cursorName"),
    follow: (index) => follow(index === null ? null : (section.at[index] ?? null)),
    scale: scaleWords(voice),
  };
}

/** A surveyed section's own points, with the stage that the river has there. */
export function surveyedPlot(one: RiverSection, reach: Reach, voice: TwinVoice, follow: (place: LonLat | null) => void, datum: string | null = null): Plot {
  const { say, language } = voice;
  const stage = between(reach.chainage, reach.stage, one.chainage);
  const surface = one.station.map(() => stage);
  const wet = one.bed.map((bed) => (stage === null || bed === null || bed >= stage ? null : stage - bed));
  const values = (index: number) => {
    const rows = [{ label: say("bed"), text: height(one.bed[index], voice), kind: "survey" }];
    const depth = wet[index] ?? null;
    if (depth !== null) rows.push({ label: say("depth"), text: metres(depth, language), kind: "" });
    return rows;
  };
  const place = (index: number) => distanceText(one.station[index] ?? 0, language);
  const title = say("sectionChart", { id: one.id });
  return {
    title,
    description: `${title}, ${say("lowest", { metres: height(Math.min(...one.bed.filter((bed) => bed !== null)), voice) })}`,
    axisX: say("stationAxis"),
    axisY: axisOf(datum, voice),
    language,
    lines: [{ kind: "survey", label: title, x: one.station, y: one.bed, ground: true }],
    ...(stage === null ? {} : { water: { x: one.station, bed: one.bed, surface } }),
    marks: one.station.map((x) => ({ x, kind: "point", words: "" })),
    band: [],
    stops: one.station,
    read: (index) => ({ place: place(index), values: values(index) }),
    tell: (index) => told(place(index), values(index), voice),
    cursorName: say("cursorName"),
    follow: (index) => follow(index === null ? null : alongSection(one, index)),
    scale: scaleWords(voice),
  };
}

/** Where a point of a section lies: its line has a vertex for each point, or else is measured by station. */
function alongSection({ line, station }: RiverSection, index: number): LonLat | null {
  if (line.length === station.length) return line[index] ?? null;
  const [first, last] = [line[0], line.at(-1)];
  const [start = 0, end = 1] = [station[0], station.at(-1)];
  if (!first || !last) return null;
  const share = ((station[index] ?? start) - start) / (end - start || 1);
  return [first[0] + (last[0] - first[0]) * share, first[1] + (last[1] - first[1]) * share];
}

export function told(place: string, values: readonly { label: string; text: string }[], { say }: TwinVoice): string {
  return say("cursor", { distance: place, values: values.map(({ label, text }) => `${label} ${text}`).join(", ") });
}

/** The section in one line: how long, how low, how deep. */
export function summary(section: Section, voice: TwinVoice): string {
  const { say, language } = voice;
  const beds = section.bed.filter((bed) => bed !== null);
  const deep = depths(section).filter((depth) => depth !== null);
  if (beds.length === 0) return say("sectionNothing");
  const parts = [say("length", { length: distanceText(section.length, language) }), say("lowest", { metres: metres(Math.min(...beds), language) })];
  if (deep.length > 0) parts.push(say("deepest", { metres: metres(Math.max(...deep), language) }));
  return parts.join(" · ");
}

export function legendOf(section: Section, voice: TwinVoice): HTMLElement {
  const { say } = voice;
  const wet = depths(section).some((depth) => depth !== null);
  const there = new Set(section.provenance ?? []);
  const origins = [...PROVENANCE, "unknown" as const].filter((origin) => there.has(origin));
  return plotLegend([
    { kind: "bed", label: say("bed") },
    ...(wet ? [{ kind: "water", label: say("water") }] : []),
    ...origins.map((origin) => ({ kind: origin, label: provenanceWords(origin, voice), band: true })),
  ]);
}

export function sectionTable(section: Section, voice: TwinVoice): HTMLElement {
  const { say, language } = voice;
  const deep = depths(section);
  const every = Math.max(1, Math.floor(section.distance.length / 100)); // a table of a hundred rows can still be read
  const cell = (value: number | null | undefined) => (value === null || value === undefined ? "–" : value.toLocaleString(language, { minimumFractionDigits: 2, maximumFractionDigits: 2 }));
  const rows = section.distance.flatMap((distance, index) => {
    if (index % every !== 0 && index !== section.distance.length - 1) return [];
    const origin = section.provenance ? [provenanceWords(section.provenance[index] ?? "unknown", voice)] : [];
    return [[cell(distance), cell(section.bed[index]), cell(section.surface[index]), cell(deep[index]), ...origin]];
  });
  const heads: TwinTextId[] = ["distance", "bed", "water", "depth", ...(section.provenance ? ["provenance" as const] : [])];
  const unit = (id: TwinTextId) => (id === "provenance" ? say(id) : `${say(id)} (m)`);
  return figureTable(say("section"), heads.map(unit), rows);
}

/** The heads of the CSV file. */
export function csvHeads({ language }: TwinVoice): string[] {
  return language === "ko"
    ? ["거리_m", "하상표고_m", "수위_m", "수심_m", "근거", "경도", "위도"]
    : ["distance_m", "bed_elevation_m", "water_stage_m", "depth_m", "provenance", "lon", "lat"];
}

export function provenanceWords(origin: Provenance, { say }: TwinVoice): string {
  return say(`provenance_${origin}`);
}

function bankWords(side: "left" | "right" | null, { say }: TwinVoice): string {
  return say(side === "left" ? "leftBank" : side === "right" ? "rightBank" : "bank");
}

export function height(value: number | null | undefined, { language }: TwinVoice): string {
  return value === null || value === undefined || !Number.isFinite(value) ? "–" : `EL ${metres(value, language)}`;
}
