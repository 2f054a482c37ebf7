import { expect, test } from "vitest";
import { datasets } from "../src/upload/datasets.ts";
import { EventReader } from "../src/upload/events.ts";
import type { Failure } from "../src/upload/office.ts";
import { coded } from "../src/upload/sending.ts";
import { systemCode, systemName } from "../src/upload/systems.ts";
import { sizeText } from "../src/amounts.ts";
import { jobTrouble, requestTrouble, suggestions } from "../src/upload/troubles.ts";
import { inLanguage } from "../src/upload/reasons.ts";
import { Turns } from "../src/upload/turns.ts";
import { crc32, zipOf } from "../src/upload/zip.ts";
import { boxOf, fileName } from "../src/ui/download.ts";
import { ApiError } from "../src/api.ts";

function parts(...paths: string[]) {
  return paths.map((path) => ({ file: new File(["x"], path.split("/").at(-1) ?? ""), folder: path.split("/").slice(0, -1).join("/") }));
}

function failure(changes: Partial<Failure>): Failure {
  return { code: "BAD_INPUT", message: "m", file: null, layer: null, feature: null, field: null, remedy: "r", ...changes };
}

test("the files of a shapefile are one dataset, whatever the case of their names", () => {
  const found = datasets(parts("하천.shp", "하천.DBF", "하천.shx", "하천.prj", "하천.shp.xml", "다리.csv"));
  expect(found.map(({ name, kind, files }) => [name, kind, files.length])).toEqual([
    ["다리.csv", "table", 1],
    ["하천.shp", "shapefile", 5],
  ]);
  expect(found[1]?.missing).toEqual([]);
});

test("names that are decomposed, as on a Mac, belong to composed ones", () => {
  expect(datasets(parts("하천.shp".normalize("NFD"), "하천.dbf")).map(({ files }) => files.length)).toEqual([2]);
});

test("a shapefile says what it lacks, parts without .shp that this is missing", () => {
  expect(datasets(parts("a.shp"))[0]?.missing).toEqual(["dbf", "shx", "prj"]);
  expect(datasets(parts("a.dbf", "a.prj")).map(({ missing, files }) => [missing, files.length])).toEqual([[["shp"], 2]]);
});

test("pictures take their world files; equal names in other folders and of other kinds stay apart", () => {
  const found = datasets(parts("a/강.tif", "a/강.tfw", "a/강.tif.aux.xml", "b/강.tfw", "a/강.csv"));
  expect(found.map(({ kind, files }) => [kind, files.length])).toEqual([
    ["table", 1],
    ["other", 1],
    ["raster", 3],
  ]);
});

test("what operating systems leave in folders is passed over", () => {
  expect(datasets(parts(".DS_Store", "Thumbs.db", "~$대장.xlsx", "대장.xlsx")).map(({ name }) => name)).toEqual(["대장.xlsx"]);
});

test("CRC-32 is the standard's check value", async () => {
  expect(await crc32(new Blob(["123456789"]))).toBe(0xcbf43926);
});

test("a stored zip holds each file once, under its UTF-8 name", async () => {
  const zip = new Uint8Array(await (await zipOf([new File(["ab"], "강.shp"), new File(["cde"], "강.dbf")])).arrayBuffer());
  const end = new DataView(zip.buffer, zip.length - 22);
  expect([end.getUint32(0, true), end.getUint16(8, true)]).toEqual([0x06054b50, 2]);
  const entry = new DataView(zip.buffer, end.getUint32(16, true));
  expect([entry.getUint32(0, true), entry.getUint16(8, true) & 0x0800, entry.getUint32(24, true)]).toEqual([0x02014b50, 0x0800, 2]);
});

test("events are read across pieces; comments and retry times are none", () => {
  const reader = new EventReader();
  expect(reader.read("retry: 2000\n\n: still there\n\nevent: prog")).toEqual([]);
  expect(reader.read('ress\ndata: {"a":1}\n\nevent: done\r\ndata: 2\r\n\r\n')).toEqual([
    { name: "progress", data: '{"a":1}' },
    { name: "done", data: "2" },
  ]);
});

