import { expect, test } from "vitest";
import { duration } from "../src/usage/gauges.ts";
import { classes, classOf, colourAt, HEAT_COLOURS, heatBounds, squares, tileBounds } from "../src/usage/heat.ts";
import { address, type Row } from "../src/usage/ledger.ts";
import { canNarrow, Names } from "../src/usage/names.ts";
import { bestGrain, bucketOf, buckets, dateIn, days, grainsFor, periodOf } from "../src/usage/period.ts";
import { heights, parts, ticks } from "../src/usage/series.ts";
import { speakingUsage } from "../src/usage/texts.ts";

const counts = { bytes: 0, errors: 0, visitors: null };

test("today is the server's day, not the browser's", () => {
  const midnight = new Date("2026-11-22T15:30:00Z");
  expect(dateIn("Asia/Seoul", midnight)).toBe("2026-11-23");
  expect(dateIn("UTC", midnight)).toBe("2026-11-22");
});

test.each([
  ["today", "2026-03-01", "2026-03-01"],
  ["week", "2026-02-23", "2026-03-01"],
  ["month", "2026-03-01", "2026-03-01"],
  ["range", "2024-02-28", "2024-03-01"],
] as const)("the period %s runs from %s to %s", (name, from, to) => {
  const typed = { from: "2024-03-01", to: "2024-02-28" }; // the wrong way round
  expect(periodOf(name, "2026-03-01", typed)).toEqual({ from, to });
});

test("one date alone is a day, and a leap year has its 29 February", () => {
  expect(periodOf("range", "2026-03-01", { from: "2026-01-05", to: "" })).toEqual({ from: "2026-01-05", to: "2026-01-05" });
  expect(buckets({ from: "2024-02-28", to: "2024-03-01" }, "day")).toEqual(["2024-02-28", "2024-02-29", "2024-03-01"]);
});

test("every stretch of a period is there, also those without requests", () => {
  const day = { from: "2026-11-23", to: "2026-11-23" };
  expect(buckets(day, "hour")).toHaveLength(24);
  expect(buckets(day, "hour")[9]).toBe("2026-11-23T09:00");
  expect(buckets(day, "minute")).toHaveLength(1440);
  expect(buckets({ from: "2025-11-30", to: "2026-02-01" }, "month")).toEqual(["2025-11", "2025-12", "2026-01", "2026-02"]);
});

test("rows belong to the stretch that the server wrote, whatever its zone", () => {
  expect(bucketOf("2026-11-23T09:00+09:00", "hour")).toBe("2026-11-23T09:00");
  expect(bucketOf("2026-11", "month")).toBe("2026-11");
});

test("only grains are offered that are kept and can be told apart", () => {
  const today = "2026-11-23";
  const from = (date: string) => ({ from: date, to: today });
  expect(grainsFor(from(today), today)).toEqual(["minute", "hour"]);
  expect(grainsFor({ from: "2026-11-10", to: "2026-11-10" }, today)).toEqual(["hour"]); // minutes are kept three days
  expect(grainsFor(from("2026-11-17"), today)).toEqual(["hour", "day", "month"]);
  expect(grainsFor({ from: "2025-01-01", to: "2025-01-03" }, today)).toEqual(["day", "month"]); // hours are kept 400
  expect(grainsFor(from("2023-01-01"), today)).toEqual(["month"]);
  expect([from(today), from("2026-11-01"), from("2026-01-01")].map(bestGrain)).toEqual(["hour", "day", "month"]);
  expect(days(from("2026-11-17"))).toBe(7);
});

test("rows become stacked parts, the largest first, what is over six added up", () => {
  const rows = Array.from({ length: 8 }, (_, index): Row => ({ ...counts, hour: "2026-11-23T01:00+09:00", layer: `l${index}`, requests: index + 1 }));
  const all = parts(rows, buckets({ from: "2026-11-23", to: "2026-11-23" }, "hour"), "hour", "layer", "requests");
  expect(all.map(({ name, sum }) => [name, sum])).toEqual([["l7", 8], ["l6", 7], ["l5", 6], ["l4", 5], ["l3", 4], [null, 6]]);
  expect(heights(all, 24)[1]).toBe(36);
  expect(all[5]?.values[1]).toBe(6);
});

