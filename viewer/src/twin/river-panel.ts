// The river panel: the long profile by reach, a surveyed section, how well the bed is known, files.
import type { LayerInfo } from "../api.ts";
import { button, byId, el } from "../dom.ts";
import type { Bounds } from "../map/view.ts";
import { plainWords } from "../trouble.ts";
import { freeRoom } from "../ui/page.ts";
import { type DockContent, figureTable, tableOnDemand } from "./dock.ts";
import { drawPlot, type Plot, plotLegend } from "./plot.ts";
import { askRiver, placeAt, type Reach, type River, type RiverSection, type Score, type Source } from "./river.ts";
import { axisOf, height, scaleWords, surveyedPlot, told } from "./section-chart.ts";
import type { PanelTools } from "./section-panel.ts";
import { distanceText, metres, type TwinTextId, type TwinVoice } from "./texts.ts";

type State = { kind: "loading" } | { kind: "failed"; error: unknown } | { kind: "shown"; river: River };

const DOCK_MARGIN = 60; // CSS pixels between the dock's upper edge and what the map shows above it, and the dock's own

export class RiverPanel implements DockContent {
  private state: State = { kind: "loading" };
  private layer: LayerInfo | null = null;
  private reach = 0;
  private section: RiverSection | null = null;
  private stop: (() => void)[] = [];

  constructor(
    private readonly tools: PanelTools,
    private readonly save: (address: string, name: string) => Promise<void>,
  ) {}

  async open(layer: LayerInfo): Promise<void> {
    this.layer = layer;
    this.state = { kind: "loading" };
    [this.reach, this.section] = [0, null];
    this.tools.dock.open(this, true);
    try {
      const river = await askRiver(this.tools.api, layer.assets.river ?? "");
      if (this.layer === layer) this.state = { kind: "shown", river };
    } catch (error) {
      if (this.layer === layer) this.state = { kind: "failed", error };
    }
    if (!this.tools.dock.shows(this)) return;
    this.tools.dock.refill();
    if (layer.bounds && this.state.kind === "shown") requestAnimationFrame(() => this.show(layer.bounds as Bounds)); // the dock has its height by then
  }

  /** Moves the map so that `bounds` lie above the dock. */
  private show(bounds: Bounds): void {
    const room = freeRoom();
    const bottom = Math.max(room.bottom, byId("dock").offsetHeight + DOCK_MARGIN);
    if (this.tools.dock.isOpen) this.tools.view.fit(bounds, { ...room, bottom }, true);
  }

  title(): string {
    return this.say("riverOf", { title: this.layer?.title[this.tools.voice().language] ?? "" });
  }

  left(): void {
    this.stopPlots();
    this.tools.sketch.clear();
    this.layer = null;
  }

  fill(body: HTMLElement): void {
    this.stopPlots();
    const { state } = this;
    if (state.kind === "loading") body.replaceChildren(el("p", { class: "quiet", role: "status" }, this.say("sectionLoading")));
    else if (state.kind === "failed") body.replaceChildren(el("p", { class: "bad", role: "alert" }, plainWords(state.error, this.tools.say())));
    else body.replaceChildren(...this.parts(state.river));
  }

  private parts(river: River): HTMLElement[] {
    const reach = river.reaches[this.reach];
    if (!reach) return [el("p", {}, this.say("sectionNothing"))];
    const voice = this.tools.voice();
    const chart = el("div", { class: "plot-place", id: "river-chart" });
    queueMicrotask(() => this.stop.push(drawPlot(chart, this.plot(river, reach))));
    this.sketch(reach);
    return [
      el("div", { class: "dock-row" }, ...this.choices(river, reach)),
      chart,
      profileLegend(voice),
      ...this.sectionParts(river, reach),
      tableOnDemand(voice.say("table"), () => profileTable(reach, voice)),
      quality(river, voice),
      ...this.files(),
    ];
  }

  /** The reach's sections stand on the map while the panel is open. */
  private sketch(reach: Reach): void {
    this.tools.sketch.draw({ line: [], sections: reach.sections.map(({ line }) => line), chosen: this.section?.line ?? null });
  }

  private choices(river: River, reach: Reach): HTMLElement[] {
    const { say, language } = this.tools.voice();
    const reaches = el("select", { id: "river-reach" }, ...river.reaches.map(({ id }, index) => el("option", { value: index, selected: index === this.reach }, id)));
    reaches.addEventListener("change", () => {
      [this.reach, this.section] = [Number(reaches.value), null];
      this.refill("river-reach");
    });
    const name = ({ id, chainage }: RiverSection) => say("sectionNamed", { id, chainage: distanceText(chainage, language) });
    const options = reach.sections.map((one, index) => el("option", { value: index, selected: one === this.section }, name(one)));
    const sections = el("select", { id: "river-section" }, el("option", { value: "" }, say("noSection")), ...options);
    sections.addEventListener("change", () => this.choose(sections.value === "" ? null : (reach.sections[Number(sections.value)] ?? null), "river-section"));
    return [
      ...(river.reaches.length > 1 ? [el("label", { class: "dock-choice", for: "river-reach" }, say("reach"), reaches)] : []),
      el("label", { class: "dock-choice", for: "river-section" }, say("chosenSection"), sections),
    ];
  }

