// Which of the chosen files belong together: a shapefile is several files, a picture has a world file beside it.

export type DatasetKind = "shapefile" | "table" | "vector" | "raster" | "zip" | "other";

/** A file as it was chosen; `folder` is where it lay within what was dropped, "" at the top. */
export interface Part {
  file: File;
  folder: string;
}

/** What becomes one job: one file, or the files of one shapefile or picture. */
export interface Dataset {
  name: string;
  kind: DatasetKind;
  files: File[];
  bytes: number;
  /** Endings of files that should lie beside it and do not: without them things are lost or must be asked. */
  missing: string[];
}

const MAIN: Record<string, DatasetKind> = {
  shp: "shapefile",
  ...ofKind("table", "csv tsv txt xlsx xls ods"),
  ...ofKind("vector", "geojson json geojsonl geojsons ndjson jsonl topojson jsonfg kml kmz gpx gpkg fgb parquet geoparquet"),
  ...ofKind("raster", "tif tiff asc dt0 dt1 dt2 png jpg jpeg mbtiles pmtiles"),
  zip: "zip",
};
const SHAPEFILE_PARTS = "dbf shx prj cpg qpj qix sbn sbx fbn fbx ain aih atx ixs mxs cst shp.xml".split(" ");
const RASTER_PARTS = "tfw tifw tiffw pgw pngw jgw jpgw jpegw wld prj ovr aux.xml".split(" ");
const BESIDE: Partial<Record<DatasetKind, string[]>> = { shapefile: SHAPEFILE_PARTS, raster: RASTER_PARTS };
const LONGEST_FIRST = [...new Set([...SHAPEFILE_PARTS, ...RASTER_PARTS])].sort((a, b) => b.length - a.length);
const EXPECTED = ["dbf", "shx", "prj"];
const LEFT_BY_SYSTEMS = /^(\.|~\$|Thumbs\.db$|desktop\.ini$)/i;

interface Found extends Part {
  stem: string;
  ending: string;
}

/** The datasets among `parts`, in the order of their names; what operating systems leave behind is passed over. */
export function datasets(parts: readonly Part[]): Dataset[] {
  const found = parts.filter(({ file }) => !LEFT_BY_SYSTEMS.test(file.name)).map(looked);
  const groups = found.filter(({ ending }) => MAIN[ending]).map((main) => ({ main, files: [main] }));
  const orphans = new Map<string, Found[]>();
  for (const part of found.filter(({ ending }) => !MAIN[ending])) {
    const home = groups.find(({ main }) => belongs(part, main));
    if (home) home.files.push(part);
    else orphans.set(place(part), [...(orphans.get(place(part)) ?? []), part]);
  }
  const all = [...groups.map(({ main, files }) => dataset(main, files)), ...[...orphans.values()].map(withoutMain)];
  return all.sort((a, b) => a.name.localeCompare(b.name, "ko"));
}

function ofKind(kind: DatasetKind, endings: string): Record<string, DatasetKind> {
  return Object.fromEntries(endings.split(" ").map((ending) => [ending, kind]));
}

/** A file's stem and ending; `강.tif.aux.xml` and `강.shp.xml` belong to 강 as `강.tfw` does. */
function looked(part: Part): Found {
  const name = part.file.name.normalize("NFC");
  const lower = name.toLowerCase();
  const beside = LONGEST_FIRST.find((ending) => lower.endsWith(`.${ending}`));
  const dot = name.lastIndexOf(".");
  const ending = beside ?? (dot > 0 ? lower.slice(dot + 1) : "");
  const stem = name.slice(0, name.length - (ending ? ending.length + 1 : 0));
  return { ...part, ending, stem: beside ? stem.replace(/\.(shp|tiff?|png|jpe?g|asc)$/i, "") : stem };
}

function belongs(part: Found, main: Found): boolean {
  const kind = MAIN[main.ending];
  return place(part) === place(main) && Boolean(kind && BESIDE[kind]?.includes(part.ending));
}

function place({ folder, stem }: Found): string {
  return `${folder}/${stem.toLowerCase()}`;
}

function dataset(main: Found, found: Found[]): Dataset {
  const kind = MAIN[main.ending] ?? "other";
  const endings = found.map(({ ending }) => ending);
  const missing = kind === "shapefile" ? EXPECTED.filter((ending) => !endings.includes(ending)) : [];
  return { name: main.file.name.normalize("NFC"), kind, missing, ...summed(found) };
}

/** Parts of a shapefile without its .shp, or a file of no kind we know: the server says what it thinks of it. */
function withoutMain(found: Found[]): Dataset {
  const part = found.length > 1 || SHAPEFILE_PARTS.includes(found[0]?.ending ?? "");
  const name = found.map(({ file }) => file.name.normalize("NFC"))[0] ?? "";
  return { name, kind: "other", missing: part ? ["shp"] : [], ...summed(found) };
}

function summed(found: Found[]): { files: File[]; bytes: number } {
  const files = found.map(({ file }) => file);
  return { files, bytes: files.reduce((sum, { size }) => sum + size, 0) };
}
