import { expect, test } from "vitest";
import { blocks, heightFields } from "../src/map/blocks.ts";
import { curvePoints, curvesOf, fieldName, fieldValue, figures, isFacility, isWorking, originOf, originOfAll, rulesOf } from "../src/twin/facility.ts";
import { attributeRows } from "../src/scene/attributes.ts";
import { readRiver, sectionsNear } from "../src/twin/river.ts";
import { between, roundMarks, runs, stretches, waterBodies } from "../src/twin/scales.ts";
import { depths, readProfile, readSection, sectionCsv, typedLine, waterSurface } from "../src/twin/section.ts";
import { readPermalink, writePermalink } from "../src/permalink.ts";

const SEOUL = { zoom: 11, latitude: 37.5, longitude: 127, bearing: 0, pitch: 55 };

test("a link keeps the ground in 3D: whose heights, how many times as high", () => {
  const relief = { layer: "sample-river", exaggeration: 2.5 };
  expect(readPermalink(writePermalink(SEOUL, new Map(), "ko", relief)).relief).toEqual(relief);
  expect(readPermalink("#3d=1.5").relief).toEqual({ layer: null, exaggeration: 1.5 });
  expect(readPermalink(writePermalink(SEOUL, new Map(), "ko")).relief).toBeNull();
});

test.each(["#3d=", "#3d=9", "#3d=0.5", "#3d=dem", "#3d=<x>:2", "#3d=dem:x"])("%s stands nothing up", (hash) => {
  expect(readPermalink(hash).relief).toBeNull();
});

test("heights come from a field of heights, else of floors, in Korean and English", () => {
  expect(heightFields(["name", "height_m", "floors"])).toEqual({ height: "height_m", floors: "floors" });
  expect(heightFields(["건물높이", "지상층수"])).toEqual({ height: "건물높이", floors: "지상층수" });
  expect(heightFields(["GRO_FLO_CO"])).toEqual({ height: null, floors: "GRO_FLO_CO" });
  expect(heightFields(["name", "flooring", "weight"])).toBeNull();
});

test("only filled areas become blocks, in their own colour", () => {
  const fill = { id: "h--fill", type: "fill", source: "h", "source-layer": "h", paint: { "fill-color": "#123456" } };
  const line = { id: "h--line", type: "line", source: "h", "source-layer": "h" };
  const style = { version: 8, sources: {}, layers: [fill, line] } as never;
  const made = blocks(style, { height: "height_m", floors: null });
  expect(made.map(({ id, type }) => [id, type])).toEqual([["h--fill--block", "fill-extrusion"]]);
  expect(made[0]?.paint).toMatchObject({ "fill-extrusion-color": "#123456" });
});

test("marks on an axis are round and within", () => {
  expect(roundMarks(0, 100, 5)).toEqual([0, 20, 40, 60, 80, 100]);
  expect(roundMarks(-1.3, 5.2, 6)).toEqual([0, 2, 4]);
  expect(roundMarks(0.11, 0.49, 4)).toEqual([0.2, 0.3, 0.4]);
  expect(roundMarks(3, 3, 4)).toEqual([3]);
});

test("water ends where its surface meets the bed", () => {
  const [body] = waterBodies([0, 10, 20], [4, 0, 4], [2, 2, 2]);
  expect(body).toEqual([
    { x: 5, y: 2 },
    { x: 10, y: 2 },
    { x: 15, y: 2 },
    { x: 15, y: 2 },
    { x: 10, y: 0 },
    { x: 5, y: 2 },
  ]);
  expect(waterBodies([0, 10, 20, 30, 40], [1, 1, 5, 1, 1], [2, 2, 2, 2, 2])).toHaveLength(2);
  expect(waterBodies([0, 10], [3, 4], [2, 2])).toEqual([]);
});

test("gaps part a line, and nothing is read across them", () => {
  expect(runs([0, 1, 2, 3], [1, null, 2, 3]).map((run) => run.length)).toEqual([1, 2]);
  expect(between([0, 10, 20], [0, 10, null], 5)).toBe(5);
  expect(between([0, 10, 20], [0, 10, null], 15)).toBeNull();
  expect(between([0, 10], [0, 10], 11)).toBeNull();
  expect(stretches([0, 10, 20], ["a", "a", "b"])).toEqual([
    { kind: "a", from: 0, to: 15 },
    { kind: "b", from: 15, to: 20 },
  ]);
});

