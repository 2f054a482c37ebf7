import { expect, test } from "vitest";
import { differenceColour } from "../src/flood/classes.ts";
import { around, Clock, sinceStart } from "../src/flood/clock.ts";
import { depths, differenceTiles, fullDifference, sliceAddresses } from "../src/flood/difference.ts";
import { closeBehind, type Draft, emptyDraft, fromMapping, idOf, toMapping, untaken } from "../src/flood/draft.ts";
import { estimate } from "../src/flood/estimate.ts";
import { facilityOf, nearestLevee } from "../src/flood/facilities.ts";
import { keptFrames } from "../src/flood/frames.ts";
import { across, cellCount, nearestOn, sizeOf, typedBox, typedPlace } from "../src/flood/geo.ts";
import { inLanguage } from "../src/flood/legend.ts";
import { readLink, writeLink } from "../src/flood/link.ts";
import { linesOf } from "../src/flood/member-charts.ts";
import { pathWords } from "../src/flood/members.ts";
import { decoded, headingUnit, integral, overRun, overTimeMapping, overTimeOf, typedRows } from "../src/flood/over-time.ts";
import { readPack } from "../src/flood/pack.ts";
import { hyetograph, PATTERNS, total, typedSeries } from "../src/flood/rain.ts";
import { layerNamed, type Member, runOf } from "../src/flood/service.ts";
import { valueAt } from "../src/flood/series-chart.ts";
import { speakingFlood } from "../src/flood/texts.ts";
import { memberCount, typedValues, variable, varyOf } from "../src/flood/vary.ts";
import { placed } from "../src/flood/water-layer.ts";
import { areaText, errorText, notPublishedWords, progressWords } from "../src/flood/words.ts";
import { readScenarioText, scenarioText } from "../src/flood/yaml-file.ts";

const BOX = [126.5, 37.31, 126.53, 37.33] as const;
const KO = { language: "ko", say: speakingFlood("ko") } as const;

function draft(): Draft {
  return {
    ...emptyDraft(),
    ...{ name: "test-1", title: "시험: '따옴표' # 과", terrain: "sample-river", box: [...BOX], cell: 10, hours: 2, scheme: "full", manning: 0.05, initial: "terrain" },
    rain: { kind: "series", text: "0, 20\n30, 50\n60, 0" },
    infiltration: { method: "green-ampt", values: { hydraulic_conductivity_mm_h: 10, suction_mm: 110, moisture_deficit: 0.3 } },
    edges: { north: "closed", east: "open", south: "stage", west: "open" },
    slope: 0.002,
    stages: { ...emptyDraft().stages, south: { kind: "series", unit: "h", text: "0, 1.5\n3, 4.2\n6, -0.3" } },
    inflows: [
      { name: "상류", at: [126.52, 37.32], discharge: { kind: "constant", value: 300 } },
      { name: "지류", at: [126.51, 37.32], discharge: { kind: "series", unit: "min", text: "0, 5\n30, 60.5\n120, 10" } },
    ],
    gauges: [{ name: "다리", at: [126.51, 37.32] }],
    structures: "sample-river-facilities",
    overrides: { "P-1": { failed: true, opening: null }, "G-2": { failed: false, opening: 1.2 } },
    breaches: [{ levee: "L-1", at: [126.51, 37.319], width: 30, bottom: 7.5, start: 1, growth: 0.5 }],
    vary: [{ path: "rain.design.depth_mm", values: [80, 100] }, { path: "overrides.P-1.status", values: ["normal", "failed"] }],
  };
}

test("a scenario that was saved as a file is the same when it is opened again", async () => {
  const text = await scenarioText(toMapping(draft()));
  expect(text).toContain("bbox: [126.5, 37.31, 126.53, 37.33]");
  expect(fromMapping(await readScenarioText(text))).toEqual(draft());
});

