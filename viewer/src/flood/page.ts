// Ties the page at `/flood` together: key, editor, list of runs, the run that is open, map, player, address bar.
import { Api, type LayerInfo } from "../api.ts";
import { byId } from "../dom.ts";
import { loadFonts } from "../fonts.ts";
import { MapView } from "../map/view.ts";
import { storedKey, storeKey } from "../session.ts";
import { speaking } from "../texts.ts";
import { plainWords, statusOf } from "../trouble.ts";
import { keep } from "../ui/download.ts";
import { Notices } from "../ui/notices.ts";
import { askedLanguage, otherLanguage, translateFrame } from "../ui/office-page.ts";
import { Backdrop } from "./backdrop.ts";
import { Clock } from "./clock.ts";
import { serveDifferences } from "./difference.ts";
import { DraftMap } from "./draft-map.ts";
import { Editor } from "./editor.ts";
import { type Box, type Place } from "./geo.ts";
import { showLegend } from "./legend.ts";
import { type FloodLink, readLink, type Show, writeLink } from "./link.ts";
import type { Pack } from "./pack.ts";
import { Parting } from "./parting.ts";
import { PickTool } from "./pick-tool.ts";
import { Player } from "./player.ts";
import { PointCard } from "./point-card.ts";
import { Result } from "./result.ts";
import { RunsList } from "./runs-list.ts";
import type { Recorded } from "./series.ts";
import { layerNamed, type Run, Service, titleOf } from "./service.ts";
import { Stage } from "./stage.ts";
import { type FloodVoice, speakingFlood } from "./texts.ts";
import { notPublishedWords } from "./words.ts";

const NARROW = "(max-width: 720px)";
const TABS = ["make", "runs", "result"] as const;
type Tab = (typeof TABS)[number];

interface Open {
  run: Run;
  other: Run | null;
  show: Show;
  most: number;
  names: { kind: Recorded["kind"]; name: string }[];
}

export class FloodPage {
  private readonly api: Api;
  private readonly service: Service;
  private readonly notices = new Notices();
  private voice: FloodVoice;
  private link: FloodLink;
  private layers: LayerInfo[] = [];
  private tab: Tab = "make";
  private opened: Open | null = null;
  private opening = new AbortController();
  private view!: MapView;
  private editor!: Editor;
  private list!: RunsList;
  private result!: Result;
  private stage!: Stage;
  private player!: Player;
  private pick!: PickTool;
  private parting!: Parting;
  private card!: PointCard;
  private backdrop!: Backdrop;

  constructor(base: URL) {
    this.api = new Api(base, storedKey);
    this.service = new Service(this.api);
    this.link = readLink(location.hash);
    const language = askedLanguage();
    this.voice = { language, say: speakingFlood(language) };
  }

  async start(): Promise<void> {
    this.wire();
    translateFrame("flood", this.voice, this.voice.say("title"));
    await loadFonts().catch((error: unknown) => console.warn(error));
    try {
      this.view = new MapView(byId("map"), this.api, this.link.position);
    } catch (error) {
      console.error(error);
      this.tell("webgl", speaking(this.voice.language)("errorWebgl"));
      return;
    }
    this.build();
    await this.view.ready();
    this.translate();
    await this.load();
    if (this.link.run) await this.openById(this.link.run, this.link.other, this.link.show, this.link.time);
    this.settle();
  }

  // --- parts -------------------------------------------------------------------------------------------