const ANSWER = {
  length_m: 40,
  distance_m: [0, 10, 20, 30, 40],
  lon: [127, 127, 127, 127, 127],
  lat: [37.5, 37.6, 37.7, 37.8, 37.9],
  bed_elevation_m: [5, 2.4, -1, 2.4, null],
  water_stage_m: 2.5,
  water_depth_m: [0, 0.8, 3.5, 0.1, null],
  provenance: ["terrain", "surveyed", "surveyed", "heresy", null],
  vertical_datum: "KVD1964",
  resolution_m: 4,
  banks: [{ distance_m: 8, side: "left", reach: "A" }],
};

test("a section's water stands level, whatever the cells at its shore say", () => {
  const section = readSection(ANSWER, "river");
  expect(section.surface).toEqual([2.5, 2.5, 2.5, 2.5, null]);
  expect(depths(section).map((depth) => depth && Number(depth.toFixed(3)))).toEqual([null, 0.1, 3.5, 0.1, null]);
  expect(section.provenance).toEqual(["terrain", "surveyed", "surveyed", "unknown", "unknown"]);
  expect(section.banks).toEqual([{ distance: 8, side: "left" }]);
});

test("without one stage the surface of the shore is that of the water further out", () => {
  const distance = [0, 2, 4, 6, 8, 10, 12, 14, 16];
  const bed = [5, 4, 3, 1, 0, 1, 3, 4, 5];
  const depth = [0, 0, 0.5, 1.2, 2, 1.2, 0.5, 0, 0];
  expect(waterSurface(distance, bed, depth, null, 2)).toEqual([null, 2, 2, 2, 2, 2, 2, 2, null]);
});

test("low ground behind a levee stays dry", () => {
  const surface = waterSurface([0, 10, 20, 30], [1, 6, -1, 1], [0, 0, 3.5, 0], 2.5, 1);
  expect(surface).toEqual([null, 2.5, 2.5, null]);
});

test("a profile of plain heights has neither water nor provenance", () => {
  const points = [{ distance_m: 0, at: [127, 37], elevation_m: 3 }, { distance_m: 9, at: [127, 37.1], elevation_m: null }];
  const section = readProfile({ length_m: 9, points }, null);
  expect([section.bed, section.surface, section.provenance]).toEqual([[3, null], [null, null], null]);
  expect(() => readProfile({ points: 3 }, null)).toThrow();
});

test("the CSV has a row a place, empty where nothing is known, and a mark for Excel", () => {
  const lines = sectionCsv(readSection(ANSWER, "river"), ["d", "b"]).split("\r\n");
  expect(lines[0]).toBe("\uFEFFd,b");
  expect(lines[3]).toBe("20,-1,2.5,3.5,surveyed,127.0000000,37.7000000");
  expect(lines[5]).toBe("40,,,,unknown,127.0000000,37.9000000");
});

test("typed lines: two places or more, longitude first, on the earth", () => {
  expect(typedLine("126.97,37.55; 126.98, 37.56")).toEqual([[126.97, 37.55], [126.98, 37.56]]);
  for (const typed of ["", "126.97,37.55", "37.5,126.9;37.6,127", "a,b;c,d", "1,2,3;4,5,6"]) expect(typedLine(typed)).toBeNull();
});

test("a river is read; scores by section go with those of all", () => {
  const river = readRiver({
    reaches: [
      {
        id: "A",
        centreline: [[127, 37], [127.01, 37]],
        profile: { chainage_m: [0, 900], thalweg_m: [1, null], water_stage_m: [2, 2] },
        sections: [{ id: "S1", chainage_m: 450, line: [[127.005, 36.999], [127.005, 37.001]], station_m: [0, 200], bed_elevation_m: [4, 4] }],
      },
    ],
    leave_one_out: [{ method: "pchip", rmse_m: 0.2, bias_m: 0, thalweg_rmse_m: 0.3, sections: [{ section: "S1", rmse_m: 0.1 }] }],
    chosen_method: "pchip",
    warnings: ["x"],
    sources: ["a survey", { role: "sections", file: "s.csv" }],
  });
  expect(river.sources).toEqual([{ role: null, words: "a survey" }, { role: "sections", words: "s.csv" }]);
  expect(river.reaches[0]?.thalweg).toEqual([1, null]);
  expect(river.scores.map(({ section, rmse }) => [section, rmse])).toEqual([[null, 0.2], ["S1", 0.1]]);
  expect(sectionsNear(river, [[127.0052, 36.9], [127.0052, 37.1]], 60)).toHaveLength(1);
  expect(sectionsNear(river, [[127.02, 36.9], [127.02, 37.1]], 60)).toHaveLength(0);
});

