// What the reader has chosen; everything that the permalink keeps except the map's position.
import type { LayerInfo } from "./api.ts";
import type { Permalink } from "./permalink.ts";

export interface LayerChoice {
  visible: boolean;
  opacity: number;
}

/** With very many layers only the first ones are shown at first: a hundred at once would tell nothing. */
const SHOWN_AT_FIRST = 12;

/** What a terrain brings that lies all over it: seen when it is asked for, or nothing else of the terrain would be. */
const COVERING = ["-provenance", "-roughness"];

/** The choice for each layer: as the link says, else as before, else the first ones visible. */
export function choicesFor(
  layers: readonly LayerInfo[],
  link: Permalink["layers"],
  before: ReadonlyMap<string, LayerChoice>,
): Map<string, LayerChoice> {
  const rivers = layers.filter(({ assets }) => assets.river);
  const covering = new Set(rivers.flatMap(({ id }) => COVERING.map((part) => id + part)));
  const atFirst = new Set(layers.filter(({ id }) => !covering.has(id)).slice(0, SHOWN_AT_FIRST).map(({ id }) => id));
  return new Map(
    layers.map(({ id }) => {
      const linked = link && { visible: link.has(id), opacity: link.get(id) ?? 1 };
      return [id, linked ?? before.get(id) ?? { visible: atFirst.has(id), opacity: 1 }];
    }),
  );
}

/** Where the map begins: where the base map lies, if there is one. A river far outside of the city is a click away. */
export function firstLayers(layers: readonly LayerInfo[]): readonly LayerInfo[] {
  const base = layers.filter((info) => info.function === "basemap" && info.bounds);
  return base.length > 0 ? base : layers;
}

/** The visible layers and their opacity, as the permalink wants them. */
export function visibleLayers(choices: ReadonlyMap<string, LayerChoice>): Map<string, number> {
  return new Map([...choices].flatMap(([id, { visible, opacity }]) => (visible ? [[id, opacity] as const] : [])));
}