  private choose(section: RiverSection | null, focus: string | null): void {
    this.section = section;
    this.refill(focus);
    if (section) requestAnimationFrame(() => byId("river-section-chart").scrollIntoView({ block: "nearest" }));
  }

  private refill(focus: string | null): void {
    this.tools.dock.refill();
    if (focus) byId(focus).focus({ preventScroll: true });
  }

  private plot(river: River, reach: Reach): Plot {
    const voice = this.tools.voice();
    const { say, language } = voice;
    const rows = (index: number) => readings(reach, index, voice);
    const place = (index: number) => distanceText(reach.chainage[index] ?? 0, language);
    return {
      title: this.title(),
      description: `${say("reach")} ${reach.id}, ${say("length", { length: distanceText(reach.chainage.at(-1) ?? 0, language) })}`,
      axisX: say("chainageAxis"),
      axisY: axisOf(river.datum, voice),
      language,
      lines: PROFILE.filter(([, , of]) => of(reach).some((value) => value !== null)).map(([kind, label, of]) => ({
        ...{ kind, label: say(label), x: reach.chainage, y: of(reach), ground: kind === "bed" },
      })),
      water: { x: reach.chainage, bed: reach.thalweg, surface: reach.stage },
      marks: reach.sections.map((one) => ({
        x: one.chainage,
        kind: one === this.section ? "chosen" : "section",
        words: one === this.section ? one.id : "",
        press: () => this.choose(one, null),
      })),
      band: [],
      stops: reach.chainage,
      read: (index) => ({ place: place(index), values: rows(index) }),
      tell: (index) => told(place(index), rows(index), voice),
      cursorName: say("cursorName"),
      follow: (index) => this.tools.sketch.draw({ cursor: index === null ? null : placeAt(reach, reach.chainage[index] ?? 0) }),
      scale: scaleWords(voice),
    };
  }

  private sectionParts(river: River, reach: Reach): HTMLElement[] {
    const { section } = this;
    if (!section) return [];
    const voice = this.tools.voice();
    const chart = el("div", { class: "plot-place", id: "river-section-chart" });
    const plot = surveyedPlot(section, reach, voice, (cursor) => this.tools.sketch.draw({ cursor }), river.datum);
    queueMicrotask(() => this.stop.push(drawPlot(chart, plot)));
    const zoom = button(voice.say("zoomSection"), "line-button", () => this.zoom(section));
    const head = el("div", { class: "dock-row" }, el("h3", {}, voice.say("sectionChart", { id: section.id })), zoom);
    return [head, chart, tableOnDemand(voice.say("table"), () => sectionFigures(section, voice))];
  }

  private zoom({ line }: RiverSection): void {
    const lons = line.map(([lon]) => lon);
    const lats = line.map(([, lat]) => lat);
    this.show([Math.min(...lons), Math.min(...lats), Math.max(...lons), Math.max(...lats)]);
  }

  private files(): HTMLElement[] {
    const bed = Object.entries(this.layer?.assets.bed ?? {});
    if (bed.length === 0 || !this.layer) return [];
    const { id } = this.layer;
    const buttons = bed.map(([kind, address]) => {
      const words = this.say(`files_${kind}` as TwinTextId);
      return button(words, "line-button", () => void this.save(address, `${id}-bed.${kind}`));
    });
    return [el("h3", {}, this.say("bedFiles")), el("div", { class: "dock-row" }, ...buttons)];
  }

  private stopPlots(): void {
    for (const stop of this.stop) stop();
    this.stop = [];
  }

  private say(id: TwinTextId, values: Record<string, string | number> = {}): string {
    return this.tools.voice().say(id, values);
  }
}

const PROFILE: readonly [kind: string, label: TwinTextId, of: (reach: Reach) => readonly (number | null)[]][] = [
  ["bed", "thalweg", (reach) => reach.thalweg],
  ["left", "leftBank", (reach) => reach.left],
  ["right", "rightBank", (reach) => reach.right],
  ["water", "stage", (reach) => reach.stage],
];

function readings(reach: Reach, index: number, voice: TwinVoice): { label: string; text: string; kind: string }[] {
  return PROFILE.flatMap(([kind, label, of]) => {
    const value = of(reach)[index] ?? null;
    return value === null ? [] : [{ label: voice.say(label), text: height(value, voice), kind }];
  });
}

function profileLegend({ say }: TwinVoice): HTMLElement {
  return plotLegend([
    ...PROFILE.map(([kind, label]) => ({ kind, label: say(label) })),
    { kind: "tick", label: say("chosenSection") },
  ]);
}

