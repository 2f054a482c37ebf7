// The features that have models, by name: for those who cannot point at them. One is gone to, and read.
import type { Api, LayerInfo } from "../api.ts";
import { el } from "../dom.ts";
import { featureName } from "../map/names.ts";
import type { Language } from "../texts.ts";
import type { SayScene } from "./texts.ts";

export interface Found {
  layer: string;
  name: string;
  /** Its middle, and how far it reaches from there, metres. */
  lon: number;
  lat: number;
  reach: number;
  properties: Record<string, unknown>;
}

export interface FeatureHooks {
  language(): Language;
  say(): SayScene;
  /** The layers whose models are in the scene. */
  layers(): LayerInfo[];
  go(found: Found): void;
  failed(error: unknown): void;
}

const PAGE = 1000;
const SHOWN = 60;
const METRES_PER_DEGREE = 111_320;

export class FeatureList {
  /** Stands in the panel for good, so that what was typed and where the focus is stay. */
  readonly element: HTMLDetailsElement;
  private readonly title = el("summary", {});
  private readonly search = el("input", { type: "search", id: "feature-search", spellcheck: false });
  private readonly label = el("label", { for: "feature-search" });
  private readonly list = el("ul", {});
  private readonly count = el("p", { class: "quiet", role: "status" });
  private readonly known = new Map<string, Promise<Record<string, unknown>[]>>();
  private asked = 0;

  constructor(
    private readonly api: Api,
    private readonly hooks: FeatureHooks,
  ) {
    this.element = el("details", { class: "scene-features", hidden: true }, this.title, this.label, this.search, this.list, this.count);
    this.element.addEventListener("toggle", () => void this.fill());
    this.search.addEventListener("input", () => void this.fill());
  }

  /** Says everything anew: another language, other layers. */
  describe(): void {
    const say = this.hooks.say();
    this.title.textContent = say("features");
    this.label.textContent = say("featureSearch");
    this.list.setAttribute("aria-label", say("features"));
    this.element.hidden = this.hooks.layers().length === 0;
    void this.fill();
  }

  private async fill(): Promise<void> {
    if (!this.element.open || this.element.hidden) return;
    const request = ++this.asked;
    try {
      const found = (await Promise.all(this.hooks.layers().map((info) => this.of(info)))).flat();
      if (request === this.asked) this.show(found);
    } catch (error) {
      if (request === this.asked) this.hooks.failed(error);
    }
  }

  private async of({ id }: LayerInfo): Promise<Found[]> {
    const asked = this.known.get(id) ?? this.ask(id);
    this.known.set(id, asked);
    asked.catch(() => this.known.delete(id));
    const fields = this.hooks.language() === "en" ? ["name_en", "name"] : ["name"];
    return (await asked).flatMap((feature) => foundIn(id, feature, fields));
  }

  private async ask(id: string): Promise<Record<string, unknown>[]> {
    const answer = (await this.api.json(`/ogc/collections/${id}/items?limit=${PAGE}&f=json`)) as { features?: unknown };
    return Array.isArray(answer.features) ? (answer.features as Record<string, unknown>[]) : [];
  }

  private show(all: Found[]): void {
    const say = this.hooks.say();
    const wanted = this.search.value.trim().toLowerCase();
    const fitting = all.filter(({ name, properties }) => `${name} ${String(properties["id"] ?? "")}`.toLowerCase().includes(wanted));
    this.list.replaceChildren(...fitting.slice(0, SHOWN).map((one) => this.row(one)));
    this.list.hidden = fitting.length === 0;
    this.count.textContent = fitting.length > SHOWN ? say("featuresMore", { shown: SHOWN, count: fitting.length }) : say("featuresCount", { count: fitting.length });
  }

  private row(found: Found): HTMLLIElement {
    const button = el("button", { type: "button", class: "text-button" }, found.name);
    button.addEventListener("click", () => this.hooks.go(found));
    return el("li", {}, button);
  }
}

function foundIn(layer: string, feature: Record<string, unknown>, fields: readonly string[]): Found[] {
  const properties = (feature["properties"] ?? {}) as Record<string, unknown>;
  const places = placesIn((feature["geometry"] as { coordinates?: unknown } | null)?.coordinates);
  const name = featureName(properties, fields) ?? String(properties["id"] ?? feature["id"] ?? "");
  if (places.length === 0) return [];
  const [west, east] = [Math.min(...places.map(([lon]) => lon)), Math.max(...places.map(([lon]) => lon))];
  const [south, north] = [Math.min(...places.map(([, lat]) => lat)), Math.max(...places.map(([, lat]) => lat))];
  const [lon, lat] = [(west + east) / 2, (south + north) / 2];
  const wide = (east - west) * Math.cos((lat * Math.PI) / 180);
  return [{ layer, name, lon, lat, reach: (Math.hypot(wide, north - south) / 2) * METRES_PER_DEGREE, properties }];
}

/** Every position in coordinates of whatever depth. */
function placesIn(coordinates: unknown): [lon: number, lat: number][] {
  if (!Array.isArray(coordinates)) return [];
  const [lon, lat] = coordinates as unknown[];
  if (typeof lon === "number" && typeof lat === "number") return [[lon, lat]];
  return coordinates.flatMap(placesIn);
}
