// The page at `/3d`: a terrain mesh with models upon it. CesiumJS is loaded once the layers are known.
import { Api, type LayerInfo } from "../api.ts";
import { byId, el, nameButton } from "../dom.ts";
import { featureName } from "../map/names.ts";
import { storedKey } from "../session.ts";
import { type Language, speaking } from "../texts.ts";
import { plainWords, statusOf } from "../trouble.ts";
import { isFacility } from "../twin/facility.ts";
import { facilityCard } from "../twin/facility-card.ts";
import { askedLanguage, otherLanguage } from "../ui/office-page.ts";
import { attributeRows } from "./attributes.ts";
import { FeatureList, type Found } from "./features.ts";
import type { Bounds, Picked, SceneView } from "./globe.ts";
import { type SayScene, type SceneTextId, speakingScene } from "./texts.ts";

/** What layer.json says beside what Cesium reads of it. */
interface MeshFacts {
  undulation: number;
  datum: string | null;
}

const EXAGGERATION = { least: 1, most: 5, step: 0.5 };

export class ScenePage {
  private readonly api: Api;
  private language: Language = askedLanguage();
  private say: SayScene = speakingScene(this.language);
  private layers: LayerInfo[] = [];
  private layer: LayerInfo | null = null;
  private facts: MeshFacts | null = null;
  private view: SceneView | null = null;
  private picked: Picked | null = null;
  private picture: string | null = null;
  private exaggeration = 1;
  private readonly shown = new Set<string>();
  private message: { id: SceneTextId; values: Record<string, string> } | { error: unknown } | null = { id: "loading", values: {} };

  private readonly features: FeatureList;

  constructor(base: URL) {
    this.api = new Api(base, storedKey);
    this.features = new FeatureList(this.api, {
      language: () => this.language,
      say: () => this.say,
      layers: () => this.models().filter(({ id }) => this.shown.has(id)),
      go: (found) => this.goTo(found),
      failed: (error) => this.partFailed(error),
    });
    this.wire();
    this.translate();
  }

  async start(): Promise<void> {
    try {
      this.layers = await this.api.layers();
      this.layer = this.wanted();
      if (this.layer) await this.open(this.layer);
      else this.tell({ id: "noLayer", values: {} }, "failed");
    } catch (error) {
      this.fail(error);
    }
    this.translate();
  }

  /** The layer that the address names, else the first that has something to show. */
  private wanted(): LayerInfo | null {
    const named = new URLSearchParams(location.search).get("layer");
    const able = this.able();
    return able.find(({ id }) => id === named) ?? (named === null ? (able[0] ?? null) : null);
  }

  /** Layers with a mesh, and those with models only. */
  private able(): LayerInfo[] {
    const rank = ({ assets }: LayerInfo) => (assets.mesh ? 0 : 1);
    return this.layers.filter(({ assets }) => assets.mesh || assets.models).sort((a, b) => rank(a) - rank(b));
  }

  /** The mesh under a layer: its own, or that of one which holds it. */
  private meshUnder(layer: LayerInfo): LayerInfo | null {
    return layer.assets.mesh ? layer : (this.layers.find((one) => one.assets.mesh && meet(one, layer)) ?? null);
  }

  private async open(layer: LayerInfo): Promise<void> {
    const ground = this.meshUnder(layer);
    const [{ SceneView }, facts] = await Promise.all([import("./globe.ts"), this.askFacts(ground)]);
    this.facts = facts;
    this.view = new SceneView(byId<HTMLCanvasElement>("scene"), byId("credits"), (address) => this.api.request(address), {
      settled: (idle) => this.settled(idle),
      failed: (error) => this.partFailed(error),
      picked: (found) => this.show(found),
    });
    Object.assign(window, { naruScene: this.view });
    const place = layer.bounds ?? ground?.bounds;
    if (place) await this.view.stand(ground?.assets.mesh ?? null, ground?.bounds ?? null, place, facts?.undulation ?? 0);
    this.picture = this.pictures()[0]?.id ?? null;
    this.layPicture();
    const models = this.models().map(({ id }) => this.toggle(id, true));
    await Promise.all(models);
    this.message = null;
    this.describe();
  }

  private async askFacts(ground: LayerInfo | null): Promise<MeshFacts | null> {
    if (!ground?.assets.mesh) return null;
    const { terrain } = (await this.api.json(ground.assets.mesh)) as { terrain?: Record<string, unknown> };
    const datum = terrain?.["vertical_datum"];
    return { undulation: Number(terrain?.["geoid_undulation_m"] ?? 0), datum: typeof datum === "string" ? datum : null };
  }

  /** Rasters that lie where the scene is, the layer's own first. */
  private pictures(): LayerInfo[] {
    const { layer } = this;
    if (!layer) return [];
    const ground = this.meshUnder(layer);
    const near = this.layers.filter((one) => one.kind === "raster" && meet(one, layer));
    return near.sort((a, b) => Number(b === ground) - Number(a === ground));
  }