test("coordinate systems are offered where the server names them", () => {
  const remedy = "Give one: --crs EPSG:5181 or --crs EPSG:5174 or --crs EPSG:2097.";
  expect(suggestions(failure({ code: "CRS_UNKNOWN", remedy }))).toEqual([{ crs: "EPSG:5181" }, { crs: "EPSG:5174" }, { crs: "EPSG:2097" }]);
  expect(suggestions(failure({ code: "CRS_UNKNOWN", remedy: "Give it: --crs EPSG:<code>." }))).toEqual([]);
  expect(jobTrouble(failure({ code: "CRS_UNKNOWN" }), "ko").field).toBe("crs");
});

test("pairs of columns are offered as pairs", () => {
  const message = "2 pairs of columns may hold the positions: '출발 경도' and '출발 위도' or '도착 경도' and '도착 위도'";
  const remedy = 'Say which: --x "출발 경도" --y "출발 위도".';
  expect(suggestions(failure({ code: "COLUMNS_UNKNOWN", message, remedy }))).toEqual([
    { x: "출발 경도", y: "출발 위도" },
    { x: "도착 경도", y: "도착 위도" },
  ]);
  const unnamed = failure({ code: "COLUMNS_UNKNOWN", message: "no names", remedy: "Say which: --x A --y B." });
  expect(suggestions(unnamed)).toEqual([{ x: "A", y: "B" }]);
});

test("a code that is not known is said in the server's own words", () => {
  expect(jobTrouble(failure({ code: "NEW", message: "the moon is full" }), "ko").words).toBe("the moon is full");
  expect(requestTrouble(new ApiError(0, "x"), "en").words).toContain("cannot be reached");
  expect(requestTrouble(new ApiError(403, "x", null, "SCOPE"), "en").words).toContain("manage");
});

test("codes may be written short", () => {
  expect(["5186", "epsg:5186", "EPSG: 5186", "Korea"].map(systemCode)).toEqual(["EPSG:5186", "EPSG:5186", "EPSG:5186", "Korea"]);
  expect(systemName("EPSG:5174", "ko")).toContain("Bessel");
});

test("metadata of tus is Base64 of UTF-8", () => {
  expect(coded({ title: "강", id: "" })).toBe("title 6rCV");
});

test("sizes are said shortly", () => {
  expect([5, 2048, 1.5 * 2 ** 20, 2 ** 31].map((bytes) => sizeText(bytes, "en"))).toEqual(["5 B", "2 kB", "1.5 MB", "2 GB"]);
});

test("no more than two at a time, in the order they came", async () => {
  const [turns, begun, ends] = [new Turns(2), [] as number[], [] as (() => void)[]];
  const work = (n: number) => turns.take(() => new Promise<void>((resolve) => (begun.push(n), ends.push(resolve))));
  const all = [1, 2, 3, 4].map(work);
  await Promise.resolve();
  expect(begun).toEqual([1, 2]);
  ends[0]?.();
  await all[0];
  expect(begun).toEqual([1, 2, 3]);
  for (const n of [1, 2]) ends[n]?.();
  await Promise.all([all[1], all[2]]);
  ends[3]?.();
  await all[3];
  expect(turns.full).toBe(false);
});

test("a download is called what the server says", () => {
  expect(fileName("attachment; filename=\"gu.zip\"; filename*=UTF-8''%EC%9E%90%EC%B9%98%EA%B5%AC.zip", "x")).toBe("자치구.zip");
  expect(fileName('attachment; filename="gu.zip"', "x")).toBe("gu.zip");
  expect(fileName(null, "gu.csv")).toBe("gu.csv");
});

test("a map turned round the globe asks for the longitudes that it shows", () => {
  expect(boxOf([-200, 30, 200, 40])).toBe("-180.000000,30.000000,180.000000,40.000000");
  expect(boxOf([486, 37, 487, 38])).toBe("126.000000,37.000000,127.000000,38.000000");
});

test("the server's reasons are said in Korean where they are known, else left as they are", () => {
  expect(inLanguage("no geometry", "ko")).toBe("도형 없음");
  expect(inLanguage("no geometry: row 3", "ko")).toBe("도형 없음: row 3");
  const how = "no .cpg, language id 0x00 names no code page; bytes are valid CP949 and not UTF-8";
  expect(inLanguage(how, "ko")).toBe(".cpg 없음, 언어 표시 0x00에는 인코딩이 없음; 바이트가 CP949로 올바르고 UTF-8은 아님");
  expect(inLanguage(".prj: parameters of 'A' are those of EPSG:5186", "ko")).toContain("EPSG:5186과 같음");
  expect(inLanguage("none given; the moon is full", "ko")).toBeNull();
  expect(inLanguage("anything", "en")).toBe("anything");
});
