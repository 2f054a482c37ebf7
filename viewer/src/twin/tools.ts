// The tools of the twin on the map: the ground in 3D, cross-sections, rivers. Charts are loaded when they are opened.
import type { StyleSpecification } from "maplibre-gl";
import type { Api, LayerInfo } from "../api.ts";
import { byId } from "../dom.ts";
import { blocks, type HeightFields, heightFields } from "../map/blocks.ts";
import { type Ground, Relief } from "../map/relief.ts";
import { Sketch } from "../map/sketch.ts";
import type { MapView } from "../map/view.ts";
import { EXAGGERATION, type ReliefChoice } from "../permalink.ts";
import type { Language, Translate } from "../texts.ts";
import { keep } from "../ui/download.ts";
import { Dock } from "./dock.ts";
import { ReliefPanel } from "./relief-panel.ts";
import type { PanelTools, SectionPanel } from "./section-panel.ts";
import type { LonLat } from "./section.ts";
import { type TwinVoice, twinVoice } from "./texts.ts";

export interface ToolHooks {
  language(): Language;
  say(): Translate;
  /** What the permalink keeps has changed. */
  changed(): void;
  /** Something that was asked for did not come. */
  failed(topic: string, error: unknown): void;
  isVisible(id: string): boolean;
}

const KEYS: Record<string, "relief" | "section"> = { "3": "relief", s: "section", S: "section" };

export class Tools {
  private readonly relief: Relief;
  private readonly reliefPanel: ReliefPanel;
  private readonly dock: Dock;
  private readonly sketch: Sketch;
  private section: SectionPanel | null = null;
  private layers: readonly LayerInfo[] = [];
  /** What was asked for; it stands until the layers are there. */
  private wanted: ReliefChoice | null;
  private shade = false;
  private readonly fields = new Map<string, Promise<HeightFields | null>>();
  private readonly blocks = new Map<string, string[]>();

  constructor(
    private readonly view: MapView,
    private readonly api: Api,
    private readonly hooks: ToolHooks,
    wanted: ReliefChoice | null,
  ) {
    this.wanted = wanted;
    this.relief = new Relief(view, api);
    this.sketch = new Sketch(view);
    this.dock = new Dock(() => view.map.getCanvas().focus({ preventScroll: true }));
    this.reliefPanel = new ReliefPanel({
      toggle: () => this.toggleRelief(),
      change: (change) => this.changeRelief(change),
    });
    byId("section").addEventListener("click", () => void this.startSection());
    view.map.getCanvas().addEventListener("keydown", (event) => this.key(event));
  }

  /** Whether a click on the map belongs to a tool. */
  get takesClicks(): boolean {
    return this.section?.drawsLine ?? false;
  }

  /** How the ground stands, for the permalink. */
  get choice(): ReliefChoice | null {
    return this.wanted;
  }

  /** Another catalogue: its layers are being drawn anew. */
  reset(layers: readonly LayerInfo[]): void {
    this.relief.forget();
    this.blocks.clear();
    this.fields.clear();
    this.layers = layers;
    byId("section").hidden = this.grounds().length === 0;
    this.apply(this.view.position().pitch === 0);
  }

  /** A link was followed. */
  follow(wanted: ReliefChoice | null): void {
    if (JSON.stringify(wanted) === JSON.stringify(this.wanted)) return;
    this.wanted = wanted;
    this.apply(false);
  }

  /** A layer has come onto the map: its buildings stand up where the ground does. */
  added(info: LayerInfo, style: StyleSpecification): void {
    if (this.wanted) void this.raise(info, style);
  }

  translate(): void {
    this.dock.translate(this.voice().say("close"));
    this.showRelief();
  }

  // --- the ground in 3D ------------------------------------------------------------------------------

  /** Layers of heights, best first: those whose bounds hold the place, visible ones, the finest. */
  private grounds(at: LonLat = this.centre()): LayerInfo[] {
    const merit = (info: LayerInfo) => [holds(info, at), this.hooks.isVisible(info.id), Boolean(info.assets.river), info.maxzoom].map(Number);
    const found = this.layers.filter(({ kind, assets }) => kind === "raster" && assets.section);
    const ranked = found.map((info) => ({ info, merit: merit(info) }));
    ranked.sort((a, b) => {
      const differing = a.merit.findIndex((value, index) => value !== b.merit[index]);
      return differing < 0 ? 0 : (b.merit[differing] ?? 0) - (a.merit[differing] ?? 0);
    });
    return ranked.map(({ info }) => info);
  }

  private centre(): LonLat {
    const { longitude, latitude } = this.view.position();
    return [longitude, latitude];
  }

  private toggleRelief(): void {
    this.wanted = this.wanted ? null : { layer: null, exaggeration: EXAGGERATION.usual };
    this.apply(true);
    const ground = this.ground();
    const { say, language } = this.voice();
    byId("announcement").textContent = ground
      ? say("reliefOn", { title: ground.layer.title[language], factor: ground.exaggeration })
      : say(this.grounds().length === 0 ? "reliefNone" : "reliefOff");
  }