test("what the page has no field for is kept as it is, beside what it edits", () => {
  const given = {
    ...{ scenario: "a", terrain: { layer: "dem", band: 1 }, duration_h: 1, vary: [{ name: "rough", set: { manning_n: 0.05 } }], drains: { capacity_mm_h: 20 } },
    rain: { raster: "rain.nc" },
    boundaries: [{ edge: "south", type: "open", slope: 0.01 }, { edge: "west", type: "stage", series: "tide.csv" }],
    inflows: [{ name: "q", at: [127, 37], hydrograph: "q.csv" }, { name: "r", at: [127, 37], discharge_m3_s: 5 }],
    overrides: { "P-2": { units: 2 }, "P-3": { status: "failed" } },
  };
  const opened = fromMapping(given);
  expect(opened.rain).toEqual({ kind: "file" });
  expect(opened.edges.south).toBe("open");
  expect(opened.inflows).toEqual([{ name: "r", at: [127, 37], discharge: { kind: "constant", value: 5 } }]);
  expect(opened.edges.west).toBe("closed"); // its series lies in a file
  const again = toMapping(opened);
  expect(again).toMatchObject({ terrain: given.terrain, vary: given.vary, drains: given.drains, rain: given.rain, overrides: given.overrides });
  expect(again["boundaries"]).toEqual(given.boundaries);
  expect(again["inflows"]).toEqual([...given.inflows].reverse());
});

test.each([null, 3, [], { depth: 1 }])("%j is no scenario", (given) => {
  expect(() => fromMapping(given)).toThrow();
});

test("aliases of YAML, which can blow up, are refused", async () => {
  await expect(readScenarioText("a: &a [1]\nb: [*a, *a]")).rejects.toThrow();
});

test.each(PATTERNS.map((pattern) => [pattern]))("the bars of %s have the storm's depth and duration, and its peak in its quarter", (pattern) => {
  const bars = hyetograph({ kind: "design", depth: 212, hours: 3, pattern }, 6) ?? [];
  expect(total(bars)).toBeCloseTo(212, 6);
  expect([bars[0]?.from, bars.at(-1)?.to]).toEqual([0, 180]);
  const peak = bars.reduce((a, b) => (b.rate > a.rate ? b : a));
  const quarter = Number(/huff-(\d)/.exec(pattern)?.[1] ?? 0);
  if (quarter > 0) expect(Math.ceil(((peak.from + peak.to) / 2 / 180) * 4)).toBe(quarter);
});

test("a pasted table may have a heading and clock times; its first wrong line is named", () => {
  expect(typedSeries("시각,강우\n0:00, 10\n0:30\t20\n1:10;0")).toEqual([[0, 10], [30, 20], [70, 0]]);
  expect(typedSeries("0, 10\n30, -1")).toBe(2);
  expect(typedSeries("0, 10\n0, 20")).toBe(2);
  expect(typedSeries("0, 10")).toBe(1);
});

test("a hydrograph may be in minutes, hours or seconds, by the clock, or by dates, which count from the first", () => {
  const within = { least: -10, most: 1000 };
  expect(typedRows("time_h, q\n0.5, 10\n1.25, -5", within, "h")).toEqual([[30, 10], [75, -5]]);
  expect(typedRows("0 1\n90 2", within, "s")).toEqual([[0, 1], [1.5, 2]]);
  expect(typedRows("일시;유량\n2022-08-08 23:30;4\n2022-08-09 00:30;8", within)).toEqual([[0, 4], [60, 8]]);
  expect(typedRows("2022-08-08 23:30 4\n2022-08-09 00:30:30 8", within)).toEqual([[0, 4], [60.5, 8]]);
  expect(typedRows('"0:00",1\n"1:30",2', within)).toEqual([[0, 1], [90, 2]]);
  expect(typedRows("0, 1\n10, 1001", within)).toBe(2);
  expect(typedRows("0, 1\n\n10, 2, 3", within)).toBe(3);
  expect([headingUnit("time_h,q\n0,1"), headingUnit("시간(분), 유량"), headingUnit("t [s];q"), headingUnit("시간,유량"), headingUnit("0,1")]).toEqual(["h", "min", "s", null, null]);
});

test("tables that Korean spreadsheets save are read by their own encoding", () => {
  const cp949 = new Uint8Array([0xbd, 0xc3, 0xb0, 0xa3, 0x2c, 0x51, 0x0a, 0x30, 0x2c, 0x31]); // 시간,Q
  expect(decoded(cp949.buffer)).toBe("시간,Q\n0,1");
  expect(decoded(new TextEncoder().encode("시간,Q").buffer as ArrayBuffer)).toBe("시간,Q");
});

test("the first value of a hydrograph holds before, the last after, and its volume is that of the run alone", () => {
  const rows: [number, number][] = [[60, 10], [120, 30], [300, 30]];
  expect(overRun(rows, 3)).toEqual([[0, 10], [60, 10], [120, 30], [180, 30]]);
  expect(integral(rows, 3)).toBeCloseTo((10 + 20 + 30) * 3600, 6);
});