test("what was not counted apart counts as nothing, and empty parts are left out", () => {
  const rows: Row[] = [{ ...counts, day: "2026-11-23", status: "2xx", requests: 3 }];
  expect(parts(rows, ["2026-11-23"], "day", "status", "visitors")).toEqual([]);
});

test.each([
  [0, 1, [0, 1]],
  [3, 1, [0, 1, 2, 3]],
  [203, 1, [0, 100, 200, 300]],
  [1_000_000, 1, [0, 500_000, 1_000_000]],
  [3 * 1024, 1024, [0, 1024, 2048, 3072]],
])("the axis up to %d in units of %d has the marks %j", (most, unit, marks) => {
  expect(ticks(most, unit)).toEqual(marks);
});

test("filters that are empty stay out of the address, and no key gets in", () => {
  const asked = { by: ["hour", "function"] as const, from: "2026-11-01", to: "2026-11-23", key: "key-1", layer: "", function: "" };
  expect(address("/api/usage", { ...asked, by: [...asked.by] })).toBe("/api/usage?from=2026-11-01&to=2026-11-23&key=key-1&by=hour,function");
});

test("a tile is where it is on the earth", () => {
  const [west, south, east, north] = tileBounds(12, 3492, 1586); // Seoul City Hall lies in it
  expect(west < 126.978 && 126.978 < east && south < 37.5665 && 37.5665 < north).toBe(true);
  expect(tileBounds(0, 0, 0).map((degrees) => Math.round(degrees * 1e4) / 1e4)).toEqual([-180, -85.0511, 180, 85.0511]);
  expect(heatBounds([])).toBeNull();
});

test("heat classes grow by a factor, and few requests make few classes", () => {
  expect(classes([1])).toEqual([1]);
  expect(classes([1, 3])).toEqual([1, 2, 3]);
  expect(classes([1, 100_000])).toEqual([1, 10, 100, 1000, 10_000]);
  expect([1, 9, 10, 99_999].map((one) => classOf(one, [1, 10, 100, 1000, 10_000]))).toEqual([0, 0, 1, 4]);
  expect([colourAt(0, 2), colourAt(1, 2)]).toEqual([HEAT_COLOURS[0], HEAT_COLOURS.at(-1)]);
});

test("smaller tiles lie on top of larger ones", () => {
  const made = squares([[14, 1, 1, 5], [8, 0, 0, 9]], [1, 5]);
  expect(made.features.map(({ properties }) => properties?.["tile"])).toEqual(["8/0/0", "14/1/1"]);
});

test.each([
  [30, "30 s"],
  [600, "10 min"],
  [35_000, "10 h"],
  [690_000, "8 days"],
])("%d seconds are %s", (seconds, words) => {
  expect(duration(seconds, speakingUsage("en"))).toBe(words);
});

test("values are called what people call them", () => {
  const names = new Names();
  const title = { ko: "자치구", en: "Districts" };
  names.know([{ id: "gu", title } as never], [{ id: "key-1", name: "시민 앱" }]);
  const say = speakingUsage("en");
  const named = (dimension: "key" | "layer" | "zoom" | "function" | "status", value: string) => names.of(dimension, value, say, "en");
  expect([named("layer", "gu"), named("layer", "gu,roads"), named("layer", "(none)")]).toEqual(["Districts", "Districts + roads", "No layer"]);
  expect([named("key", "key-1"), named("key", "key-9"), named("key", "anonymous")]).toEqual(["시민 앱", "key-9", "Callers without a key"]);
  expect([named("zoom", ""), named("zoom", "12")]).toEqual(["Not tiles", "Zoom 12"]);
  expect([named("function", "twin"), named("function", "(uncounted)")]).toEqual(["Digital twin", "Requests that count for no quota"]);
  expect([named("status", "2xx"), named("status", "4xx"), named("status", "(other)")]).toEqual(["Fine (2xx)", "Bad requests (4xx)", "The rest"]);
  expect(["gu", "(none)", "a,b"].map(canNarrow)).toEqual([true, false, false]);
});