function profileTable(reach: Reach, { say, language }: TwinVoice): HTMLElement {
  const every = Math.max(1, Math.floor(reach.chainage.length / 100));
  const cell = (value: number | null | undefined) => (value === null || value === undefined ? "–" : value.toLocaleString(language, { maximumFractionDigits: 2, minimumFractionDigits: 2 }));
  const rows = reach.chainage.flatMap((chainage, index) =>
    index % every === 0 || index === reach.chainage.length - 1 ? [[cell(chainage), ...PROFILE.map(([, , of]) => cell(of(reach)[index]))]] : [],
  );
  return figureTable(say("river"), [say("chainageAxis"), ...PROFILE.map(([, label]) => `${say(label)} (m)`)], rows);
}

function sectionFigures({ id, station, bed }: RiverSection, voice: TwinVoice): HTMLElement {
  const { say, language } = voice;
  const cell = (value: number | null | undefined) => (value === null || value === undefined ? "–" : value.toLocaleString(language, { maximumFractionDigits: 2, minimumFractionDigits: 2 }));
  return figureTable(say("sectionChart", { id }), [say("stationAxis"), say("elevationAxis")], station.map((at, index) => [cell(at), cell(bed[index])]));
}

// --- how well the bed is known -----------------------------------------------------------------------

function quality(river: River, voice: TwinVoice): HTMLElement {
  const { say, language } = voice;
  const facts: [TwinTextId, string | null][] = [
    ["method", river.method && methodWords(river.method, voice)],
    ["volumeChange", river.volumeChange === null ? null : `${river.volumeChange.toLocaleString(language, { maximumFractionDigits: 0 })} m³`],
    ["bankStep", river.bankStep === null ? null : metres(river.bankStep, language)],
    ["datum", river.datum],
  ];
  const known = facts.filter((fact): fact is [TwinTextId, string] => fact[1] !== null);
  const list = (texts: readonly string[]) => el("ul", { class: "dock-list" }, ...texts.map((text) => el("li", {}, text)));
  return el(
    "section",
    { class: "river-quality" },
    el("h3", {}, say("quality")),
    el("dl", { class: "facts" }, ...known.flatMap(([id, text]) => [el("dt", {}, say(id)), el("dd", {}, text)])),
    ...scores(river, voice),
    ...(river.sources.length > 0 ? [el("h4", {}, say("sources")), list(river.sources.map((one) => sourceWords(one, voice)))] : []),
    el("h4", {}, say("warnings")),
    list(river.warnings.length > 0 ? river.warnings : [say("noWarnings")]),
  );
}

const ROLES: ReadonlySet<string> = new Set(["ground", "sections", "soundings", "centreline", "banks", "islands", "levees", "bridges", "buildings"]);
const METHODS: ReadonlySet<string> = new Set(["linear", "pchip", "aligned", "kriging", "aligned-kriging"]);

function sourceWords({ role, words }: Source, { say }: TwinVoice): string {
  if (role === null) return words;
  return `${ROLES.has(role) ? say(`role_${role}` as TwinTextId) : role}: ${words}`;
}

/** What a method does, behind the name by which `terrain.yaml` asks for it. */
function methodWords(method: string, { say }: TwinVoice): string {
  return METHODS.has(method) ? `${method} (${say(`method_${method}` as TwinTextId)})` : method;
}

function scores(river: River, voice: TwinVoice): HTMLElement[] {
  const { say } = voice;
  const whole = river.scores.filter(({ section }) => section === null);
  const apart = river.scores.filter(({ section }) => section !== null);
  if (river.scores.length === 0) return [];
  const parts: HTMLElement[] = [el("h4", {}, say("leaveOneOut")), el("p", { class: "quiet" }, say("leaveOneOutHelp"))];
  if (whole.length > 0) parts.push(scoreTable(whole, river.method, voice));
  if (apart.length > 0) parts.push(tableOnDemand(say("perSection"), () => scoreTable(apart, river.method, voice)));
  return parts;
}

function scoreTable(rows: readonly Score[], chosen: string | null, voice: TwinVoice): HTMLElement {
  const { say, language } = voice;
  const cell = (value: number | null) => (value === null ? "–" : value.toLocaleString(language, { minimumFractionDigits: 3, maximumFractionDigits: 3 }));
  const bySection = rows.some(({ section }) => section !== null);
  const name = ({ method }: Score) => (bySection ? method : methodWords(method, voice) + (method === chosen ? ` · ${say("methodChosen")}` : ""));
  const heads = [say("method"), ...(bySection ? [say("chosenSection")] : []), `${say("rmse")} (m)`, `${say("bias")} (m)`, `${say("thalwegRmse")} (m)`];
  return figureTable(
    say("leaveOneOut"),
    heads,
    rows.map((row) => [name(row), ...(row.section === null ? [] : [row.section]), cell(row.rmse), cell(row.bias), cell(row.thalweg)]),
  );
}
