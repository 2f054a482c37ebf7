// A run that is open: what of it is on the map, what it recorded, its balance, and what it does not say.
import type { LayerInfo } from "../api.ts";
import { countText, momentText } from "../amounts.ts";
import { button, byId, el } from "../dom.ts";
import { figureTable } from "../twin/dock.ts";
import { recordedCharts } from "./charts.ts";
import { choice, labelled } from "./fields.ts";
import { membersPart, type MembersView } from "./members.ts";
import { type Show, SHOWS } from "./link.ts";
import { filesPart } from "./result-files.ts";
import type { Recorded } from "./series.ts";
import type { TimeChart } from "./series-chart.ts";
import { layerNamed, type Run, type RunFacts, titleOf } from "./service.ts";
import type { FloodTextId, FloodVoice } from "./texts.ts";
import { durationText, errorText, metresText, volumeText } from "./words.ts";

/** Above this a float32 run stops; the table says whether a run is below. */
const MOST_ERROR = 1e-6;

export interface ResultHooks {
  voice(): FloodVoice;
  layers(): readonly LayerInfo[];
  runs(): readonly Run[];
  show(show: Show): void;
  compare(id: string | null): void;
  fade(opacity: number): void;
  close(): void;
  seek(time: number): void;
  recorded(kind: Recorded["kind"], name: string): Promise<Recorded>;
  names(): { kind: Recorded["kind"]; name: string }[];
  download(address: string, name: string): Promise<void>;
  /** Takes the run's scenario into the editor. */
  edit(run: Run): void;
  words(error: unknown): string;
}

export class Result {
  private run: Run | null = null;
  private other: Run | null = null;
  private shown: Show = "depth";
  private charts: TimeChart[] = [];
  private chosen = "";
  private opacity = 0.85;
  private time = 0;
  private membersView: MembersView = { along: "", measure: "" };

  constructor(
    private readonly place: HTMLElement,
    private readonly hooks: ResultHooks,
  ) {}

  open(run: Run, other: Run | null, shown: Show): void {
    if (run.id !== this.run?.id) this.chosen = "";
    [this.run, this.other, this.shown] = [run, other, shown];
    this.render();
  }

  close(): void {
    this.run = this.other = null;
    this.endCharts();
    this.place.replaceChildren();
  }

  /** The player stands at `time`. */
  mark(time: number): void {
    this.time = time;
    for (const chart of this.charts) chart.mark(time);
  }

  render(): void {
    const { run } = this;
    if (!run) return;
    const focus = document.activeElement?.id;
    this.endCharts();
    this.place.replaceChildren(this.head(run), this.choices(run), ...this.comparing(run), ...membersPart(run, this.hooks.voice(), this.membersView), ...this.records(), ...this.balance(run), filesPart(run, this.hooks), this.limits(run));
    if (focus && this.place.querySelector(`#${CSS.escape(focus)}`)) byId(focus).focus();
  }

  /** What can be shown: what has layers; of two compared runs their depths and their difference. */
  possible(run: Run, compared: boolean): Show[] {
    const there = (show: Show) => layerNamed(run, show, this.hooks.layers()) !== null;
    return SHOWS.filter((show) => (show === "difference" ? compared : there(show) && (!compared || show === "depth")));
  }

  // --- parts -------------------------------------------------------------------------------------------

  private head(run: Run): HTMLElement {
    const { say, language } = this.hooks.voice();
    const title = el("h2", { id: "result-title", tabindex: -1 }, titleOf(run, language));
    const back = button(say("closeRun"), "text-button", () => this.hooks.close());
    const again = button(say("again"), "line-button", () => this.hooks.edit(run));
    again.hidden = !run.files["scenario"];
    return el("div", { class: "flood-part" }, el("div", { class: "flood-row result-head" }, title, back), el("p", { class: "quiet" }, this.summary(run.facts)), el("div", {}, again));
  }

  private summary(facts: RunFacts | null): string {
    if (!facts) return "";
    const { say, language } = this.hooks.voice();
    const parts: string[] = [];
    if (facts.scheme) parts.push(say(facts.scheme === "full" ? "full" : "inertial"));
    if (facts.active_cells && facts.cell_m) parts.push(say("cellsOf", { count: countText(facts.active_cells, language), metres: facts.cell_m }));
    if (facts.duration_s) parts.push(say("lasts", { time: durationText(facts.duration_s, this.hooks.voice()) }));
    if (facts.max_depth_m !== undefined) parts.push(say("deepest", { depth: metresText(facts.max_depth_m, language) }));
    if (facts.seconds) parts.push(say("took", { time: durationText(facts.seconds, this.hooks.voice()) }));
    return parts.join(" · ");
  }

