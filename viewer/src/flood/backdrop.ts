// What else is on the map: base maps, and what lies around the terrain, to be switched on and off.
import type { Api, LayerInfo } from "../api.ts";
import { el } from "../dom.ts";
import type { MapView } from "../map/view.ts";
import { type Box, shared } from "./geo.ts";
import type { FloodVoice } from "./texts.ts";

export class Backdrop {
  private layers: LayerInfo[] = [];
  private readonly on = new Map<string, boolean>();
  private terrain: string | null = null;

  constructor(
    private readonly view: MapView,
    private readonly api: Api,
    private readonly place: HTMLElement,
    private readonly voice: () => FloodVoice,
    private readonly failed: (error: unknown) => void,
  ) {}

  get shown(): LayerInfo[] {
    return this.layers.filter(({ id }) => this.on.get(id));
  }

  /** Offers the layers about a terrain; `results` are those of runs, which are shown otherwise. */
  around(all: readonly LayerInfo[], terrain: LayerInfo | null, results: ReadonlySet<string>): void {
    const near = (layer: LayerInfo) => !terrain?.bounds || (layer.bounds !== null && shared(layer.bounds as Box, terrain.bounds as Box) !== null);
    this.layers = all.filter((layer) => near(layer) && !results.has(layer.id));
    if (this.terrain !== (terrain?.id ?? null)) {
      this.terrain = terrain?.id ?? null;
      for (const layer of this.layers) if (!this.on.has(layer.id)) this.on.set(layer.id, usual(layer, terrain));
      if (terrain) this.on.set(terrain.id, true);
    }
    for (const [info] of this.view.styles) if (!this.layers.some(({ id }) => id === info.id)) this.view.remove(info.id);
    this.layers.forEach((layer) => void this.follow(layer));
    this.render();
  }

  render(): void {
    const { language } = this.voice();
    const boxes = this.layers.map((layer) => {
      const box = el("input", { type: "checkbox", id: `back-${layer.id}`, checked: this.on.get(layer.id) ?? false });
      box.addEventListener("change", () => {
        this.on.set(layer.id, box.checked);
        void this.follow(layer);
      });
      return el("li", {}, el("label", { for: box.id }, box, layer.title[language]));
    });
    this.place.replaceChildren(...boxes);
  }

  private async follow(layer: LayerInfo): Promise<void> {
    const { id } = layer;
    const on = this.on.get(id) ?? false;
    if (this.view.has(id)) this.view.setVisible(id, on);
    if (!on || this.view.has(id)) return;
    try {
      const style = await this.api.style(layer);
      if (this.view.has(id) || !this.layers.includes(layer)) return;
      this.view.add(layer, style, this.layers.indexOf(layer));
      this.view.setVisible(id, this.on.get(id) ?? false);
      if (id === this.terrain) this.view.setOpacity(id, 0.55);
    } catch (error) {
      this.failed(error);
    }
  }
}

/** Base maps, and of the twin what has outlines; pictures of numbers would lie under the water. */
function usual(layer: LayerInfo, terrain: LayerInfo | null): boolean {
  if (layer.id === terrain?.id) return true;
  return layer.kind === "vector" && (layer.function === "basemap" || (layer.function === "twin" && layer.id.startsWith(terrain?.id ?? "")));
}
