import { expect, test } from "vitest";
import { ApiDescription } from "../src/docs/openapi.ts";
import { addressOf } from "../src/docs/try-it.ts";

test("path parameters replace their braces, empty queries are left out, values are encoded", () => {
  const values = new Map([
    [{ name: "layers", in: "path" } as const, "a,b"],
    [{ name: "q", in: "query" } as const, "종로 구&x"],
    [{ name: "none", in: "query" } as const, ""],
  ]);
  expect(addressOf("/tiles/{layers}.json", values)).toBe("/tiles/a,b.json?q=%EC%A2%85%EB%A1%9C%20%EA%B5%AC%26x");
});

test("references are followed; a broken one is an error that names it", () => {
  const api = new ApiDescription({ components: { parameters: { "a/b": { name: "x", in: "query" } } } });
  expect(api.resolve({ $ref: "#/components/parameters/a~1b" })).toEqual({ name: "x", in: "query" });
  expect(() => api.resolve({ $ref: "#/components/nothing" })).toThrow("#/components/nothing");
});

test("parameters of the path and of the operation are both listed", () => {
  const paths = { "/x/{id}": { parameters: [{ name: "id", in: "path" }], get: { parameters: [{ name: "q", in: "query" }] } } };
  const [operation] = new ApiDescription({ paths }).operations;
  expect(operation?.parameters.map(({ name }) => name)).toEqual(["id", "q"]);
});
