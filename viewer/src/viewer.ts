// Ties the parts of the page together: list, map, card, key, language and address bar.
import { Api, ApiError, type LayerInfo } from "./api.ts";
import { byId } from "./dom.ts";
import { Drawing } from "./map/drawing.ts";
import type { Hit } from "./map/identify.ts";
import { MapView, unionBounds } from "./map/view.ts";
import { type Permalink, readPermalink, writePermalink } from "./permalink.ts";
import { storedKey, storeKey } from "./session.ts";
import { choicesFor, firstLayers, type LayerChoice, visibleLayers } from "./state.ts";
import { type Language, preferredLanguage, speaking, type Translate } from "./texts.ts";
import { plainWords, statusOf } from "./trouble.ts";
import { Tools } from "./twin/tools.ts";
import { boxOf, type Download, fileName, keep } from "./ui/download.ts";
import { FeatureCard } from "./ui/feature-card.ts";
import { KeyForm } from "./ui/key-form.ts";
import { layerList } from "./ui/layer-list.ts";
import { wireMap } from "./ui/map-controls.ts";
import { Notices } from "./ui/notices.ts";
import * as page from "./ui/page.ts";

export class Viewer {
  private readonly api: Api;
  private readonly notices = new Notices();
  private readonly keyForm = new KeyForm((key) => this.useKey(key));
  private readonly card: FeatureCard;
  private readonly describePanel: () => void;
  private view: MapView | null = null;
  private layers: LayerInfo[] = [];
  private choices = new Map<string, LayerChoice>();
  private language: Language;
  private say: Translate;
  private link: Permalink;
  private drawing: Drawing | null = null;
  private tools: Tools | null = null;
  /** Counts the requests for the catalogue: only the latest answer counts. */
  private requests = 0;
  private catalogue: "coming" | "here" | "failed" = "coming";

  constructor(base: URL) {
    this.api = new Api(base, storedKey);
    this.link = readPermalink(location.hash);
    this.language = this.link.language ?? preferredLanguage(navigator.language);
    this.say = speaking(this.language);
    this.card = new FeatureCard(
      (hit) => this.view?.highlight.mark(hit),
      () => this.view?.highlight.clear(),
    );
    this.describePanel = page.foldingPanel(() => this.say);
    page.makeRoomForSources();
    this.wirePage();
  }

  /** Draws the map once the fonts are there, then loads the catalogue into it. */
  async start(fonts: Promise<void>): Promise<void> {
    this.translate();
    page.showLoading(this.say);
    await fonts.catch((error: unknown) => {
      console.warn(error);
      this.notices.show("fonts", this.say("errorFont"), this.say);
    });
    this.openMap();
    await this.view?.ready();
    await this.load();
  }

  // --- the catalogue ---------------------------------------------------------------------------

  private async load(): Promise<void> {
    this.requests += 1;
    const request = this.requests;
    this.notices.clear("catalogue");
    try {
      const layers = await this.api.layers();
      if (request === this.requests) this.show(layers);
    } catch (error) {
      if (request === this.requests) this.catalogueFailed(error);
    }
  }

  private show(layers: LayerInfo[]): void {
    this.catalogue = "here";
    this.layers = layers;
    this.choices = choicesFor(layers, this.link.layers, this.choices);
    this.keyForm.inUse(storedKey() !== null, this.say);
    this.drawList();
    this.drawMap();
    if (layers.length > 0) this.link = { ...this.link, layers: null, position: this.view?.position() ?? null };
  }

  private catalogueFailed(error: unknown): void {
    if (storedKey() !== null && [401, 403].includes(statusOf(error) ?? 0)) {
      storeKey(null); // a refused key would make everything else fail too
      void this.load().then(() => this.keyForm.refused(plainWords(error, this.say)));
      return;
    }
    this.catalogue = "failed";
    if (statusOf(error) === null) console.error(error);
    const text = plainWords(error, this.say);
    page.showUnavailable(text);
    this.notices.show("catalogue", text, this.say, () => void this.load());
    this.expectIdle();
  }