test("a table goes into the file with its unit, and what is wrong stays for the server to say", () => {
  const names = { number: "discharge_m3_s", rows: "hydrograph" };
  const within = { least: 0, most: 100 };
  expect(overTimeMapping({ kind: "series", unit: "h", text: "0:00, 1\n1:30, 2" }, names, within)).toEqual({ hydrograph: [[0, 1], [1.5, 2]], time_unit: "h" });
  expect(overTimeMapping({ kind: "series", unit: "h", text: "0, 1000" }, names, within)).toEqual({ hydrograph: [], time_unit: "h" });
  expect(overTimeOf({ hydrograph: [[0, 1]], time_unit: "min", factor: 2 }, names)).toBeNull();
  expect(overTimeOf({ hydrograph: [[0, 1]] }, names)).toBeNull(); // hours or minutes? the reader knows, the page does not
});

test("what can be varied follows the draft, and values are read as people type them", () => {
  const given = { ...draft(), rain: { kind: "design", depth: 100, hours: 1, pattern: "huff-3" } as const };
  const gate = { id: "G-2", type: "sluice_gate", names: { ko: "수문", en: "gate" }, status: "normal", opening: 0, mostOpening: 2.5, line: [] };
  const paths = variable(given, [gate], ({ id }) => id).map(({ path }) => path);
  expect(paths).toEqual(["rain.design.depth_mm", "rain.design.duration_h", "inflows[0].discharge_m3_s", "inflows[1].factor", "manning_n", "levee_breaches[0].width_m", "overrides.G-2.status", "overrides.G-2.opening_m"]);
  const depth = { kind: "depth", least: 0, most: 2000 } as const;
  expect(typedValues("80, 100 120", depth)).toEqual([80, 100, 120]);
  expect([typedValues("80, 80", depth), typedValues("-1", depth), typedValues("much", depth), typedValues(" ", depth)]).toEqual([null, null, null, null]);
  expect(typedValues("a, 2, true", { ...depth, kind: "other" })).toEqual(["a", 2, true]);
  expect(memberCount([{ path: "a", values: [1, 2] }, { path: "b", values: [1, 2, 3] }])).toBe(6);
  expect([varyOf([{ name: "x" }]), varyOf({ a: [{ b: 1 }] }), varyOf({ a: [] })]).toEqual([null, null, null]);
});

test("members stand in lines of equal other values, in the order of what the chart runs along", () => {
  const member = (depth: number, state: string, flooded: number, error?: object) => ({ name: `${depth}-${state}`, values: { depth, state }, flooded_m2: flooded, ...(error ? { error } : {}) }) as Member;
  const members = [member(120, "normal", 3), member(80, "normal", 1), member(80, "failed", 2), member(120, "failed", 0, { code: "X" })];
  const measure = { id: "f", label: "f", of: ({ flooded_m2: flooded }: Member) => flooded ?? null };
  const common = { members, measure, valueText: String };
  const byDepth = linesOf({ ...common, along: "depth", others: [{ path: "state", words: "state" }] });
  expect(byDepth.map(({ label, points }) => [label, points.map(({ at, value }) => [at, value])])).toEqual([["state normal", [[80, 1], [120, 3]]], ["state failed", [[80, 2]]]]);
  const byState = linesOf({ ...common, along: "state", others: [{ path: "depth", words: "depth" }] });
  expect(byState.map(({ label, points }) => [label, points.map(({ at }) => at)])).toEqual([["depth 120", [0]], ["depth 80", [0, 1]]]);
  expect(pathWords("overrides.P-1.status", KO)).toBe("P-1 고장 여부");
  expect(pathWords("drains.swmm.scale", KO)).toBe("swmm.scale");
});

test("boxes and places are read as people type them, or not at all", () => {
  expect(typedBox("126.9, 37.47 126.95;37.52")).toEqual([126.9, 37.47, 126.95, 37.52]);
  expect([typedBox("126.9, 37.5, 126.8, 37.6"), typedBox("1, 2, 3"), typedPlace("127, 95"), typedPlace("")]).toEqual([null, null, null, null]);
});

test("cells are counted on the ground, and time grows with them", () => {
  expect(sizeOf(BOX).height).toBeCloseTo(2226, 0);
  expect(cellCount(BOX, 10)).toBe(266 * 223);
  const seconds = (cell: number) => (estimate({ ...draft(), cell }, [])?.seconds ?? 0) - 3;
  expect(seconds(5) / seconds(10)).toBeCloseTo(8, 0);
});

