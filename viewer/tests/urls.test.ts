import { expect, test } from "vitest";
import { absolute, isOwn, pageBase } from "../src/urls.ts";

const ROOT = pageBase("http://127.0.0.1:8000/#map=1/2/3");
const PREFIX = pageBase("https://city.example/map/");

test.each([
  ["/tiles/a.json", ROOT, "http://127.0.0.1:8000/tiles/a.json"],
  ["/tiles/a.json", PREFIX, "https://city.example/map/tiles/a.json"],
  ["/map/tiles/a.json", PREFIX, "https://city.example/map/tiles/a.json"],
  ["tiles/a.json", PREFIX, "https://city.example/map/tiles/a.json"],
  ["https://tiles.example/a.json", PREFIX, "https://tiles.example/a.json"],
  ["//tiles.example/a.json", PREFIX, "https://tiles.example/a.json"],
])("%s on %s is %s", (address, base, expected) => expect(absolute(address, base)).toBe(expected));

test("tile templates keep their braces", () => {
  expect(absolute("/tiles/a/{z}/{x}/{y}.mvt", PREFIX)).toBe("https://city.example/map/tiles/a/{z}/{x}/{y}.mvt");
});

test("a key may go to the page's own origin only", () => {
  expect(isOwn("https://city.example/tiles/a.json", PREFIX)).toBe(true);
  expect(isOwn("https://city.example.evil.example/a", PREFIX)).toBe(false);
  expect(isOwn("http://city.example/a", PREFIX)).toBe(false);
});
