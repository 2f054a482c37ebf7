// What the reader has chosen; everything that the permalink keeps except the map's position.
import type { LayerInfo } from "./api.ts";
import type { Permalink } from "./permalink.ts";

export interface LayerChoice {
  visible: boolean;
  opacity: number;
}

/** With very many layers only the first ones are shown at first: a hundred at once would tell nothing. */
const SHOWN_AT_FIRST = 12;

/** The choice for each layer: as the link says, else as before, else the first ones visible. */
export function choicesFor(
  layers: readonly LayerInfo[],
  link: Permalink["layers"],
  before: ReadonlyMap<string, LayerChoice>,
): Map<string, LayerChoice> {
  return new Map(
    layers.map(({ id }, position) => {
      const linked = link && { visible: link.has(id), opacity: link.get(id) ?? 1 };
      return [id, linked ?? before.get(id) ?? { visible: position < SHOWN_AT_FIRST, opacity: 1 }];
    }),
  );
}

/** The visible layers and their opacity, as the permalink wants them. */
export function visibleLayers(choices: ReadonlyMap<string, LayerChoice>): Map<string, number> {
  return new Map([...choices].flatMap(([id, { visible, opacity }]) => (visible ? [[id, opacity] as const] : [])));
}
