// What the values of the rows are called: keys, layers, functions, answers, zooms.
import type { LayerInfo } from "../api.ts";
import { ANONYMOUS } from "../keys/keys.ts";
import type { Language } from "../texts.ts";
import type { Dimension } from "./ledger.ts";
import type { UsageTextId, UsageTranslate } from "./texts.ts";

export const FUNCTIONS = ["basemap", "content", "common", "twin", "manage"] as const;
const FUNCTION_WORDS: Record<string, UsageTextId> = {
  basemap: "functionBasemap",
  content: "functionContent",
  common: "functionCommon",
  twin: "functionTwin",
  manage: "functionManage",
  "(none)": "noFunction",
  "(uncounted)": "uncounted",
};
/** What stands where a value has no name of its own. */
const UNNAMED: Partial<Record<Dimension, UsageTextId>> = { key: "noKey", layer: "noLayer", function: "noFunction" };
const NONE = "(none)";
const OTHER = "(other)";
const STATUS_WORDS: Record<string, UsageTextId> = { "2": "status2", "3": "status3", "4": "status4", "5": "status5" };
/** Fixed colours, so that a function keeps its own from one period to the next. Answers: fine to broken. */
const COLOURS: Partial<Record<Dimension, Record<string, number>>> = {
  function: { basemap: 0, content: 1, common: 2, twin: 3, manage: 4, "(uncounted)": 6, "(none)": 5 },
  status: { "2": 0, "3": 6, "4": 1, "5": 4 },
};
const REST_COLOUR = 5;
const ORDER = [0, 1, 2, 3, 6, 4];

export class Names {
  private layers = new Map<string, LayerInfo>();
  private keys = new Map<string, string>();

  know(layers: readonly LayerInfo[], keys: readonly { id: string; name: string }[]): void {
    this.layers = new Map(layers.map((layer) => [layer.id, layer]));
    this.keys = new Map(keys.map(({ id, name }) => [id, name]));
  }

  get layerIds(): string[] {
    return [...this.layers.keys()];
  }

  get keyIds(): string[] {
    return [...this.keys.keys()];
  }

  /** A value as the reader calls it; an unknown one as it stands. */
  of(dimension: Dimension, value: string, say: UsageTranslate, language: Language): string {
    const unnamed = UNNAMED[dimension];
    if (value === OTHER) return say("rest");
    if (unnamed && (value === NONE || value === "")) return say(unnamed);
    if (dimension === "layer") return value.split(",").map((id) => this.layers.get(id)?.title[language] ?? id).join(" + ");
    if (dimension === "key") return value === ANONYMOUS ? say("anonymous") : (this.keys.get(value) ?? value);
    if (dimension === "zoom") return value === "" ? say("noZoom") : say("zoomName", { zoom: value });
    const words = dimension === "function" ? FUNCTION_WORDS[value] : STATUS_WORDS[value.slice(0, 1)];
    return words ? say(words) : value;
  }
}

/** Whether one can ask for this value alone. */
export function canNarrow(value: string): boolean {
  return value !== "" && !value.startsWith("(") && !value.includes(",");
}

/** The colour of a part: its own where it has one, else by its place. */
export function colourOf(by: Dimension | "none", name: string | null, place: number): number {
  if (name === null) return REST_COLOUR;
  if (by === "none") return 0;
  const own = COLOURS[by]?.[by === "status" ? name.slice(0, 1) : name];
  return own ?? ORDER[place % ORDER.length] ?? 0;
}