  private models(): LayerInfo[] {
    const { layer } = this;
    return layer ? this.layers.filter((one) => one.assets.models && meet(one, layer)) : [];
  }

  private layPicture(): void {
    const info = this.layers.find(({ id }) => id === this.picture);
    const { id = "", minzoom = 0, maxzoom = 0, bounds = null } = info ?? {};
    this.view?.lay(info && bounds ? { id, minzoom, maxzoom, bounds: bounds as Bounds } : null);
    this.describe();
  }

  private async toggle(id: string, visible: boolean): Promise<void> {
    const address = this.layers.find((one) => one.id === id)?.assets.models;
    if (!address) return;
    if (visible) this.shown.add(id);
    else this.shown.delete(id);
    if (!visible && this.picked?.layer === id) this.show(null);
    this.describe();
    try {
      await this.view?.show(id, address, visible);
    } catch (error) {
      this.shown.delete(id);
      this.partFailed(error);
    }
  }

  // --- what is said ----------------------------------------------------------------------------------

  private settled(idle: boolean): void {
    if (this.message !== null && idle) return;
    document.documentElement.dataset["sceneState"] = idle ? "idle" : "busy";
    if (idle && this.layer) byId("announcement").textContent = this.say("ready", { title: this.layer.title[this.language] });
  }

  private fail(error: unknown): void {
    if (statusOf(error) === null) console.error(error);
    this.tell({ error }, "failed");
  }

  /** One tileset or tile did not come: the rest of the scene stands. */
  private partFailed(error: unknown): void {
    this.tell({ id: "missing", values: { detail: error instanceof Error ? error.message : String(error) } }, null);
  }

  private tell(message: NonNullable<typeof this.message>, state: "failed" | null): void {
    this.message = message;
    if (state) document.documentElement.dataset["sceneState"] = state;
    this.describe();
  }

  private words(): string {
    if (!this.message) return "";
    if ("id" in this.message) return this.say(this.message.id, this.message.values);
    const { error } = this.message;
    if (error instanceof Error && /webgl/i.test(error.message)) return this.say("webgl");
    return plainWords(error, speaking(this.language));
  }

  private translate(): void {
    const { say, language } = this;
    document.documentElement.lang = language;
    const title = this.layer?.title[language];
    document.title = title ? say("titleOf", { title }) : say("title");
    for (const element of document.querySelectorAll<HTMLElement>("[data-text]")) element.textContent = say(element.dataset["text"] as SceneTextId);
    for (const element of document.querySelectorAll<HTMLElement>("[data-label]")) {
      const label = say(element.dataset["label"] as SceneTextId);
      if (element instanceof HTMLButtonElement) nameButton(element, label);
      else element.setAttribute("aria-label", label);
    }
    if (title) byId("title").textContent = title;
    byId("scene").setAttribute("aria-label", say("sceneHelp"));
    byId("language").lang = otherLanguage(language);
    byId<HTMLAnchorElement>("to-map").href = `./#lang=${language}`;
    this.describe();
    if (this.picked) this.show(this.picked);
  }

  private describe(): void {
    const words = this.words();
    byId("message").textContent = words;
    byId("message").hidden = words === "";
    byId("choices").hidden = this.view === null;
    byId("choices-body").replaceChildren(...this.choices());
    this.features.describe();
    byId("attribution").textContent = [...new Set(this.sources())].join(" · ");
  }

  private sources(): string[] {
    const seen = this.layers.filter((one) => one === this.layer || one.id === this.picture || this.shown.has(one.id));
    return seen.flatMap(({ attribution }) => (attribution ? [attribution] : []));
  }

  private choices(): HTMLElement[] {
    const { say, language, facts } = this;
    const parts = [this.layerChoice(), this.pictureChoice(), this.slider(), ...this.modelBoxes(), this.features.element];
    if (facts?.datum) {
      const metres = facts.undulation.toLocaleString(language, { maximumFractionDigits: 2 });
      const words = facts.undulation === 0 ? say("heightsPlain", { datum: facts.datum }) : say("heights", { datum: facts.datum, metres });
      parts.push(el("p", { class: "quiet scene-datum" }, words));
    }
    return parts;
  }

  private layerChoice(): HTMLElement {
    const options = this.able().map(({ id, title }) => el("option", { value: id, selected: id === this.layer?.id }, title[this.language]));
    const choice = el("select", { id: "layer-choice" }, ...options);
    choice.addEventListener("change", () => location.assign(`3d?layer=${choice.value}#lang=${this.language}`));
    return el("label", { class: "relief-row", for: "layer-choice" }, el("span", {}, this.say("choose")), choice);
  }

