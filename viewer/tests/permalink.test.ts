import { expect, test } from "vitest";
import { readPermalink, writePermalink } from "../src/permalink.ts";

const SEOUL = { zoom: 11.25, latitude: 37.5665, longitude: 126.978, bearing: 0, pitch: 0 };

test("a written link reads back: position, layers with opacity, language", () => {
  const layers = new Map([["seoul-gu", 1], ["han-bridges", 0.35]]);
  const link = readPermalink(writePermalink(SEOUL, layers, "en"));
  expect(link.layers).toEqual(layers);
  expect(link.language).toBe("en");
  expect(link.position?.zoom).toBe(11.25);
  expect(link.position?.latitude).toBeCloseTo(37.5665, 3);
});

test("the position is kept to less than half a pixel at every zoom", () => {
  for (let zoom = 0; zoom <= 22; zoom += 1) {
    const longitude = 126.97812345678;
    const read = readPermalink(writePermalink({ ...SEOUL, zoom, longitude }, new Map(), "ko")).position;
    const pixel = 360 / (512 * 2 ** zoom);
    expect(Math.abs((read?.longitude ?? 0) - longitude)).toBeLessThanOrEqual(pixel);
  }
});

test("no visible layer is not the same as a link that names none", () => {
  expect(readPermalink("#map=9/37/127&layers=").layers).toEqual(new Map());
  expect(readPermalink("#map=9/37/127").layers).toBeNull();
});

test.each(["#map=x/y/z", "#map=99/37/127", "#map=9/95/127", "#map=9/37", "#map=9/37/127/0/400", "#", ""])(
  "%s gives no position",
  (hash) => expect(readPermalink(hash).position).toBeNull(),
);

test("what is no layer id is left out", () => {
  const layers = readPermalink("#layers=good,<script>,../x,Bad,also-good:250").layers;
  expect([...(layers ?? [])]).toEqual([["good", 1], ["also-good", 1]]);
});
