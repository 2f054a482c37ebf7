// What of runs is on the map: frames that play, rasters of maxima, or two runs' difference.
import type { RasterSourceSpecification } from "maplibre-gl";
import type { Api, LayerInfo } from "../api.ts";
import type { MapView } from "../map/view.ts";
import { differenceTiles } from "./difference.ts";
import { Frames } from "./frames.ts";
import type { Show } from "./link.ts";
import { type Pack, packAddress, readPack } from "./pack.ts";
import { type Side, WATER_LAYER, WaterLayer } from "./water-layer.ts";

const RASTER = "flood-raster";

export interface OnStage {
  show: Show;
  /** The rasters that `show` is of, one for each run. */
  rasters: readonly LayerInfo[];
  /** The deepest water of all runs, m. */
  most: number;
}

export class Stage {
  private readonly water = new WaterLayer();
  private frames: Frames[] = [];
  private opacity = 0.85;
  private parting = 0.5;
  private time = 0;

  constructor(
    private readonly view: MapView,
    private readonly api: Api,
    private readonly hooks: { drawn(): void; failed(error: unknown): void },
  ) {}

  /** Fetches the animation of each layer, first the one that is played. Throws what the server refuses with. */
  async load(layers: readonly LayerInfo[], signal: AbortSignal): Promise<Pack[]> {
    const packs = await Promise.all(layers.map(async ({ id }) => readPack(id, await this.api.json(packAddress(id)))));
    signal.throwIfAborted();
    this.clear();
    const came = () => {
      this.view.map.triggerRepaint();
      this.hooks.drawn();
    };
    const fetchFrame = async (address: string, stop: AbortSignal) => (await this.api.send(address, "GET", null, stop)).blob();
    this.frames = packs.map((pack) => new Frames(pack, fetchFrame, { came, failed: (error) => this.hooks.failed(error) }));
    return packs;
  }

  /** Puts one thing on the map in place of another. */
  show({ show, rasters, most }: OnStage): void {
    this.view.takeFlood(RASTER);
    if (show === "depth") {
      if (!this.view.map.getLayer(WATER_LAYER)) this.view.placeFlood(this.water);
      this.draw();
      return;
    }
    this.view.takeFlood(WATER_LAYER);
    const [first, second] = rasters;
    const tiles = show === "difference" ? first && second && differenceTiles(first.id, second.id, most) : first && this.tilesOf(first);
    if (!first || !tiles) return;
    const both = show === "difference" && second?.bounds && first.bounds ? unite(first.bounds, second.bounds) : first.bounds;
    const source: RasterSourceSpecification = { type: "raster", tiles: [tiles], tileSize: 256, minzoom: first.minzoom, maxzoom: first.maxzoom };
    this.view.map.addSource(RASTER, { ...source, ...(both ? { bounds: both } : {}) });
    const paint = { "raster-opacity": this.opacity, "raster-resampling": "nearest", "raster-fade-duration": 0 } as const;
    this.view.placeFlood({ id: RASTER, type: "raster", source: RASTER, paint });
  }

  fade(opacity: number): void {
    this.opacity = opacity;
    this.water.fade(opacity);
    if (this.view.map.getLayer(RASTER)) this.view.map.setPaintProperty(RASTER, "raster-opacity", opacity);
  }

  /** All runs stand at the same time. */
  seek(time: number): void {
    this.time = time;
    this.draw();
  }

  part(parting: number): void {
    this.parting = parting;
    this.draw();
  }

  ready(time: number): boolean {
    return this.frames.every((frames) => frames.ready(time));
  }

  clear(): void {
    for (const frames of this.frames) frames.end();
    this.frames = [];
    this.view.takeFlood(RASTER);
    this.view.takeFlood(WATER_LAYER);
    this.water.show([], 0.5);
  }

  private draw(): void {
    const sides: Side[] = this.frames.map((frames) => ({ frames, time: this.time }));
    this.water.show(sides, this.parting);
  }

  private tilesOf({ id }: LayerInfo): string {
    return this.api.request(`/tiles/${id}/{z}/{x}/{y}.png`).url;
  }
}

function unite(a: readonly number[], b: readonly number[]): [number, number, number, number] {
  const [w, s, e, n] = [0, 1, 2, 3].map((i) => (i < 2 ? Math.min(a[i] as number, b[i] as number) : Math.max(a[i] as number, b[i] as number)));
  return [w as number, s as number, e as number, n as number];
}
