// The ground in 3D: heights of an elevation layer under everything that is drawn, a sky, shading if wanted.
import type { SkySpecification } from "maplibre-gl";
import type { Api, LayerInfo } from "../api.ts";
import type { MapView } from "./view.ts";

const GROUND = "naru-ground";
const SHADE = "naru-ground-shade"; // a source of its own: MapLibre draws shading from the ground's own source coarsely
const FLAT_PITCH = 60;
const STEEP_PITCH = 75;
const FIRST_PITCH = 55;
const TURN_MS = 900;
const SKY: SkySpecification = {
  "sky-color": "#9fc4dc",
  "horizon-color": "#e9eef0",
  "fog-color": "#f3f1ec",
  "sky-horizon-blend": 0.6,
  "horizon-fog-blend": 0.7,
  "fog-ground-blend": 0.85,
};

const TERRARIUM = { encoding: "custom" as const, redFactor: 256, greenFactor: 1, blueFactor: 1 / 256, baseShift: 32_768 };

/**
 * The height on which the ground stands: MapLibre takes it for 0 where there are no tiles. Counted from sea level, a town
 * at 300 m would end in cliffs, and grow higher as a whole with each exaggeration.
 */
export function lowestOf({ legend }: Pick<LayerInfo, "legend">): number {
  const lowest = Number.parseFloat(legend[0]?.label ?? "");
  return Number.isFinite(lowest) ? lowest : 0;
}

export interface Ground {
  layer: LayerInfo;
  exaggeration: number;
  shade: boolean;
}

export class Relief {
  private ground: Ground | null = null;

  constructor(
    private readonly view: MapView,
    private readonly api: Api,
  ) {}

  /** Stands the ground up, changes it, or (null) lays it flat; `tilt`: the view follows. */
  set(wanted: Ground | null, tilt: boolean): void {
    const before = this.ground;
    if (before && before.layer.id !== wanted?.layer.id) this.remove();
    if (wanted && before?.layer.id !== wanted.layer.id) this.add(wanted.layer);
    this.ground = wanted;
    if (wanted) {
      this.view.map.setTerrain({ source: GROUND, exaggeration: wanted.exaggeration });
      this.view.shade(wanted.shade ? { source: SHADE, sourceIn: () => this.source(wanted.layer) } : null);
    }
    if (Boolean(before) !== Boolean(wanted)) this.stand(wanted !== null, tilt);
  }

  /** Takes the ground away without moving the view: everything else is being taken off the map, too. */
  forget(): void {
    if (!this.ground) return;
    this.remove();
    this.ground = null;
  }

  private add(layer: LayerInfo): void {
    this.view.map.addSource(GROUND, this.source(layer));
    this.view.map.setSky(SKY);
  }

  private remove(): void {
    this.view.shade(null);
    this.view.map.setTerrain(null);
    this.view.map.removeSource(GROUND);
  }

  private source(layer: LayerInfo) {
    const lowest = lowestOf(layer);
    const tiles = [this.api.request(`/tiles/${layer.id}/{z}/{x}/{y}.png?encoding=terrarium&nodata=${lowest}`).url];
    const where = { minzoom: layer.minzoom, maxzoom: layer.maxzoom, ...(layer.bounds ? { bounds: layer.bounds } : {}) };
    return { type: "raster-dem" as const, ...TERRARIUM, baseShift: TERRARIUM.baseShift + lowest, tileSize: 256, tiles, ...where };
  }

  private stand(up: boolean, tilt: boolean): void {
    const { map } = this.view;
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (up) {
      map.setMaxPitch(STEEP_PITCH);
      map.touchZoomRotate.enableRotation();
    } else map.touchZoomRotate.disableRotation();
    const lower = () => {
      if (!up) map.setMaxPitch(FLAT_PITCH);
    };
    const turned = up ? { pitch: FIRST_PITCH } : { pitch: 0, bearing: 0 };
    if (!tilt) lower();
    else if (still) {
      map.jumpTo(turned);
      lower();
    } else {
      map.once("moveend", lower);
      map.easeTo({ ...turned, duration: TURN_MS });
    }
  }
}
