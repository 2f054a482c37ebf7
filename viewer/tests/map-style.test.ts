import { createExpression } from "@maplibre/maplibre-gl-style-spec";
import { expect, test } from "vitest";
import { featureName, labelFields } from "../src/map/names.ts";
import { scaled, scaledPaint } from "../src/map/opacity.ts";
import { lowestOf } from "../src/map/relief.ts";
import { heightOf, isPicture, Stack } from "../src/map/stack.ts";

/** What MapLibre makes of an expression at a zoom. */
function evaluated(value: unknown, zoom: number, properties: Record<string, number> = {}): unknown {
  const made = createExpression(value, "t");
  if (made.result === "error") throw new Error(made.value.map((error) => error.message).join());
  return made.value.evaluate({ zoom }, { type: 1, properties });
}

test.each([
  [0.8],
  [["interpolate", ["linear"], ["zoom"], 8, 0.4, 14, 0.2]],
  [["interpolate", ["exponential", 1.5], ["zoom"], 8, ["to-number", ["get", "o"]], 14, 0.2]],
  [["step", ["zoom"], 0.1, 10, 0.5, 12, 0.9]],
  [["step", ["zoom"], ["get", "o"], 10, ["case", [">", ["get", "o"], 0.5], 1, 0]]],
  [["get", "o"]],
])("%j at a factor of 0.5 is half as opaque at every zoom", (value) => {
  for (const zoom of [5, 9.5, 11, 16]) {
    const whole = evaluated(value, zoom, { o: 0.6 }) as number;
    expect(evaluated(scaled(value, 0.5), zoom, { o: 0.6 })).toBeCloseTo(whole / 2, 6);
  }
});

test("a zoom function with stops is scaled at each stop", () => {
  expect(scaled({ base: 1.2, stops: [[8, 0.4], [14, 1]] }, 0.5)).toEqual({ base: 1.2, stops: [[8, 0.2], [14, 0.5]] });
});

test("labels lie over points over lines over areas, in whatever order layers arrive", () => {
  const stack = new Stack();
  const put = (id: string, type: "fill" | "line" | "circle" | "symbol", position: number) =>
    stack.insert(id, heightOf(type, "basemap", position, 0));
  expect(put("b-symbol", "symbol", 1)).toBeUndefined();
  expect(put("b-fill", "fill", 1)).toBe("b-symbol");
  expect(put("a-circle", "circle", 0)).toBe("b-symbol");
  expect(put("a-line", "line", 0)).toBe("a-circle");
  expect(put("a-fill", "fill", 0)).toBe("a-line"); // first in the list lies above the second
  stack.remove("a-line");
  expect(put("c-fill", "fill", 2)).toBe("b-fill");
});

test("rasters lie beneath all areas, of the base map as well", () => {
  const stack = new Stack();
  stack.insert("districts", heightOf("fill", "basemap", 3, 0));
  expect(stack.insert("shade", heightOf("hillshade", "content", 0, 1))).toBe("districts");
  expect(stack.insert("colours", heightOf("color-relief", "content", 0, 0))).toBe("shade");
  expect(stack.insert("photo", heightOf("raster", "content", 1, 0))).toBe("colours");
});

test("the ground's relief lies beneath the water's depth, wherever they stand in the list", () => {
  const stack = new Stack();
  stack.insert("depth", heightOf("raster", "twin", 5, 0));
  expect(stack.insert("relief", heightOf("raster", "twin", 0, 0, true))).toBe("depth");
  expect(stack.insert("photo", heightOf("raster", "basemap", 0, 0))).toBe("relief");
});

test("the ground in 3D stands on its lowest height, as the legend tells it", () => {
  const tells = (...labels: string[]) => lowestOf({ legend: labels.map((label) => ({ label, color: "#000000" })) });
  expect([tells("-1.5 m", "20 m"), tells("305 m", "800 m"), tells(), tells("?")]).toEqual([-1.5, 305, 0, 0]);
});

test("rasters hold no features, everything else may", () => {
  expect((["raster", "hillshade", "color-relief"] as const).every(isPicture)).toBe(true);
  expect((["fill", "line", "circle", "symbol"] as const).some(isPicture)).toBe(false);
});

test.each([
  [{ type: "raster", paint: { "raster-opacity": 0.8 } }, "raster-opacity", 0.4],
  [{ type: "color-relief" }, "color-relief-opacity", 0.5],
  [{ type: "hillshade", paint: { "hillshade-exaggeration": 0.4 } }, "hillshade-exaggeration", 0.2],
  [{ type: "hillshade" }, "hillshade-exaggeration", 0.25],
])("half the opacity of %j", (layer, property, value) => {
  expect(scaledPaint({ id: "x", source: "x", ...layer } as never, 0.5)).toEqual([[property, value]]);
});

test("content areas lie over base map areas, twin areas over both", () => {
  const stack = new Stack();
  stack.insert("twin", heightOf("fill", "twin", 9, 0));
  expect(stack.insert("base", heightOf("fill", "basemap", 0, 0))).toBe("twin");
  expect(stack.insert("content", heightOf("fill", "content", 5, 0))).toBe("twin");
});

test("a feature is called what its label shows", () => {
  const label = { id: "l", type: "symbol", source: "s", layout: { "text-field": ["to-string", ["get", "구명"]] } };
  const fields = labelFields({ version: 8, sources: {}, layers: [label] } as never);
  expect(fields).toEqual(["구명"]);
  expect(featureName({ name: "Jongno", 구명: "종로구" }, fields)).toBe("종로구");
});

test("without a label a usual name field serves, and none is better than a wrong one", () => {
  expect(featureName({ code: 11, SIG_KOR_NM: "종로구" }, [])).toBe("종로구");
  expect(featureName({ 이름: "  ", 시설명: "한강대교" }, [])).toBe("한강대교");
  expect(featureName({ code: 11 }, [])).toBeNull();
});
