// The base map with the squares on it. Loaded when someone looks at that part of the page: MapLibre is large.
import "maplibre-gl/dist/maplibre-gl.css";
import type { GeoJSONSource } from "maplibre-gl";
import type { Api, LayerInfo } from "../api.ts";
import { loadFonts } from "../fonts.ts";
import { MapView } from "../map/view.ts";
import { heatBounds, squares, tileBounds } from "./heat.ts";
import type { Heat } from "./ledger.ts";

const WITHOUT_BASE = 4;
const SOURCE = "requested-tiles";
const PADDING = { top: 24, bottom: 24, left: 24, right: 24 };

export class HeatMap {
  private constructor(private readonly view: MapView) {}

  /** Opens a map in `place` over those of `layers` that are base maps; over the first few where there is none. */
  static async open(place: HTMLElement, api: Api, layers: readonly LayerInfo[], over: (text: [string, number] | null) => void): Promise<HeatMap> {
    await loadFonts();
    const view = new MapView(place, api, null);
    await view.ready();
    const base = layers.filter((layer) => layer.function === "basemap");
    const below = base.length > 0 ? base : layers.slice(0, WITHOUT_BASE);
    await Promise.all(
      below.map(async (layer, position) => {
        const style = await api.style(layer).catch((error: unknown) => console.warn(layer.id, error));
        if (style) view.add(layer, style, position);
      }),
    );
    const made = new HeatMap(view);
    made.prepare(over);
    return made;
  }

  show({ tiles }: Heat, lower: readonly number[]): void {
    const { map } = this.view;
    (map.getSource(SOURCE) as GeoJSONSource).setData(squares(tiles, lower));
    map.resize();
    this.view.fit(heatBounds(tiles), PADDING, false);
    document.documentElement.dataset["heatState"] = "busy";
    map.once("idle", () => (document.documentElement.dataset["heatState"] = "idle"));
  }

  goTo([z, x, y]: Heat["tiles"][number]): void {
    this.view.fit(tileBounds(z, x, y), { top: 60, bottom: 60, left: 60, right: 60 }, true);
  }

  private prepare(over: (text: [string, number] | null) => void): void {
    const { map } = this.view;
    map.addSource(SOURCE, { type: "geojson", data: { type: "FeatureCollection", features: [] } });
    const paint = { "fill-color": ["get", "colour"], "fill-opacity": 0.62, "fill-outline-color": "#ffffff" } as const;
    map.addLayer({ id: SOURCE, type: "fill", source: SOURCE, paint: { ...paint, "fill-color": [...paint["fill-color"]] } });
    map.on("mousemove", SOURCE, ({ features }) => {
      const told = features?.at(-1)?.properties;
      over(told ? [String(told["tile"]), Number(told["requests"])] : null);
    });
    map.on("mouseleave", SOURCE, () => over(null));
    map.scrollZoom.disable(); // the wheel scrolls the page
    Object.assign(window, { naruMap: map });
  }
}
