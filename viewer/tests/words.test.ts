import { expect, test } from "vitest";
import { ApiError } from "../src/api.ts";
import { choicesFor, firstLayers, visibleLayers } from "../src/state.ts";
import { preferredLanguage, speaking } from "../src/texts.ts";
import { plainWords, statusOf } from "../src/trouble.ts";

const say = speaking("en");

test.each([
  [401, "key is wrong"],
  [403, "may not see"],
  [404, "not found"],
  [503, "busy"],
  [500, "failed (500)"],
  [0, "cannot be reached"],
])("status %i is said in words", (status, words) => {
  expect(plainWords(new ApiError(status, "x"), say)).toContain(words);
});

test.each([
  [30, "30 s"],
  [600, "10 min"],
  [40_000, "12 h"],
])("a quota that opens in %i s says so", (seconds, words) => {
  expect(plainWords(new ApiError(429, "x", seconds), say)).toContain(words);
});

test("a failed fetch has status 0, an error without request none", () => {
  expect(statusOf(new TypeError("Failed to fetch"))).toBe(0);
  expect(statusOf(new Error("x"))).toBeNull();
});

test("Korean unless the browser wants another language", () => {
  expect(["ko", "ko-KR", "", undefined].map(preferredLanguage)).toEqual(["ko", "ko", "ko", "ko"]);
  expect(["en-US", "ja"].map(preferredLanguage)).toEqual(["en", "en"]);
});

test("a link decides what is visible; without one the earlier choice does, else the first layers", () => {
  const layers = Array.from({ length: 14 }, (_, i) => ({ id: `l${i}`, assets: {} })) as never[];
  const linked = choicesFor(layers, new Map([["l13", 0.5]]), new Map());
  expect([...visibleLayers(linked)]).toEqual([["l13", 0.5]]);
  expect(choicesFor(layers, null, linked)).toEqual(linked);
  expect(visibleLayers(choicesFor(layers, null, new Map())).size).toBe(12);
});

test("what lies all over a terrain waits to be asked for; a layer that is only called so does not", () => {
  const ids = ["dem", "dem-depth", "dem-provenance", "dem-roughness", "soil-roughness"];
  const layers = ids.map((id) => ({ id, assets: id === "dem" ? { river: "/terrain/dem/river.json" } : {} })) as never[];
  expect([...visibleLayers(choicesFor(layers, null, new Map())).keys()]).toEqual(["dem", "dem-depth", "soil-roughness"]);
});

test("the map begins where the base map lies, however far away other layers are", () => {
  const at = (name: string, bounds: number[] | null) => ({ function: name, bounds }) as never;
  const [city, river, blank] = [at("basemap", [126, 37, 127, 38]), at("twin", [120, 30, 121, 31]), at("basemap", null)];
  expect(firstLayers([river, city, blank])).toEqual([city]);
  expect(firstLayers([river, blank])).toEqual([river, blank]);
});