test("the nearest levee, and the line across it", () => {
  const [levee] = facilityOf({ type: "Feature", properties: { id: "L-1", type: "levee", name: "제방" }, geometry: { type: "LineString", coordinates: [[127, 37], [127.01, 37]] } });
  expect(nearestLevee([levee!], [127.005, 37.0005], 100)?.at).toEqual([127.005, 37]);
  expect(nearestLevee([levee!], [127.005, 37.01], 100)).toBeNull();
  const [a, b] = across(levee!.line, [127.005, 37], 40);
  expect(a[0]).toBeCloseTo(b[0], 9);
  expect(nearestOn(levee!.line, a)?.away).toBeCloseTo(40, 3);
});

test("ids are made of names, and differ from those that are taken", () => {
  expect([idOf("Dorim 100 yr!"), idOf("홍수")]).toEqual(["dorim-100-yr", ""]);
  expect(untaken("a", new Set(["a", "a-2"]))).toBe("a-3");
  expect(untaken("b", new Set(["a"]))).toBe("b");
});

test("a link carries run, comparison, time and what is shown; nonsense is left out", () => {
  const link = { run: "4bb2", other: "85ff", time: 1800, show: "difference" as const, position: null, language: "en" as const };
  expect(readLink(writeLink(link))).toEqual(link);
  expect(readLink("#run=../x&t=-3&show=all")).toMatchObject({ run: null, time: null, show: null });
});

test("the clock plays to the end, waits for pictures, and steps by output times", () => {
  const clock = new Clock([0, 60, 120]);
  clock.play(0);
  expect([clock.tick(100, false), clock.time]).toEqual([true, 0.5]);
  expect([clock.tick(200, true), clock.time]).toEqual([true, 0.5]);
  clock.step(1);
  expect(clock.time).toBe(60);
  clock.seek(90);
  clock.step(-1);
  expect(clock.time).toBe(60);
  clock.step(-1);
  expect(clock.time).toBe(0);
  for (let now = 300; clock.tick(now, false); now += 250);
  expect([clock.time, clock.playing]).toEqual([120, false]);
});

test("between output times there is a share; beyond the ends there is none", () => {
  expect(around([0, 60, 120], 75)).toEqual({ before: 1, after: 2, share: 0.25 });
  expect(around([0, 60, 120], 500)).toEqual({ before: 2, after: 2, share: 0 });
  expect(around([5], 0)).toEqual({ before: 0, after: 0, share: 0 });
  expect(valueAt([0, 60], [1, 3], 15)).toBe(1.5);
  expect(valueAt([0, 60], [1, null], 15)).toBe(1);
  expect(sinceStart(19_020)).toBe("5:17");
});

const INDEX = {
  ...{ version: 1, encoding: "sqrt8", scale_m: 4, shown_from_m: 0.05, width: 300, height: 200, bounds: [126.9, 37.4, 127, 37.5], times_s: [0, 60], start: null },
  frames: ["frames/0000.png", "frames/0001.png"],
};

test("an animation's index is checked; where it lies is reckoned on the map's square", () => {
  const pack = readPack("a-depth", INDEX);
  expect(pack.address(1)).toBe("/flood/a-depth/frames/0001.png");
  expect(pack.mercator[0]).toBeCloseTo((126.9 + 180) / 360, 12);
  expect(pack.mercator[1]).toBeLessThan(pack.mercator[3]);
  for (const change of [{ encoding: "png16" }, { width: 0 }, { frames: [] }, { times_s: "x" }]) {
    expect(() => readPack("a-depth", { ...INDEX, ...change })).toThrow();
  }
});

test("only a window of frames is kept, however many there are", () => {
  const pack = { ...readPack("a", INDEX), width: 2048, height: 2048, times: Array.from({ length: 500 }, (_, n) => n) };
  expect(keptFrames(pack)).toBe(24);
  expect(keptFrames({ ...pack, times: [0, 1, 2] })).toBe(3);
});

test("a matrix is moved and stretched in double precision", () => {
  const matrix = Array.from({ length: 16 }, (_, n) => n + 1);
  const made = placed(matrix, [2, 3], [10, 20]);
  const apply = (m: readonly number[], x: number, y: number) => [0, 1, 2, 3].map((row) => m[row]! * x + m[4 + row]! * y + m[12 + row]!);
  expect(apply(made, 0.5, 0.25)).toEqual(apply(matrix, 2 + 5, 3 + 5));
});

