import { expect, test } from "vitest";
import { changed, type KeyFields, lastDay } from "../src/keys/keys.ts";

const BEFORE: KeyFields = {
  name: "앱",
  functions: ["basemap", "content"],
  access: "public",
  groups: [],
  layers: null,
  referrers: ["a.kr", "b.kr"],
  cidrs: [],
  day_quota: 100,
  month_quota: null,
  second_rate: null,
  expires: "2027-12-31T15:00:00+00:00",
};

test("only what differs is sent, and the order of lists is no difference", () => {
  expect(changed(BEFORE, { ...BEFORE, functions: ["content", "basemap"], referrers: ["b.kr", "a.kr"] })).toEqual({});
  const after = { ...BEFORE, day_quota: null, layers: ["gu"], functions: ["content"] };
  expect(changed(BEFORE, after)).toEqual({ day_quota: null, layers: ["gu"], functions: ["content"] });
});

test("a key that ends at midnight of the server has a last day, others have a moment", () => {
  expect(lastDay(BEFORE.expires, "Asia/Seoul")).toBe("2027-12-31");
  expect(lastDay(BEFORE.expires, "UTC")).toBeNull();
  expect(lastDay("2027-01-01T00:00:00+00:00", "UTC")).toBe("2026-12-31");
  expect(lastDay(null, "UTC")).toBeNull();
});