  private drawList(): void {
    const { layers, choices, language, say } = this;
    if (layers.length === 0) page.showEmpty(say, () => void this.load());
    else page.showList(layerList({ layers, choices, language, say }, this));
  }

  private drawMap(): void {
    this.card.hide();
    this.notices.clearAll();
    if (!this.link.position) this.fit(firstLayers(this.shownOrAll()), false);
    this.tools?.reset(this.layers);
    this.drawing?.reset(this.layers);
    this.describeSources();
    this.remember();
    this.expectIdle();
  }

  private useKey(key: string | null): void {
    storeKey(key);
    void this.load();
  }

  // --- one layer (what the list asks for) -------------------------------------------------------

  toggle(id: string, visible: boolean): void {
    this.choose(id, { visible });
    if (!visible) this.card.forget(id);
    this.draw(id);
    this.describeSources();
  }

  fade(id: string, opacity: number): void {
    this.choose(id, { opacity });
    this.draw(id);
  }

  zoomTo(id: string): void {
    const info = this.info(id);
    if (!info?.bounds) return;
    if (!this.choices.get(id)?.visible) {
      this.toggle(id, true);
      page.tick(id);
    }
    this.fit([info], true);
  }

  openRiver(id: string): void {
    void this.tools?.openRiver(id);
  }

  /** Saves a layer as a file; fails with words for the reader. */
  async download(id: string, { format, encoding, here }: Download): Promise<string> {
    const query = new URLSearchParams(format === "shp" ? { encoding } : {});
    const seen = here ? this.view?.map.getBounds() : null;
    if (seen) query.set("bbox", boxOf(seen.toArray().flat() as [number, number, number, number]));
    try {
      const response = await this.api.get(`/content/${id}.${format}${query.size > 0 ? `?${query}` : ""}`);
      const name = fileName(response.headers.get("Content-Disposition"), `${id}.${format}`);
      keep(await response.blob(), name);
      return name;
    } catch (error) {
      const chosenBadly = error instanceof ApiError && error.status === 400; // too large for the format, for instance
      throw new Error(chosenBadly ? error.detail : plainWords(error, this.say), { cause: error });
    }
  }

  private choose(id: string, change: Partial<LayerChoice>): void {
    this.choices.set(id, { visible: false, opacity: 1, ...this.choices.get(id), ...change });
    this.remember();
  }

  private draw(id: string): void {
    this.busy();
    this.drawing?.follow(id);
    this.expectIdle();
  }

  private layerFailed(info: LayerInfo, error: unknown): void {
    const values = { title: info.title[this.language], detail: plainWords(error, this.say) };
    this.notices.show(`layer-${info.id}`, this.say("errorLayer", values), this.say, () => this.draw(info.id));
  }

  private info(id: string): LayerInfo | undefined {
    return this.layers.find((layer) => layer.id === id);
  }

  private shown(): LayerInfo[] {
    return this.layers.filter(({ id }) => this.choices.get(id)?.visible);
  }

  private describeSources(): void {
    page.showAttribution(this.shown().flatMap(({ attribution }) => (attribution ? [attribution] : [])));
  }

  // --- the map ---------------------------------------------------------------------------------

  private openMap(): void {
    try {
      this.view = new MapView(byId("map"), this.api, this.link.position);
    } catch (error) {
      console.error(error);
      this.notices.show("webgl", this.say("errorWebgl"), this.say);
      return;
    }
    const { map } = this.view;
    this.drawing = new Drawing(this.view, this.api, {
      choice: (id) => this.choices.get(id) ?? { visible: false, opacity: 1 },
      added: (info, style) => this.tools?.added(info, style),
      failed: (info, error) => this.layerFailed(info, error),
    });
    const hooks = {
      language: () => this.language,
      say: () => this.say,
      changed: () => this.remember(),
      failed: (topic: string, error: unknown) => this.notices.show(topic, plainWords(error, this.say), this.say),
      isVisible: (id: string) => this.choices.get(id)?.visible ?? false,
    };
    this.tools = new Tools(this.view, this.api, hooks, this.link.relief);
    wireMap(this.view, { home: () => this.fit(this.shownOrAll(), true), identify: (at, byKey) => this.identify(at, byKey) });
    map.on("error", ({ error }) => this.mapFailed(error));
    map.on("moveend", () => this.remember());
    map.on("idle", () => this.settled());
    map.on("dataloading", () => this.busy());
    map.on("movestart", () => this.busy());
    Object.assign(window, { naruMap: map });
    this.translate();
  }