test("two slices of grey give depths to a centimetre; differences have a sign and a colour", () => {
  const most = 4;
  const slices = (depth: number) => [0, 1].map((n) => {
    const grey = Math.round(Math.min(Math.max((Math.sqrt(depth) - n) * 255, 0), 255));
    return Uint8ClampedArray.of(grey, grey, grey, 255);
  }) as [Uint8ClampedArray, Uint8ClampedArray];
  for (const depth of [0, 0.1, 0.5, 1, 1.7, 3.9]) expect(Math.abs(depths(...slices(depth), most)[0]! - depth)).toBeLessThan(0.01);
  expect(depths(new Uint8ClampedArray(4), new Uint8ClampedArray(4), most)[0]).toBe(0);
  expect(sliceAddresses("x", "14/1/2", 4)).toEqual(["0,1.0000", "1.0000,2.0000"].map((range) => `/tiles/x/14/1/2.png?expression=sqrt(b1)&rescale=${range}&colormap=data`));
  expect(differenceTiles("a", "b", 4)).toBe("flood-difference://a/b/4/{z}/{x}/{y}");
  const [deeper, shallower] = [differenceColour(1, fullDifference(4)), differenceColour(-1, fullDifference(4))];
  expect([deeper[0] > deeper[2], shallower[2] > shallower[0], differenceColour(0.01, 1)[3]]).toEqual([true, true, 0]);
});

test("progress is told in the reader's language, errors with raised digits", () => {
  const told = "2:15:00 of 6:00:00, 1.25 km² wet, step 0.5 s, volume error 1.2e-08, about 1:10 left";
  expect(progressWords(told, 0.3, KO)).toBe("2:15:00 / 6:00:00 · 침수 1.25 km² · 체적 오차 1.2 × 10⁻⁸ · 약 1:10 남음");
  expect(progressWords("looking through the pixels", 0.97, KO)).toBe("지도에 올리는 중");
  expect(errorText(-3.14e-10)).toBe("3.1 × 10⁻¹⁰");
});

test("legends of the server are parted by language", () => {
  const label = "1.25–2: 대부분 위험 (danger for most)";
  expect([inLanguage(label, "ko"), inLanguage(label, "en")]).toEqual(["1.25–2: 대부분 위험", "1.25–2: danger for most"]);
  expect(inLanguage("0.75 미만: 주의 (below 0.75: caution)", "en")).toBe("below 0.75: caution");
  expect(inLanguage("4 m/s 이상 (and more)", "en")).toBe("4 m/s and more");
  expect(inLanguage("10분 (10 min)", "en")).toBe("10 min");
  expect(inLanguage("0.5 m/s", "en")).toBe("0.5 m/s");
});

test("an inflow beside an open edge closes it, for the water would leave there again", () => {
  const made = { ...emptyDraft(), box: [...BOX] as const };
  expect(closeBehind(made, [126.529, 37.32])).toEqual(["east"]);
  expect(made.edges).toEqual({ north: "open", east: "closed", south: "open", west: "open" });
  expect(closeBehind(made, [126.515, 37.32])).toEqual([]);
});

test("edges of a file are walls where it does not open them, and `all` opens all", () => {
  const opened = (boundaries: object[]) => fromMapping({ scenario: "a", terrain: "b", boundaries }).edges;
  expect(opened([])).toEqual({ north: "closed", east: "closed", south: "closed", west: "closed" });
  expect(opened([{ edge: "all", type: "open" }])).toEqual({ north: "open", east: "open", south: "open", west: "open" });
});

test("a run that flooded nothing says how shallow the water stayed", () => {
  const run = runOf({ id: "1", scenario: "dry", state: "done", not_published: "nothing is flooded: the deepest water, 0.012 m, stays below 0.05 m. Rain more" });
  expect(notPublishedWords(run, KO)).toBe("침수된 곳이 없습니다. 가장 깊은 곳이 0.012 m로 기준 0.05 m에 못 미칩니다.");
  expect(notPublishedWords(runOf({ id: "1" }), KO)).toBe("지도에 올린 결과가 없습니다.");
});

test("the layers of an ensemble are not taken for others", () => {
  const run = runOf({ id: "1", scenario: "many", layers: ["many-max-depth", "many-mean-depth"] });
  const layers = ["many-max-depth", "many-mean-depth"].map((id) => ({ id }) as never);
  expect(layerNamed(run, "depth", layers)).toBeNull();
  expect(layerNamed(run, "mean-depth", layers)).toEqual({ id: "many-mean-depth" });
});

test("areas are told in the unit that fits", () => {
  expect([areaText(950, "en"), areaText(1_250_000, "en"), areaText(undefined, "en")]).toEqual(["950 m²", "1.25 km²", "–"]);
});