  private build(): void {
    const { view, api, service } = this;
    const voice = () => this.voice;
    const words = (error: unknown) => this.words(error);
    const layers = () => this.layers;
    const map = new DraftMap(view);
    serveDifferences(api);
    this.pick = new PickTool(view, (said) => this.guide(said));
    this.stage = new Stage(view, api, { drawn: () => this.expectIdle(), failed: (error) => this.tell("frames", words(error)) });
    this.player = new Player({ ready: (time) => this.stage.ready(time), moved: (time, settled) => this.moved(time, settled) }, voice);
    this.parting = new Parting((at) => this.stage.part(at));
    this.card = new PointCard(api, map, { voice, words, seek: (time) => this.player.seek(time) });
    this.backdrop = new Backdrop(view, api, byId("backdrop"), voice, (error) => this.tell("backdrop", words(error)));
    this.list = new RunsList(byId("panel-runs"), service, {
      ...{ voice, words, open: (run) => void this.openById(run.id, null, null, null) },
      changed: () => void this.runsChanged(),
      announce: (said) => this.announce(said),
    });
    this.editor = new Editor(byId("panel-make"), service, this.pick, map, {
      ...{ voice, layers, words, runs: () => this.list.runs, mayRun: () => this.list.mayRun },
      started: (id) => void this.started(id),
      terrainChosen: (layer) => this.terrainChosen(layer),
      goTo: (box) => this.goTo(box),
    });
    this.result = new Result(byId("panel-result"), {
      ...{ voice, layers, words, runs: () => this.list.runs },
      show: (show) => this.show(show),
      compare: (id) => this.opened && void this.openById(this.opened.run.id, id, null, this.player.time),
      fade: (opacity) => this.stage.fade(opacity),
      close: () => this.closeRun(),
      seek: (time) => this.player.seek(time),
      recorded: (kind, name) => service.recorded(this.opened?.run.id ?? "", kind, name),
      names: () => this.opened?.names ?? [],
      download: async (address, name) => keep(await (await api.get(address)).blob(), name),
      edit: (run) => void this.edit(run),
    });
    this.wireMap();
  }

