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
import { readPack } from "../src/flood/pack.ts";
import { hyetograph, PATTERNS, total, typedSeries } from "../src/flood/rain.ts";
import { layerNamed, runOf } from "../src/flood/service.ts";
import { valueAt } from "../src/flood/series-chart.ts";
import { speakingFlood } from "../src/flood/texts.ts";
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
    edges: { north: "closed", east: "open", south: "closed", west: "open" },
    slope: 0.002,
    inflows: [{ name: "상류", at: [126.52, 37.32], discharge: 300 }],
    gauges: [{ name: "다리", at: [126.51, 37.32] }],
    structures: "sample-river-facilities",
    overrides: { "P-1": { failed: true, opening: null }, "G-2": { failed: false, opening: 1.2 } },
    breaches: [{ levee: "L-1", at: [126.51, 37.319], width: 30, bottom: 7.5, start: 1, growth: 0.5 }],
  };
}

test("a scenario that was saved as a file is the same when it is opened again", async () => {
  const text = await scenarioText(toMapping(draft()));
  expect(text).toContain("bbox: [126.5, 37.31, 126.53, 37.33]");
  expect(fromMapping(await readScenarioText(text))).toEqual(draft());
});

test("what the page has no field for is kept as it is, beside what it edits", () => {
  const given = {
    ...{ scenario: "a", terrain: { layer: "dem", band: 1 }, duration_h: 1, vary: { manning_n: [0.03, 0.04] }, drains: { capacity_mm_h: 20 } },
    rain: { raster: "rain.nc" },
    boundaries: [{ edge: "south", type: "open", slope: 0.01 }, { edge: "west", type: "stage", series: "tide.csv" }],
    inflows: [{ name: "q", at: [127, 37], hydrograph: "q.csv" }, { name: "r", at: [127, 37], discharge_m3_s: 5 }],
    overrides: { "P-2": { units: 2 }, "P-3": { status: "failed" } },
  };
  const opened = fromMapping(given);
  expect(opened.rain).toEqual({ kind: "file" });
  expect(opened.edges.south).toBe("open");
  expect(opened.inflows).toEqual([{ name: "r", at: [127, 37], discharge: 5 }]);
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
