// Brings the map in line with what was chosen, fetching a layer's style the first time it is shown.
import type { StyleSpecification } from "maplibre-gl";
import type { Api, LayerInfo } from "../api.ts";
import type { LayerChoice } from "../state.ts";
import type { MapView } from "./view.ts";

export interface DrawingHooks {
  /** The choice as it stands now: it may change while a style is on its way. */
  choice(id: string): LayerChoice;
  added(info: LayerInfo, style: StyleSpecification): void;
  failed(info: LayerInfo, error: unknown): void;
}

export class Drawing {
  private layers: readonly LayerInfo[] = [];
  private readonly arriving = new Set<string>();
  /** Counts the catalogues drawn: a style that was asked for under an older one is not added. */
  private generation = 0;

  constructor(
    private readonly view: MapView,
    private readonly api: Api,
    private readonly hooks: DrawingHooks,
  ) {}

  /** Whether every style that was asked for has come. */
  get complete(): boolean {
    return this.arriving.size === 0;
  }

  /** Takes everything off the map and draws another catalogue. */
  reset(layers: readonly LayerInfo[]): void {
    this.generation += 1;
    this.arriving.clear();
    this.view.removeAll();
    this.layers = layers;
    for (const { id } of layers) this.follow(id);
  }

  /** Does for one layer what its choice says. */
  follow(id: string): void {
    const { visible, opacity } = this.hooks.choice(id);
    if (this.view.has(id)) {
      this.view.setVisible(id, visible);
      this.view.setOpacity(id, opacity);
    } else if (visible && !this.arriving.has(id)) void this.fetchAndAdd(id);
  }

  private async fetchAndAdd(id: string): Promise<void> {
    const { generation } = this;
    const position = this.layers.findIndex((layer) => layer.id === id);
    const info = this.layers[position];
    if (!info) return;
    this.arriving.add(id);
    try {
      const style = await this.api.style(info);
      if (generation !== this.generation) return;
      this.view.add(info, style, position);
      this.hooks.added(info, style);
      this.follow(id);
    } catch (error) {
      if (generation === this.generation) this.hooks.failed(info, error);
    } finally {
      if (generation === this.generation) this.arriving.delete(id);
      this.view.map.triggerRepaint(); // an idle frame follows even if nothing was added
    }
  }
}
