// A layer as a file: format, encoding, the whole of it or what the map shows.
import { el } from "../dom.ts";
import type { LayerInfo } from "../api.ts";
import type { Translate } from "../texts.ts";

/** Asked by `downloadForm`; resolves with the name of the file that was saved, or fails with words. */
export interface Downloading {
  download(id: string, wanted: Download): Promise<string>;
}

export interface Download {
  format: string;
  /** Of a shapefile's text. */
  encoding: string;
  /** Only what meets the part of the map that is seen. */
  here: boolean;
}

const FORMATS: [format: string, name: string][] = [
  ["shp", "Shapefile"],
  ["geojson", "GeoJSON"],
  ["kml", "KML"],
  ["csv", "CSV"],
  ["xlsx", "Excel"],
  ["gpkg", "GeoPackage"],
  ["parquet", "GeoParquet"],
];
const ENCODINGS: [encoding: string, name: string][] = [
  ["utf-8", "UTF-8"],
  ["cp949", "CP949"],
];

export function downloadForm(info: LayerInfo, title: string, say: Translate, actions: Downloading): HTMLElement {
  const format = choice(FORMATS, say("downloadFormat", { title }));
  const encoding = choice(ENCODINGS, say("downloadEncoding"));
  const here = el("input", { type: "checkbox" });
  const button = el("button", { type: "submit", class: "line-button" }, say("download"));
  const message = el("p", { role: "status" });
  format.addEventListener("change", () => (encoding.hidden = format.value !== "shp"));
  const row = el("div", { class: "download-row" }, format, encoding, button);
  const form = el("form", { class: "download" }, row, el("label", { class: "download-here" }, here, say("downloadHere")), message);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    message.className = "quiet";
    message.textContent = say("downloading");
    const wanted = { format: format.value, encoding: encoding.value, here: here.checked };
    try {
      message.textContent = say("downloaded", { name: await actions.download(info.id, wanted) });
    } catch (error) {
      message.className = "bad";
      message.textContent = say("downloadFailed", { detail: error instanceof Error ? error.message : String(error) });
    }
    button.disabled = false;
  });
  return form;
}

function choice(options: [string, string][], label: string): HTMLSelectElement {
  return el("select", { "aria-label": label }, ...options.map(([value, name]) => el("option", { value }, name)));
}

/** Hands a file that has arrived to the browser, to be kept. */
export function keep(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob);
  el("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // a browser may still be asking where to
}

/** The name in a Content-Disposition header (RFC 6266; RFC 8187 for letters that are not ASCII). */
export function fileName(disposition: string | null, otherwise: string): string {
  const full = /filename\*=UTF-8''([^;]+)/i.exec(disposition ?? "")?.[1];
  const plain = /filename="([^"]+)"/i.exec(disposition ?? "")?.[1];
  return full ? decodeURIComponent(full) : (plain ?? otherwise);
}

/** West, south, east, north for the server: a map that shows more than the world asks for the world. */
export function boxOf(seen: [west: number, south: number, east: number, north: number]): string {
  const [west, south, east, north] = seen;
  const whole = east - west >= 360;
  const wrapped = (longitude: number) => ((((longitude + 180) % 360) + 360) % 360) - 180;
  const box = [whole ? -180 : wrapped(west), south, whole ? 180 : wrapped(east), north];
  return box.map((degrees) => degrees.toFixed(6)).join(",");
}
