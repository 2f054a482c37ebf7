// How two runs' greatest depths differ, as tiles that the page makes itself: both layers are asked for as grey
// pictures of √depth in two slices of 256 steps, subtracted, and coloured by sign. At 4 m a step is 8 mm, below 1 m 4 mm.
import { addProtocol, removeProtocol } from "maplibre-gl";
import type { Api } from "../api.ts";
import { differenceColour } from "./classes.ts";

export const PROTOCOL = "flood-difference";

const SIDE = 256;

/** The tiles' address for MapLibre; the layers are those of the greatest depths, `most` the deepest water of both, m. */
export function differenceTiles(first: string, second: string, most: number): string {
  return `${PROTOCOL}://${first}/${second}/${most}/{z}/{x}/{y}`;
}

/** The addresses of a tile's two slices: roots of depths from 0 to half the largest root, and from there to it. */
export function sliceAddresses(layer: string, tile: string, most: number): [string, string] {
  const half = (Math.sqrt(most) / 2).toFixed(4);
  const whole = (Number(half) * 2).toFixed(4);
  const address = (range: string) => `/tiles/${layer}/${tile}.png?expression=sqrt(b1)&rescale=${range}&colormap=data`;
  return [address(`0,${half}`), address(`${half},${whole}`)];
}

/** Depths, m, of the pixels (red, green, blue, alpha) of both slices; 0 where they are transparent. */
export function depths(low: Uint8ClampedArray, high: Uint8ClampedArray, most: number): Float32Array {
  const half = Number((Math.sqrt(most) / 2).toFixed(4));
  return Float32Array.from({ length: low.length / 4 }, (_, index) => {
    const at = index * 4;
    if (low[at + 3] === 0) return 0;
    return ((((low[at] as number) + (high[at] as number)) / 255) * half) ** 2;
  });
}

/** The second run's depths less the first's, as colours; `full` metres have the full colour. */
export function coloured(first: Float32Array, second: Float32Array, full: number): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(first.length * 4);
  first.forEach((depth, index) => pixels.set(differenceColour((second[index] as number) - depth, full), index * 4));
  return pixels;
}

/** Teaches MapLibre the protocol; the function returned takes it back. */
export function serveDifferences(api: Api): () => void {
  addProtocol(PROTOCOL, async ({ url }, controller) => {
    const [first = "", second = "", most = "1", ...tile] = url.slice(PROTOCOL.length + 3).split("/");
    const ask = (layer: string) => askDepths(api, layer, tile.join("/"), Number(most), controller.signal);
    const [a, b] = await Promise.all([ask(first), ask(second)]);
    const picture = await createImageBitmap(new ImageData(coloured(a, b, fullDifference(Number(most))), SIDE, SIDE));
    return { data: picture };
  });
  return () => removeProtocol(PROTOCOL);
}

/** The difference that has the full colour, where the deepest water is `most` m: a quarter of it, at least half a metre. */
export function fullDifference(most: number): number {
  return Math.max(0.5, Math.round(most / 4 / 0.5) * 0.5);
}

async function askDepths(api: Api, layer: string, tile: string, most: number, signal: AbortSignal): Promise<Float32Array> {
  const slices = await Promise.all(sliceAddresses(layer, tile, most).map((address) => askPixels(api, address, signal)));
  const [low, high] = slices as [Uint8ClampedArray | null, Uint8ClampedArray | null];
  return low && high ? depths(low, high, most) : new Float32Array(SIDE * SIDE);
}

/** null: outside that run's area. */
async function askPixels(api: Api, address: string, signal: AbortSignal): Promise<Uint8ClampedArray | null> {
  const response = await api.send(address, "GET", null, signal).catch((error: unknown) => {
    if ((error as { status?: number }).status === 404) return null;
    throw error;
  });
  if (!response || response.status === 204) return null;
  // the bytes are depths: no colour may be converted on the way. Pixels are opaque or empty, so nothing is premultiplied
  const picture = await createImageBitmap(await response.blob(), { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const canvas = new OffscreenCanvas(SIDE, SIDE);
  const context = canvas.getContext("2d", { willReadFrequently: true }) as OffscreenCanvasRenderingContext2D;
  context.drawImage(picture, 0, 0);
  picture.close();
  return context.getImageData(0, 0, SIDE, SIDE).data;
}