  private pictureChoice(): HTMLElement {
    const options = this.pictures().map(({ id, title }) => el("option", { value: id, selected: id === this.picture }, title[this.language]));
    const none = el("option", { value: "", selected: this.picture === null }, this.say("noPicture"));
    const choice = el("select", { id: "picture-choice" }, ...options, none);
    choice.addEventListener("change", () => {
      this.picture = choice.value || null;
      this.layPicture();
      byId("picture-choice").focus();
    });
    return el("label", { class: "relief-row", for: "picture-choice" }, el("span", {}, this.say("picture")), choice);
  }

  private slider(): HTMLElement {
    const { least: min, most: max, step } = EXAGGERATION;
    const slider = el("input", { type: "range", min, max, step, value: this.exaggeration });
    const shown = el("output", {});
    const tell = () => {
      shown.textContent = this.say("times", { factor: slider.value });
      slider.setAttribute("aria-valuetext", shown.textContent);
    };
    slider.addEventListener("input", () => {
      this.exaggeration = Number(slider.value);
      this.view?.exaggerate(this.exaggeration);
      tell();
    });
    tell();
    return el("label", { class: "opacity" }, el("span", {}, this.say("exaggeration")), slider, shown);
  }

  private modelBoxes(): HTMLElement[] {
    const models = this.models();
    if (models.length === 0) return [];
    const boxes = models.map(({ id, title }) => {
      const box = el("input", { type: "checkbox", id: `models-${id}`, checked: this.shown.has(id) });
      box.addEventListener("change", () => {
        void this.toggle(id, box.checked);
        byId(`models-${id}`).focus();
      });
      return el("label", { class: "relief-check" }, box, title[this.language]);
    });
    return [el("fieldset", { class: "scene-models" }, el("legend", {}, this.say("models")), ...boxes)];
  }

  // --- the card ----------------------------------------------------------------------------------------

  private show(found: Picked | null, takeFocus = false): void {
    this.picked = found;
    byId("card").hidden = found === null;
    if (!found) {
      byId("announcement").textContent = this.say("nothing");
      return;
    }
    const { properties } = found;
    const layer = this.layers.find(({ id }) => id === found.layer)?.title[this.language] ?? found.layer;
    const name = featureName(properties, this.language === "en" ? ["name_en", "name"] : ["name"]) ?? (String(properties["id"] ?? "") || this.say("unnamed"));
    byId("card-layer").textContent = layer;
    byId("card-title").textContent = name;
    byId("card-body").replaceChildren(isFacility(properties) ? facilityCard(properties, this.language) : attributes(found, this.language, this.say("attributes")));
    byId("announcement").textContent = this.say("picked", { layer, name });
    if (takeFocus) byId("card-title").focus();
  }

  /** One of the list: the view goes there, and the card tells what is known of it. */
  private goTo({ layer, lon, lat, reach, properties }: Found): void {
    this.view?.unmark();
    this.view?.goTo(lon, lat, reach);
    this.show({ layer, properties, names: new Map() }, true);
  }

  private close(): void {
    this.view?.unmark();
    this.picked = null;
    byId("card").hidden = true;
    byId("scene").focus();
  }

  // --- pointer and keys ----------------------------------------------------------------------------------

  private wire(): void {
    byId("language").addEventListener("click", () => {
      this.language = otherLanguage(this.language);
      this.say = speakingScene(this.language);
      history.replaceState(null, "", `${location.search}#lang=${this.language}`);
      this.translate();
    });
    byId("skip").addEventListener("click", (event) => {
      event.preventDefault();
      byId("scene").focus();
    });
    byId("home").addEventListener("click", () => this.view?.home());
    byId("zoom-in").addEventListener("click", () => this.view?.zoom(true));
    byId("zoom-out").addEventListener("click", () => this.view?.zoom(false));
    byId("card-close").addEventListener("click", () => this.close());
    byId("scene").addEventListener("keydown", (event) => this.key(event));
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.picked) this.close();
    });
    if (window.matchMedia("(max-width: 720px)").matches) byId<HTMLDetailsElement>("choices").open = false;
  }

  private key(event: KeyboardEvent): void {
    const step = STEPS[event.key];
    if (step) this.view?.move(...step, event.shiftKey);
    else if (event.key === "+" || event.key === "=") this.view?.zoom(true);
    else if (event.key === "-") this.view?.zoom(false);
    else if (event.key === "Enter") this.pickMiddle();
    else return;
    event.preventDefault();
  }

  private pickMiddle(): void {
    this.view?.pick(null);
    if (this.picked) byId("card-title").focus();
  }
}

const STEPS: Record<string, [right: number, forward: number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
};

function meet({ bounds: a }: LayerInfo, { bounds: b }: LayerInfo): boolean {
  return a !== null && b !== null && a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3];
}

function attributes({ properties, names }: Picked, language: Language, caption: string): HTMLElement {
  const rows = attributeRows(properties, names, language).map(([name, value]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, value)));
  return el("table", {}, el("caption", { class: "unseen" }, caption), el("tbody", {}, ...rows));
}
