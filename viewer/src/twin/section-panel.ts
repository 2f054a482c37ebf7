// The cross-section tool: a line is drawn, its heights are asked for, and stand in the dock as a chart and a table.
import type { Api, LayerInfo } from "../api.ts";
import { button, byId, el } from "../dom.ts";
import { LineTool } from "../map/line-tool.ts";
import type { Sketch } from "../map/sketch.ts";
import type { MapView } from "../map/view.ts";
import { plainWords } from "../trouble.ts";
import type { Translate } from "../texts.ts";
import { keep } from "../ui/download.ts";
import { freeRoom } from "../ui/page.ts";
import { type Dock, type DockContent, tableOnDemand } from "./dock.ts";
import { drawPlot } from "./plot.ts";
import { askRiver, type Reach, type RiverSection, sectionsNear } from "./river.ts";
import { askSection, type LonLat, type Section, sectionCsv, typedLine } from "./section.ts";
import { csvHeads, legendOf, sectionPlot, sectionTable, summary, surveyedPlot } from "./section-chart.ts";
import { metres, type TwinVoice } from "./texts.ts";

export interface PanelTools {
  view: MapView;
  api: Api;
  sketch: Sketch;
  dock: Dock;
  voice(): TwinVoice;
  /** The page's own words, for refusals. */
  say(): Translate;
  /** Layers whose heights may be asked for, best first for a place. */
  grounds(at?: LonLat): LayerInfo[];
}

type State =
  | { kind: "drawing"; points: number }
  | { kind: "loading"; line: LonLat[] }
  | { kind: "failed"; line: LonLat[]; error: unknown }
  | { kind: "shown"; line: LonLat[]; section: Section; near: Near[] };

type Near = [RiverSection, Reach, number];

const NEAR_M = 60;
const FINEST = "";

export class SectionPanel implements DockContent {
  private readonly tool: LineTool;
  private state: State = { kind: "drawing", points: 0 };
  /** The layer asked, FINEST for whichever has heights; null: the best for the line. */
  private wanted: string | null = null;
  private near: RiverSection | null = null;
  private typed: LonLat[] | null = null;
  private asked = 0;
  private stop: (() => void)[] = [];

  constructor(
    private readonly tools: PanelTools,
    private readonly changed: () => void,
  ) {
    this.tool = new LineTool(tools.view, tools.sketch, {
      drawing: (points) => this.drawing(points.length),
      finished: (line) => void this.ask(line),
      cancelled: () => tools.dock.close(),
    });
  }

  get drawsLine(): boolean {
    return this.tool.active;
  }

  /** Begins a line, with the map ready for clicks and keys. */
  start(): void {
    this.near = null;
    this.tools.sketch.clear();
    this.state = { kind: "drawing", points: 0 };
    this.tool.start();
    this.tools.dock.open(this, false);
    this.tools.view.map.getCanvas().focus({ preventScroll: true });
    byId("announcement").textContent = `${this.say("sectionHelp")} ${this.say("sectionKeys")}`;
  }

  title(): string {
    return this.say("section");
  }

  left(): void {
    this.asked += 1;
    this.stopPlots();
    this.tool.cancel();
    this.tools.sketch.clear();
    this.changed();
  }

  fill(body: HTMLElement): void {
    this.stopPlots();
    body.replaceChildren(...this.parts());
  }

  private drawing(points: number): void {
    this.state = { kind: "drawing", points };
    if (this.tools.dock.shows(this)) this.tools.dock.refill();
    if (points > 0) byId("announcement").textContent = this.say("sectionMore", { count: points });
  }

  private async ask(line: readonly LonLat[]): Promise<void> {
    const request = ++this.asked;
    this.near = null;
    this.tools.sketch.draw({ line, sections: [], chosen: null, cursor: null });
    this.state = { kind: "loading", line: [...line] };
    this.tools.dock.open(this, false);
    try {
      const layer = this.layerFor(line);
      const [section, near] = await Promise.all([askSection(this.tools.api, layer, line), this.sectionsBy(layer, line)]);
      if (request !== this.asked) return;
      this.state = { kind: "shown", line: [...line], section, near };
      this.tools.sketch.draw({ sections: near.map(([one]) => one.line) });
    } catch (error) {
      if (request !== this.asked) return;
      this.state = { kind: "failed", line: [...line], error };
    }
    this.tools.dock.refill();
    const { typed } = this;
    this.typed = null;
    requestAnimationFrame(() => {
      if (typed) this.goTo(typed, false); // the chart has given the dock its height by now
      else if (this.isCovered(line)) this.goTo(line, true);
    });
    if (this.state.kind === "shown") byId("announcement").textContent = summary(this.state.section, this.tools.voice());
  }

  private layerFor(line: readonly LonLat[]): LayerInfo | null {
    if (this.wanted === FINEST) return null;
    const grounds = this.tools.grounds(line[Math.floor(line.length / 2)]);
    return grounds.find(({ id }) => id === this.wanted) ?? grounds[0] ?? null;
  }

  private async sectionsBy(layer: LayerInfo | null, line: readonly LonLat[]): Promise<Near[]> {
    if (!layer?.assets.river) return [];
    return sectionsNear(await askRiver(this.tools.api, layer.assets.river), line, NEAR_M);
  }

  // --- what the dock shows ------------------------------------------------------------------------

  private parts(): HTMLElement[] {
    const { state } = this;
    if (state.kind === "drawing") return this.guide(state.points);
    if (state.kind === "loading") return [el("p", { class: "quiet", role: "status" }, this.say("sectionLoading"))];
    if (state.kind === "failed") {
      return [el("p", { class: "bad", role: "alert" }, plainWords(state.error, this.tools.say())), this.actions(state.line)];
    }
    return this.shown(state.line, state.section, state.near);
  }