  private wireMap(): void {
    const { map } = this.view;
    map.on("click", ({ lngLat, originalEvent }) => {
      if (!originalEvent.defaultPrevented) this.ask([lngLat.lng, lngLat.lat], false);
    });
    map.getCanvas().addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.defaultPrevented) return;
      const { lng, lat } = map.getCenter();
      this.ask([lng, lat], true);
    });
    map.on("error", ({ error }) => {
      if (statusOf(error) === null) console.error(error);
      this.tell(`map-${statusOf(error) ?? "other"}`, this.words(error));
    });
    map.on("moveend", () => this.remember());
    map.on("dataloading", () => this.busy());
    map.on("movestart", () => this.busy());
    map.on("idle", () => this.settle());
    Object.assign(window, { naruMap: map });
  }

  private wire(): void {
    for (const tab of TABS) byId(`tab-${tab}`).addEventListener("click", () => this.choose(tab));
    byId("tabs").addEventListener("keydown", (event) => this.tabKey(event));
    byId("language").addEventListener("click", () => {
      const language = otherLanguage(this.voice.language);
      this.voice = { language, say: speakingFlood(language) };
      this.translate();
      this.remember();
    });
    byId("panel-fold").addEventListener("click", () => this.fold(!byId("panel").classList.contains("folded")));
    byId("key-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const key = byId<HTMLInputElement>("key-input").value.trim();
      if (key) void this.useKey(key);
    });
    byId("key-remove").addEventListener("click", () => void this.useKey(null));
    byId("skip").addEventListener("click", (event) => {
      event.preventDefault();
      this.view?.map.getCanvas().focus();
    });
    byId("zoom-in").addEventListener("click", () => this.view?.map.zoomIn());
    byId("zoom-out").addEventListener("click", () => this.view?.map.zoomOut());
    byId("home").addEventListener("click", () => this.home());
    byId("guide-centre").addEventListener("click", () => this.pick?.addCentre());
    byId("guide-cancel").addEventListener("click", () => this.pick?.cancel());
    // what stands at the foot of the map must know how high the rest there is
    for (const [name, id] of [["--sources", "attribution"], ["--panel", "panel"], ["--player", "player"]] as const) {
      const part = byId(id);
      new ResizeObserver(() => document.documentElement.style.setProperty(name, `${part.offsetHeight}px`)).observe(part);
    }
    window.addEventListener("hashchange", () => void this.follow(readLink(location.hash)));
  }

  // --- catalogue and key ---------------------------------------------------------------------------------

  private async load(): Promise<void> {
    this.notices.clear("catalogue");
    try {
      this.layers = await this.api.layers();
    } catch (error) {
      if (storedKey() !== null && [401, 403].includes(statusOf(error) ?? 0)) {
        storeKey(null);
        this.describeKey(this.words(error));
        return this.load();
      }
      this.notices.show("catalogue", this.words(error), speaking(this.voice.language), () => void this.load());
      return;
    }
    await this.list.load();
    this.describeKey(null);
    this.editor.ready();
    if (!this.link.position && !this.link.run && this.editor.terrain?.bounds) this.goTo(this.editor.terrain.bounds as Box, false);
    this.choose(this.link.run ? "result" : this.tab === "result" ? "runs" : this.tab);
  }

  private async useKey(key: string | null): Promise<void> {
    storeKey(key);
    byId<HTMLInputElement>("key-input").value = "";
    this.list.forget();
    this.closeRun();
    this.layers = [];
    await this.load();
    this.settle();
  }

  private describeKey(trouble: string | null): void {
    const { say } = this.voice;
    const message = byId("key-message");
    message.textContent = trouble ?? (storedKey() === null ? "" : say(this.list.mayRun ? "keyRuns" : "keySees"));
    message.classList.toggle("bad", trouble !== null);
    byId("key-remove").hidden = storedKey() === null;
    if (trouble) byId<HTMLDetailsElement>("key-section").open = true;
  }

  /** Runs have come or ended: their layers may be new. */
  private async runsChanged(): Promise<void> {
    const known = new Set(this.layers.map(({ id }) => id));
    const missing = this.list.runs.some(({ layers }) => layers.some((id) => !known.has(id)));
    if (missing) await this.api.layers().then((layers) => (this.layers = layers), (error: unknown) => this.tell("catalogue", this.words(error)));
    this.editor.refresh();
  }

  private async started(id: string): Promise<void> {
    this.choose("runs");
    await this.list.load();
    this.announce(this.voice.say("started", { name: this.nameOf(id) }));
    byId("tab-runs").focus();
  }

  private nameOf(id: string): string {
    const run = this.list.find(id);
    return run ? titleOf(run, this.voice.language) : id;
  }

  private terrainChosen(layer: LayerInfo | null): void {
    this.backdrop.around(this.layers, layer, new Set(this.list.runs.flatMap(({ layers }) => layers)));
    this.describeSources();
  }

  // --- a run -----------------------------------------------------------------------------------------------

  private async openById(id: string, otherId: string | null, show: Show | null, time: number | null): Promise<void> {
    this.opening.abort();
    this.opening = new AbortController();
    const { signal } = this.opening;
    this.busy();
    this.notices.clear("run");
    try {
      const [run, other] = await Promise.all([this.service.run(id), otherId ? this.service.run(otherId) : null]);
      await this.runsChanged();
      const depths = [run, ...(other ? [other] : [])].map((one) => layerNamed(one, "depth", this.layers));
      const possible = this.result.possible(run, other !== null);
      if (!possible[0] || (other && depths.includes(null))) throw new Error(notPublishedWords(run, this.voice));
      const [packs, names] = await Promise.all([this.stage.load(depths.includes(null) ? [] : (depths as LayerInfo[]), signal), this.service.names(id)]);
      const most = Math.max(0, ...packs.map(({ mostDepth }) => mostDepth));
      this.opened = { run, other, show: show && possible.includes(show) ? show : possible[0], most, names };
      this.list.mark(id);
      this.choose("result");
      this.play(packs);
      this.show(this.opened.show);
      if (packs.length > 0) this.player.seek(time ?? this.player.end);
      const bounds = packs[0]?.bounds ?? layerNamed(run, possible[0], this.layers)?.bounds;
      if (!this.link.position && bounds) this.goTo(bounds as Box, false);
      this.link = { ...this.link, position: null };
      this.announce(this.voice.say("runOpened", { name: titleOf(run, this.voice.language) }));
    } catch (error) {
      if (signal.aborted) return;
      this.closeRun();
      this.tell("run", this.words(error));
    }
    this.expectIdle();
  }

  /** The player goes over all times of the animations; without any it is away. */
  private play(packs: readonly Pack[]): void {
    const [first] = packs;
    if (!first) return this.player.close();
    const times = [...new Set(packs.flatMap((one) => one.times))].sort((a, b) => a - b);
    this.player.open(new Clock(times), first.start);
  }

  private show(show: Show): void {
    const { opened } = this;
    if (!opened) return;
    opened.show = show;
    const { run, other, most } = opened;
    const ending = show === "difference" ? "max-depth" : show;
    const rasters = [run, ...(other ? [other] : [])].flatMap((one) => layerNamed(one, ending, this.layers) ?? []);
    this.stage.show({ show, rasters, most });
    this.stage.seek(this.player.time ?? 0);
    this.result.open(run, other, show);
    const { language } = this.voice;
    this.parting.show(other && show === "depth" ? [titleOf(run, language), titleOf(other, language)] : null, this.voice);
    showLegend(show, rasters[0] ?? null, most, this.voice);
    byId("player").classList.toggle("aside", show !== "depth");
    this.describeSources();
    this.remember();
    this.expectIdle();
  }

  /** A run's scenario comes into the editor, for another run with something changed. */
  private async edit(run: Run): Promise<void> {
    const address = run.files["scenario"];
    if (!address) return;
    try {
      const text = await (await this.api.get(address)).text();
      this.closeRun();
      this.choose("make");
      await this.editor.take(text, titleOf(run, this.voice.language));
    } catch (error) {
      this.tell("run", this.words(error));
    }
  }

  private closeRun(): void {
    this.opening.abort();
    this.opened = null;
    this.stage.clear();
    this.player.close();
    this.result.close();
    this.card.close();
    this.list.mark(null);
    this.parting.show(null, this.voice);
    showLegend(null, null, 0, this.voice);
    if (this.tab === "result") this.choose("runs");
    this.remember();
  }

  private moved(time: number, settled: boolean): void {
    this.stage.seek(time);
    this.result.mark(time);
    this.card.mark(time);
    if (settled) this.remember();
  }

  /** The depth over time at a place, of each run that is open. */
  private ask(place: Place, byKeyboard: boolean): void {
    const { opened } = this;
    if (!opened || this.pick.active) return;
    const runs = [opened.run, ...(opened.other ? [opened.other] : [])];
    const asked = runs.flatMap((run) => {
      const layer = layerNamed(run, "depth", this.layers);
      return layer ? [{ layer: layer.id, name: titleOf(run, this.voice.language) }] : [];
    });
    if (asked.length > 0) void this.card.ask(asked, place, this.player.time ?? 0, byKeyboard);
  }

  // --- tabs, words, address bar ------------------------------------------------------------------------------

  private choose(tab: Tab): void {
    this.tab = tab === "result" && !this.opened && !this.link.run ? "runs" : tab;
    for (const one of TABS) {
      const on = one === this.tab;
      byId(`panel-${one}`).hidden = !on;
      const button = byId<HTMLButtonElement>(`tab-${one}`);
      button.setAttribute("aria-selected", String(on));
      button.tabIndex = on ? 0 : -1;
    }
    byId<HTMLButtonElement>("tab-result").disabled = !this.opened && !this.link.run;
    byId("panel-body").scrollTop = 0;
    this.editor?.showDrawing(this.tab === "make");
  }

  private tabKey(event: KeyboardEvent): void {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const open = TABS.filter((tab) => !byId<HTMLButtonElement>(`tab-${tab}`).disabled);
    const next = open[(open.indexOf(this.tab) + step + open.length) % open.length] as Tab;
    this.choose(next);
    byId(`tab-${next}`).focus();
  }

  private fold(folded: boolean): void {
    byId("panel").classList.toggle("folded", folded);
    byId("panel-fold").setAttribute("aria-expanded", String(!folded));
    byId("panel-fold").setAttribute("aria-label", this.voice.say(folded ? "unfold" : "fold"));
  }

  private guide(words: string | null): void {
    byId("guide").hidden = words === null;
    byId("guide-words").textContent = words ?? "";
    if (words) this.announce(words);
    if (window.matchMedia(NARROW).matches) this.fold(words !== null);
  }

  private translate(): void {
    const { voice } = this;
    translateFrame("flood", voice, voice.say("title"));
    this.fold(byId("panel").classList.contains("folded"));
    this.describeKey(null);
    this.view.map.getCanvas().setAttribute("aria-label", voice.say("mapHelp"));
    this.editor.render();
    this.list.render();
    this.player.translate();
    this.pick.translate();
    this.backdrop.render();
    this.card.translate();
    if (this.opened) this.show(this.opened.show);
    this.describeSources();
  }

  /** A link was typed or pasted into this tab, or the reader went back. */
  private async follow(link: FloodLink): Promise<void> {
    if (link.position) this.view.jump(link.position);
    if (link.language && link.language !== this.voice.language) {
      this.voice = { language: link.language, say: speakingFlood(link.language) };
      this.translate();
    }
    const { opened } = this;
    if (!link.run) {
      if (opened) this.closeRun();
    } else if (link.run !== opened?.run.id || link.other !== (opened.other?.id ?? null)) {
      this.link = link;
      await this.openById(link.run, link.other, link.show, link.time);
    } else {
      if (link.show && link.show !== opened.show) this.show(link.show);
      if (link.time !== null) this.player.seek(link.time);
    }
  }

  private remember(): void {
    if (!this.view || (this.link.run && !this.opened)) return;
    const { opened } = this;
    const link: FloodLink = {
      ...{ run: opened?.run.id ?? null, other: opened?.other?.id ?? null, show: opened?.show ?? null },
      ...{ time: this.player.time, position: this.view.position(), language: this.voice.language },
    };
    if (!this.player.playing) history.replaceState(null, "", writeLink(link));
  }

  private home(): void {
    const box = this.opened ? layerNamed(this.opened.run, "max-depth", this.layers)?.bounds : this.editor.terrain?.bounds;
    if (box) this.goTo(box as Box);
  }

  private goTo(box: Box, animate = true): void {
    const narrow = window.matchMedia(NARROW).matches;
    const folded = byId("panel").classList.contains("folded");
    const panel = byId("panel").offsetHeight;
    const padding = narrow ? { top: 60, left: 20, right: 20, bottom: panel + byId("player").offsetHeight + 30 } : { top: 50, right: 80, bottom: 110, left: folded ? 60 : 440 };
    this.view.fit(box as [number, number, number, number], padding, animate);
  }

  private describeSources(): void {
    const shown = [...(this.backdrop?.shown ?? []), ...(this.opened ? this.layers.filter(({ id }) => this.opened?.run.layers.includes(id)) : [])];
    const sources = shown.flatMap(({ attribution }) => (attribution ? [attribution] : []));
    byId("attribution").hidden = sources.length === 0;
    byId("attribution-text").textContent = [...new Set(sources)].join(" · ");
  }

  private words(error: unknown): string {
    if (statusOf(error) === null && error instanceof Error && !("status" in error)) return error.message;
    return plainWords(error, speaking(this.voice.language));
  }

  private tell(topic: string, words: string): void {
    this.notices.show(topic, words, speaking(this.voice.language));
  }

  private announce(words: string): void {
    byId("announcement").textContent = words;
  }

  private busy(): void {
    document.documentElement.dataset["mapState"] = "busy";
  }

  private expectIdle(): void {
    this.view.map.triggerRepaint();
  }

  /** `data-map-state` is `idle` once everything asked for has been drawn (tests and screenshots wait for it). */
  private settle(): void {
    if (!this.view?.map.loaded() || !this.stage.ready(this.player.time ?? 0) || (this.link.run && !this.opened && !document.querySelector(".notice"))) return;
    document.documentElement.dataset["mapState"] = "idle";
  }
}
