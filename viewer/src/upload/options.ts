// What may be said of a file: the options of the upload form, and which kinds of files each is for.
import type { DatasetKind } from "./datasets.ts";
import type { UploadTextId } from "./texts.ts";

export interface Choice {
  value: string;
  text: UploadTextId;
}

export interface OptionField {
  name: string;
  label: UploadTextId;
  hint?: UploadTextId;
  control: "text" | "number" | "flag" | "system" | Choice[];
  /** Only for files of these kinds; a zip may hold any. */
  kinds?: DatasetKind[];
  /** Folded away under "more". */
  rare?: boolean;
  example?: string;
}

const TABLES: DatasetKind[] = ["table", "zip", "other"];
const RASTERS: DatasetKind[] = ["raster", "zip", "other"];
const VECTORS: DatasetKind[] = ["shapefile", "table", "vector", "zip", "other"];
const PYRAMIDS: Choice[] = [
  { value: "", text: "pyramidNone" },
  { value: "webp", text: "pyramidWebp" },
  { value: "png", text: "pyramidPng" },
  { value: "jpeg", text: "pyramidJpeg" },
];
const FUNCTIONS: Choice[] = [
  { value: "", text: "functionDefault" },
  { value: "content", text: "functionContent" },
  { value: "basemap", text: "functionBasemap" },
  { value: "twin", text: "functionTwin" },
];
const VISIBILITIES: Choice[] = [
  { value: "", text: "visibilityDefault" },
  { value: "public", text: "visibilityPublic" },
  { value: "private", text: "visibilityPrivate" },
];
const ENCODINGS: Choice[] = [
  { value: "", text: "encodingAuto" },
  { value: "CP949", text: "encodingCp949" },
  { value: "UTF-8", text: "encodingUtf8" },
];
const KINDS: Choice[] = [
  { value: "", text: "kindAuto" },
  { value: "imagery", text: "kindImagery" },
  { value: "elevation", text: "kindElevation" },
  { value: "classes", text: "kindClasses" },
  { value: "data", text: "kindData" },
];
const GRIDS: Choice[] = [
  { value: "", text: "gridsAll" },
  { value: "web", text: "gridsWeb" },
];

/** Every option of `POST /api/uploads` but `dry_run`, which is the button that was pressed; `group` is a visibility. */
export const OPTIONS: OptionField[] = [
  { name: "title", label: "optionTitle", control: "text" },
  { name: "id", label: "optionId", hint: "optionIdHint", control: "text", example: "seoul-gu" },
  { name: "crs", label: "optionCrs", hint: "optionCrsHint", control: "system", example: "EPSG:5186" },
  { name: "encoding", label: "optionEncoding", control: ENCODINGS, kinds: VECTORS },
  { name: "x", label: "optionX", control: "text", kinds: TABLES, example: "경도" },
  { name: "y", label: "optionY", control: "text", kinds: TABLES, example: "위도" },
  { name: "kind", label: "optionKind", control: KINDS, kinds: RASTERS },
  { name: "visibility", label: "optionVisibility", control: VISIBILITIES },
  { name: "function", label: "optionFunction", control: FUNCTIONS },
  { name: "licence", label: "optionLicence", control: "text", example: "공공누리 제1유형" },
  { name: "attribution", label: "optionAttribution", control: "text", example: "서울특별시" },
  { name: "group", label: "optionGroup", hint: "optionGroupHint", control: "text", rare: true },
  { name: "title_en", label: "optionTitleEn", control: "text", rare: true },
  { name: "minzoom", label: "optionMinzoom", control: "number", rare: true },
  { name: "maxzoom", label: "optionMaxzoom", control: "number", rare: true },
  { name: "bands", label: "optionBands", control: "text", kinds: RASTERS, rare: true, example: "3,2,1" },
  { name: "quality", label: "optionQuality", control: "number", kinds: RASTERS, rare: true, example: "85" },
  { name: "pyramid", label: "optionPyramid", control: PYRAMIDS, kinds: RASTERS, rare: true },
  { name: "hillshade", label: "optionHillshade", control: "flag", kinds: RASTERS, rare: true },
  { name: "slope", label: "optionSlope", control: "flag", kinds: RASTERS, rare: true },
  { name: "contours", label: "optionContours", control: "number", kinds: RASTERS, rare: true, example: "10" },
  { name: "keep_all", label: "optionKeepAll", control: "flag", kinds: VECTORS, rare: true },
  { name: "grids", label: "optionGrids", control: GRIDS, kinds: VECTORS, rare: true },
  { name: "replace", label: "optionNoReplace", control: "flag", rare: true },
];

/** The options that a file of this kind can follow. */
export function optionsFor(kind: DatasetKind): OptionField[] {
  return OPTIONS.filter(({ kinds }) => !kinds || kinds.includes(kind));
}