  private guide(points: number): HTMLElement[] {
    const words = points === 0 ? this.say("sectionHelp") : this.say("sectionMore", { count: points });
    const centre = button(this.say("sectionCentre"), "line-button", () => this.tool.addCentre());
    const finish = button(this.say("sectionFinish"), "solid-button", () => this.tool.finish());
    finish.disabled = points < 2;
    return [
      el("p", {}, words),
      el("p", { class: "quiet" }, this.say("sectionKeys")),
      el("div", { class: "dock-row" }, centre, finish),
      this.typing(),
    ];
  }

  private typing(): HTMLElement {
    const input = el("input", { type: "text", id: "section-line", spellcheck: false, placeholder: "126.97,37.55; 126.98,37.56" });
    const message = el("p", { class: "bad", role: "alert" });
    const go = el("button", { type: "submit", class: "line-button" }, this.say("sectionFinish"));
    const label = el("label", { for: "section-line" }, this.say("sectionTyped"));
    const form = el("form", { class: "section-typing" }, label, el("div", { class: "dock-row" }, input, go), message);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const line = typedLine(input.value);
      if (!line) {
        message.textContent = this.say("sectionTypedBad");
        input.setAttribute("aria-invalid", "true");
        return;
      }
      this.follow(line);
    });
    return form;
  }

  /** A line that was typed: the map goes there once the dock has its size. */
  private follow(line: LonLat[]): void {
    this.typed = line;
    this.tool.finishWith(line);
  }

  /** Whether the dock hides part of a line. */
  private isCovered(line: readonly LonLat[]): boolean {
    const { map } = this.tools.view;
    const top = byId("dock").getBoundingClientRect().top - map.getContainer().getBoundingClientRect().top;
    return this.tools.dock.shows(this) && line.some(([lon, lat]) => map.project([lon, lat]).y > top);
  }

  private goTo(line: readonly LonLat[], animate: boolean): void {
    const lons = line.map(([lon]) => lon);
    const lats = line.map(([, lat]) => lat);
    const room = freeRoom();
    const bottom = Math.max(room.bottom, byId("dock").offsetHeight + 60);
    this.tools.view.fit([Math.min(...lons), Math.min(...lats), Math.max(...lons), Math.max(...lats)], { ...room, bottom }, animate);
  }

  private shown(line: LonLat[], section: Section, near: Near[]): HTMLElement[] {
    const voice = this.tools.voice();
    if (section.bed.every((height) => height === null)) {
      return [el("p", { role: "status" }, this.say("sectionNothing")), this.actions(line)];
    }
    const chart = el("div", { class: "plot-place", id: "section-chart" });
    const plot = sectionPlot(section, voice, (cursor) => this.tools.sketch.draw({ cursor }));
    queueMicrotask(() => this.stop.push(drawPlot(chart, plot)));
    return [
      el("p", { class: "plot-summary" }, summary(section, voice)),
      chart,
      legendOf(section, voice),
      this.actions(line, section),
      tableOnDemand(this.say("table"), () => sectionTable(section, voice)),
      ...this.nearby(near),
    ];
  }

  private actions(line: LonLat[], section?: Section): HTMLElement {
    const { language } = this.tools.voice();
    const grounds = this.tools.grounds(line[Math.floor(line.length / 2)]);
    const chosen = this.wanted ?? this.layerFor(line)?.id ?? FINEST;
    const option = (value: string, words: string) => el("option", { value, selected: value === chosen }, words);
    const layers = [...grounds.map(({ id, title }) => option(id, title[language])), option(FINEST, this.say("sectionFinest"))];
    const choice = el("select", { "aria-label": this.say("sectionOf") }, ...layers);
    choice.addEventListener("change", () => {
      this.wanted = choice.value;
      void this.ask(line);
    });
    const again = button(this.say("sectionClear"), "line-button", () => this.start());
    const csv = button(this.say("csv"), "line-button", () => {
      if (section) keep(new Blob([sectionCsv(section, csvHeads(this.tools.voice()))], { type: "text/csv" }), "section.csv");
    });
    return el("div", { class: "dock-row" }, choice, ...(section ? [csv] : []), again);
  }

  private nearby(near: Near[]): HTMLElement[] {
    if (near.length === 0) return [];
    const voice = this.tools.voice();
    const named = ([one, reach]: Near) => voice.say("sectionNamed", { id: one.id, chainage: `${reach.id} ${metres(one.chainage, voice.language, 0)}` });
    const options = near.map((one, index) => el("option", { value: index, selected: one[0] === this.near }, named(one)));
    const choice = el("select", { id: "section-near" }, el("option", { value: "" }, voice.say("noSection")), ...options);
    choice.addEventListener("change", () => {
      this.near = choice.value === "" ? null : (near[Number(choice.value)]?.[0] ?? null);
      this.tools.sketch.draw({ chosen: this.near?.line ?? null });
      this.tools.dock.refill();
      byId("section-near").focus();
    });
    const row = el("label", { class: "dock-row", for: "section-near" }, voice.say("sectionNear"), choice);
    const found = near.find(([one]) => one === this.near);
    if (!found) return [row];
    const chart = el("div", { class: "plot-place" });
    const plot = surveyedPlot(found[0], found[1], voice, (cursor) => this.tools.sketch.draw({ cursor }));
    queueMicrotask(() => this.stop.push(drawPlot(chart, plot)));
    return [row, chart];
  }

  private stopPlots(): void {
    for (const stop of this.stop) stop();
    this.stop = [];
  }

  private say(...[id, values]: Parameters<TwinVoice["say"]>): string {
    return this.tools.voice().say(id, values);
  }
}