  private changeRelief({ layer, exaggeration, shade }: { layer?: string; exaggeration?: number; shade?: boolean }): void {
    if (!this.wanted) return;
    if (shade !== undefined) this.shade = shade;
    this.wanted = { layer: layer ?? this.wanted.layer, exaggeration: exaggeration ?? this.wanted.exaggeration };
    this.apply(false);
  }

  private ground(): Ground | null {
    const grounds = this.grounds();
    const layer = grounds.find(({ id }) => id === this.wanted?.layer) ?? grounds[0];
    return this.wanted && layer ? { layer, exaggeration: this.wanted.exaggeration, shade: this.shade } : null;
  }

  /** Brings the map in line with what is wanted. A layer once chosen stays, wherever the map goes. */
  private apply(tilt: boolean): void {
    const ground = this.ground();
    if (this.wanted && this.layers.length > 0) {
      this.wanted = ground && { layer: ground.layer.id, exaggeration: ground.exaggeration };
    }
    this.relief.set(ground, tilt);
    for (const [info, style] of this.view.styles) {
      if (ground) void this.raise(info, style);
      else this.lower(info.id);
    }
    this.showRelief();
    this.hooks.changed();
  }

  private showRelief(): void {
    const ground = this.ground();
    const scene = ground?.layer.assets.mesh ? `3d?layer=${ground.layer.id}#lang=${this.hooks.language()}` : null;
    this.reliefPanel.show({ grounds: this.grounds(), ground, scene }, this.voice());
  }

  private async raise(info: LayerInfo, style: StyleSpecification): Promise<void> {
    if (this.blocks.has(info.id) || info.kind !== "vector" || !/polygon|mixed/.test(info.geometry ?? "")) return;
    this.blocks.set(info.id, []);
    try {
      const fields = await this.fieldsOf(info);
      if (!fields || !this.wanted || !this.view.has(info.id) || !this.blocks.has(info.id)) return;
      const layers = blocks(style, fields);
      this.view.extend(info.id, layers, this.layers.indexOf(info));
      this.blocks.set(info.id, layers.map(({ id }) => id));
    } catch (error) {
      this.fields.delete(info.id);
      this.blocks.delete(info.id);
      this.hooks.failed(`blocks-${info.id}`, error);
    }
  }

  private lower(id: string): void {
    this.view.shrink(id, this.blocks.get(id) ?? []);
    this.blocks.delete(id);
  }

  private fieldsOf(info: LayerInfo): Promise<HeightFields | null> {
    const known = this.fields.get(info.id) ?? this.api.json(info.tilejson).then(readFields);
    this.fields.set(info.id, known);
    return known;
  }

  // --- sections and rivers --------------------------------------------------------------------------

  private async startSection(): Promise<void> {
    const panel = await this.sectionPanel().catch((error: unknown) => this.hooks.failed("tools", error));
    if (!panel) return;
    if (panel.drawsLine) this.dock.close();
    else panel.start();
    this.pressed();
  }

  private async sectionPanel(): Promise<SectionPanel> {
    const { SectionPanel } = await import("./section-panel.ts");
    this.section ??= new SectionPanel(this.panelTools(), () => this.pressed());
    return this.section;
  }

  /** Opens the long profile of a layer's river. */
  async openRiver(id: string): Promise<void> {
    const info = this.layers.find((layer) => layer.id === id);
    if (!info?.assets.river) return;
    try {
      const { RiverPanel } = await import("./river-panel.ts");
      await new RiverPanel(this.panelTools(), (address, name) => this.save(address, name)).open(info);
    } catch (error) {
      this.hooks.failed("tools", error);
    }
  }

  private async save(address: string, name: string): Promise<void> {
    try {
      keep(await (await this.api.get(address)).blob(), name);
    } catch (error) {
      this.hooks.failed("bed", error);
    }
  }

  private pressed(): void {
    byId("section").setAttribute("aria-pressed", String(this.section !== null && this.dock.shows(this.section)));
  }

  private panelTools(): PanelTools {
    const { view, api, sketch, dock } = this;
    return { view, api, sketch, dock, voice: () => this.voice(), say: this.hooks.say, grounds: (at) => this.grounds(at) };
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || this.grounds().length === 0) return;
    const tool = KEYS[event.key];
    if (!tool) return;
    event.preventDefault();
    if (tool === "relief") this.toggleRelief();
    else void this.startSection();
  }

  private voice(): TwinVoice {
    return twinVoice(this.hooks.language());
  }
}

function holds({ bounds }: LayerInfo, [lon, lat]: LonLat): boolean {
  return bounds !== null && lon >= bounds[0] && lon <= bounds[2] && lat >= bounds[1] && lat <= bounds[3];
}

function readFields(tilejson: unknown): HeightFields | null {
  const { vector_layers: layers } = (tilejson ?? {}) as { vector_layers?: { fields?: Record<string, unknown> }[] };
  return heightFields((layers ?? []).flatMap(({ fields }) => Object.keys(fields ?? {})));
}