  private choices(run: Run): HTMLElement {
    const { say } = this.hooks.voice();
    const radios = this.possible(run, this.other !== null).map((show) => {
      const input = el("input", { type: "radio", name: "show", id: `show-${show}`, value: show, checked: show === this.shown });
      input.addEventListener("change", () => this.hooks.show(show));
      return el("label", { for: input.id }, input, say(`show_${show}` as FloodTextId));
    });
    const slider = el("input", { type: "range", id: "flood-opacity", min: 0.2, max: 1, step: 0.05, value: this.opacity });
    slider.addEventListener("input", () => {
      this.opacity = Number(slider.value);
      this.hooks.fade(this.opacity);
    });
    return el(
      "fieldset",
      { class: "flood-part flood-shows" },
      el("legend", {}, say("shows")),
      ...radios,
      el("label", { class: "flood-opacity", for: "flood-opacity" }, el("span", {}, say("opacity")), slider),
    );
  }

  private comparing(run: Run): HTMLElement[] {
    const { say, language } = this.hooks.voice();
    if (!layerNamed(run, "depth", this.hooks.layers())) return [];
    const others = this.hooks.runs().filter((one) => one.id !== run.id && one.state === "done" && layerNamed(one, "depth", this.hooks.layers()));
    const options = [["", say("noComparison")] as const, ...others.map((one) => [one.id, `${titleOf(one, language)} (${momentText(one.created, language)})`] as const)];
    const select = choice(this.other?.id ?? "", options, (id) => this.hooks.compare(id || null));
    select.disabled = others.length === 0;
    const parts = [labelled("with", say("compare"), select)];
    if (this.other) parts.push(el("p", { class: "quiet" }, say("compareNote")));
    return [el("div", { class: "flood-part" }, ...parts)];
  }

  private records(): HTMLElement[] {
    const { say } = this.hooks.voice();
    const names = this.hooks.names();
    if (names.length === 0) return [];
    const body = el("div", { class: "flood-part" });
    const value = (kind: string, name: string) => `${kind}/${name}`;
    const options = names.map(({ kind, name }) => [value(kind, name), `${say(`kind_${kind}` as FloodTextId)} ${name}`] as const);
    const fill = () => {
      const found = names.find(({ kind, name }) => value(kind, name) === this.chosen) ?? names[0];
      if (found) void this.fillRecord(body, found.kind, found.name);
    };
    const select = choice(this.chosen || (options[0]?.[0] ?? ""), options, (chosen) => {
      this.chosen = chosen;
      this.endCharts();
      fill();
    });
    queueMicrotask(fill);
    return [el("div", { class: "flood-part" }, labelled("record", say("records"), select), body)];
  }

  private async fillRecord(body: HTMLElement, kind: Recorded["kind"], name: string): Promise<void> {
    const { run } = this;
    try {
      const recorded = await this.hooks.recorded(kind, name);
      if (run !== this.run || !body.isConnected) return;
      const { parts, charts } = recordedCharts(recorded, this.hooks.voice(), (time) => this.hooks.seek(time));
      body.replaceChildren(...parts);
      this.charts.push(...charts);
      this.mark(this.time);
    } catch (error) {
      body.replaceChildren(el("p", { class: "bad", role: "alert" }, this.hooks.words(error)));
    }
  }

  private balance({ facts }: Run): HTMLElement[] {
    if (!facts?.volume || facts.kind === "ensemble") return [];
    const voice = this.hooks.voice();
    const { say, language } = voice;
    const { volume, terms = {} } = facts;
    const text = (cubicMetres: number) => volumeText(cubicMetres, language);
    const rows = Object.entries(terms).map(([name, { in_m3: come, out_m3: gone }]) => [termWords(name, voice), text(come), text(gone)]);
    if (volume.initial_m3 !== undefined) rows.unshift([say("initial"), text(volume.initial_m3), ""]);
    rows.push([say("stored"), "", text(volume.stored_m3)], [say("error"), "", text(volume.error_m3)]);
    const good = Math.abs(volume.relative_error) <= MOST_ERROR;
    const words = say(good ? "errorGood" : "errorBad", { error: errorText(volume.relative_error) });
    return [
      el(
        "details",
        { class: "flood-section", open: true },
        el("summary", {}, say("balance")),
        el("p", { class: good ? "good" : "bad" }, words),
        figureTable(say("balance"), [say("term"), say("comeIn"), say("goneOut")], rows),
      ),
    ];
  }

  private limits({ facts }: Run): HTMLElement {
    const { say } = this.hooks.voice();
    const warnings = (facts?.warnings ?? []).map((warning) => el("li", {}, warning));
    return el(
      "div",
      { class: "flood-part flood-limits" },
      ...(warnings.length > 0 ? [el("h3", {}, say("warnings")), el("ul", { class: "dock-list" }, ...warnings)] : []),
      el("h3", {}, say("limits")),
      el("p", {}, say("limitsText")),
    );
  }

  private endCharts(): void {
    for (const chart of this.charts) chart.end();
    this.charts = [];
  }
}

/** `inflow/upstream` as people say it. */
function termWords(term: string, { say }: FloodVoice): string {
  const [kind = "", ...name] = term.split("/");
  const id = `term_${kind}`;
  const words = TERMS.has(id) ? say(id as FloodTextId) : kind;
  return name.length > 0 ? `${words} ${name.join("/")}` : words;
}

const TERMS = new Set(["term_rain", "term_infiltration", "term_inflow", "term_edge", "term_boundary", "term_drains", "term_drain", "term_structure", "term_repair", "term_evaporation"]);