const PUMP = {
  id: "P-1",
  type: "pump_station",
  name: "펌프장",
  start_level_m: 3.1,
  pump_curve: "0:104; 10:60; 6:90",
  rules: "start when stage >= 3.1; stop when stage <= 2.1",
  source: "made up",
  verified: false,
};

test("a facility is told from any other feature by its kind", () => {
  expect(isFacility(PUMP)).toBe(true);
  expect(isFacility({ id: "x", type: "school" })).toBe(false);
  expect(isFacility({ type: "constructor", id: 1 })).toBe(false);
});

test("fields have names and units; elevations say so", () => {
  expect(fieldName("start_level_m", "ko")).toBe("가동수위");
  expect(fieldValue("start_level_m", 3.1, "en")).toBe("EL 3.1 m");
  expect(fieldValue("unit_capacity_m3_min", 90, "ko")).toBe("90 m³/min");
  expect(fieldValue("gate_kind", "vertical_lift", "ko")).toBe("인양식");
  expect(fieldName("하천_코드", "en")).toBe("하천 코드");
  expect(fieldValue("gate_kind", "전도식", "en")).toBe("flap");
  expect([isWorking({ status: "normal" }), isWorking({ status: "일부고장" }), isWorking({})]).toEqual([true, false, null]);
  expect(figures({ crest_elevation_m: undefined, width_m: null, height_m: 0 })).toEqual([["height_m", 0]]);
  expect(figures(PUMP).map(([field]) => field)).toEqual(["start_level_m"]);
});

test("a curve is read as text and as pairs, by its first number", () => {
  const wanted = [{ x: 0, y: 104 }, { x: 6, y: 90 }, { x: 10, y: 60 }];
  expect(curvePoints(PUMP.pump_curve)).toEqual(wanted);
  expect(curvePoints("[[10,60],[0,104],[6,90]]")).toEqual(wanted);
  expect(curvePoints("[broken")).toEqual([]);
  expect(curvesOf(PUMP, "en").map(({ field, axes }) => [field, axes.x])).toEqual([["pump_curve", "Head (m)"]]);
});

test("rules stand a line each; what is unverified is said", () => {
  expect(rulesOf(PUMP)).toEqual(["start when stage >= 3.1", "stop when stage <= 2.1"]);
  expect(rulesOf({ rules: '[{"action":"open","when":"x"}]' })).toEqual(["action open, when x"]);
  expect(originOfAll(PUMP)).toEqual({ source: "made up", verified: false });
  expect(originOf({ sources: '{"height_m":{"source":"NGII","verified":false}}' }, "height_m")).toEqual({ source: "NGII", verified: false });
  expect(originOf({ unverified: "height_m, width_m" }, "width_m").verified).toBe(false);
  expect(originOf({}, "height_m")).toEqual({ source: null, verified: true });
});

test("a model's card has the names of its schema, in the reader's language where they are ours", () => {
  const names = new Map([["height_m", "모형 높이"], ["height_source", "모형 높이의 출처"], ["height_m_2", "height_m"]]);
  const told = { height_m: 37.30000000004, height_source: "floors", height_m_2: null, use: "학교", constructor: "김" };
  expect(attributeRows(told, names, "ko")).toEqual([
    ["모형 높이 (m)", "37.3"],
    ["모형 높이의 출처", "층수 × 3 m"],
    ["use", "학교"],
    ["constructor", "김"],
  ]);
  expect(attributeRows(told, names, "en").slice(0, 2)).toEqual([
    ["Height of the model (m)", "37.3"],
    ["Where that height is from", "floors × 3 m"],
  ]);
});

test("a pump's figures come in the template's order, each once, its capacities in one unit", () => {
  const told = { capacity_m3_s: 6, capacity_m3_min: 360, unit_capacity_m3_s: 1.5, available_m3_s: 4.5, lag_min: 5, unit_capacity_m3_min: 90, units: 4 };
  expect(figures(told).map(([field]) => field)).toEqual(["units", "unit_capacity_m3_min", "lag_min", "capacity_m3_min", "available_m3_s"]);
  expect(fieldValue("available_m3_s", 4.5, "en")).toBe("270 m³/min");
  expect(figures({ capacity_m3_s: 6 }).map(([field]) => field)).toEqual(["capacity_m3_s"]);
});