  private fit(layers: readonly LayerInfo[], animate: boolean): void {
    this.view?.fit(unionBounds(layers), page.freeRoom(), animate);
  }

  private shownOrAll(): LayerInfo[] {
    const shown = this.shown();
    return shown.length > 0 ? shown : this.layers;
  }

  private identify(point: { x: number; y: number }, byKeyboard: boolean): void {
    if (this.tools?.takesClicks) return;
    const hits = this.view?.hits(point) ?? [];
    if (hits.length === 0) {
      this.card.hide();
      byId("announcement").textContent = this.say("nothingHere");
      return;
    }
    const layerTitle = (hit: Hit) => this.info(hit.layer)?.title[this.language] ?? hit.layer;
    const nameOf = (hit: Hit) => this.view?.nameOf(hit) ?? null;
    this.card.show({ hits, layerTitle, nameOf, say: this.say, language: this.language }, byKeyboard);
    this.view?.lift(point, page.cardTop());
  }

  /** Tiles that fail: one notice for each kind of refusal, not one for each tile. */
  private mapFailed(error: unknown): void {
    const status = statusOf(error);
    if (status === null) console.error(error);
    this.notices.show(`map-${status ?? "other"}`, plainWords(error, this.say), this.say);
  }

  // --- page, language, address bar -----------------------------------------------------------------

  private wirePage(): void {
    byId("language").addEventListener("click", () => this.speak(this.language === "ko" ? "en" : "ko"));
    window.addEventListener("hashchange", () => this.follow(readPermalink(location.hash)));
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.card.isOpen) return;
      const inside = byId("feature-card").contains(document.activeElement);
      this.card.hide();
      if (inside) this.view?.map.getCanvas().focus();
    });
  }

  private speak(language: Language): void {
    this.language = language;
    this.say = speaking(language);
    this.translate();
    if (this.catalogue === "here") this.drawList();
    this.remember();
  }

  private translate(): void {
    page.translatePage(this.language, this.say);
    this.describePanel();
    this.card.translate(this.say, this.language);
    this.tools?.translate();
    this.view?.map.getCanvas().setAttribute("aria-label", this.say("mapHelp"));
    this.keyForm.inUse(storedKey() !== null, this.say);
  }

  /** A link was typed or pasted into this tab, or the reader went back. */
  private follow(link: Permalink): void {
    if (link.position) this.view?.jump(link.position);
    if (link.language && link.language !== this.language) this.speak(link.language);
    this.tools?.follow(link.relief);
    if (!link.layers) return;
    this.choices = choicesFor(this.layers, link.layers, this.choices);
    for (const id of this.choices.keys()) this.draw(id);
    this.drawList();
    this.describeSources();
  }

  private remember(): void {
    if (!this.view || this.layers.length === 0) return;
    const seen = [this.view.position(), visibleLayers(this.choices), this.language] as const;
    history.replaceState(null, "", writePermalink(...seen, this.tools?.choice ?? null));
  }

  private busy(): void {
    document.documentElement.dataset["mapState"] = "busy";
  }

  /** Nothing is on its way from here: the map's next idle frame counts. */
  private expectIdle(): void {
    this.view?.map.triggerRepaint();
  }

  /** `data-map-state` is `idle` once everything asked for has been drawn (tests and screenshots wait for it). */
  private settled(): void {
    if (this.catalogue !== "coming" && this.drawing?.complete) document.documentElement.dataset["mapState"] = "idle";
  }
}
