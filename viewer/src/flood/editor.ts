// The editor of a scenario: its sections, what they draw on the map, and the server's objections at their fields.
import { type Api, ApiError, type LayerInfo } from "../api.ts";
import { countText } from "../amounts.ts";
import { button, byId, el } from "../dom.ts";
import { keep } from "../ui/download.ts";
import { type Draft, emptyDraft, fromMapping, idOf, toMapping, untaken } from "./draft.ts";
import { areaSection } from "./edit-area.ts";
import { rainSection } from "./edit-rain.ts";
import { waterSection } from "./edit-water.ts";
import { varySection } from "./edit-vary.ts";
import { worksSection } from "./edit-works.ts";
import type { DraftMap } from "./draft-map.ts";
import { estimate } from "./estimate.ts";
import { askFacilities, type Facility, facilityLayers } from "./facilities.ts";
import { choice, clearTrouble, controlOf, labelled, numberInput, showTrouble, textInput } from "./fields.ts";
import type { Box } from "./geo.ts";
import type { PickTool } from "./pick-tool.ts";
import type { Run, Service } from "./service.ts";
import { memberCount, MOST_MEMBERS } from "./vary.ts";
import { durationText } from "./words.ts";
import type { FloodTextId, FloodVoice } from "./texts.ts";
import { readScenarioText, scenarioText } from "./yaml-file.ts";

export interface EditorHooks {
  voice(): FloodVoice;
  layers(): readonly LayerInfo[];
  runs(): readonly Run[];
  /** Whether the key may run scenarios. */
  mayRun(): boolean;
  started(id: string): void;
  terrainChosen(layer: LayerInfo | null): void;
  goTo(box: Box): void;
  words(error: unknown): string;
}

/** What a section of the editor has to work with. */
export interface Desk {
  api: Api;
  draft: Draft;
  voice: FloodVoice;
  pick: PickTool;
  map: DraftMap;
  terrain: LayerInfo | null;
  facilities: readonly Facility[];
  /** Something was changed: the map and the sums follow; `again` draws the section anew. */
  changed(again?: boolean): void;
  goTo(box: Box): void;
  announce(words: string): void;
}

type Section = (desk: Desk) => HTMLElement[];

const SECTIONS: readonly [FloodTextId, Section, boolean][] = [
  ["area", areaSection, true],
  ["rain", rainSection, true],
  ["water", waterSection, false],
  ["works", worksSection, false],
  ["vary", varySection, false],
];
const SECTION = new Map(SECTIONS.map(([id, section]) => [id, section]));

export class Editor {
  private draft: Draft = emptyDraft();
  private facilities: Facility[] = [];
  private facilitiesOf: string | null = null;
  private readonly folded = new Map<FloodTextId, boolean>();
  private readonly sum = el("p", { class: "flood-sum", role: "status" });
  private readonly message = el("p", { class: "flood-message", role: "status" });
  private readonly bodies = new Map<FloodTextId, HTMLElement>();
  private busy = false;
  private drawn = true;

  constructor(
    private readonly place: HTMLElement,
    private readonly service: Service,
    private readonly pick: PickTool,
    private readonly map: DraftMap,
    private readonly hooks: EditorHooks,
  ) {}

  get terrain(): LayerInfo | null {
    return this.hooks.layers().find(({ id }) => id === this.draft.terrain) ?? null;
  }

  /** Layers with heights that a flood can run over. */
  get terrains(): LayerInfo[] {
    return this.hooks.layers().filter(({ kind, assets }) => kind === "raster" && Boolean(assets.section));
  }

  /** The catalogue has come, or another one. */
  ready(): void {
    if (!this.terrain && !this.draft.rest["terrain"]) this.chooseTerrain(this.terrains[0]?.id ?? "");
    this.hooks.terrainChosen(this.terrain);
    void this.loadFacilities();
    this.render();
  }

  /** The editor comes to the fore, or goes: only then its drawing is on the map. */
  showDrawing(shown: boolean): void {
    this.drawn = shown;
    this.map.show(shown ? this.draft : null);
    if (!shown) {
      this.pick.cancel();
      this.map.point([]);
    }
  }

  /** Runs have come or ended: what is being written stays as it is, unless there are other terrains now. */
  refresh(): void {
    const shown = [...this.place.querySelectorAll<HTMLOptionElement>("#f-terrain option")].map(({ value }) => value);
    if (!this.terrains.every(({ id }) => shown.includes(id))) return this.render();
    this.place.querySelector(".flood-go")?.replaceWith(this.go());
    this.describe();
  }

  render(): void {
    const focus = document.activeElement?.id;
    this.bodies.clear();
    const sections = SECTIONS.map(([id, section, open]) => this.section(id, section, open));
    this.place.replaceChildren(this.head(), ...sections, this.running(), this.go());
    this.describe();
    if (focus && this.place.querySelector(`#${CSS.escape(focus)}`)) byId(focus).focus();
  }

  // --- parts -----------------------------------------------------------------------------------------

  private head(): HTMLElement {
    const { say, language } = this.hooks.voice();
    const { draft } = this;
    const options = this.terrains.map(({ id, title }) => [id, title[language]] as const);
    const given = draft.rest["terrain"] ? [[draft.terrain, say("terrainOfFile")] as const] : [];
    const terrain = choice(draft.terrain, [...given, ...options], (id) => {
      this.chooseTerrain(id);
      this.hooks.terrainChosen(this.terrain);
      if (draft.box) this.hooks.goTo(draft.box);
      void this.loadFacilities();
      this.render();
    });
    const parts = [labelled("terrain", say("terrain"), terrain)];
    if (options.length === 0 && given.length === 0) parts.push(el("p", { class: "bad" }, say("noTerrain")));
    return el("div", { class: "flood-part" }, this.files(), ...parts);
  }

  private files(): HTMLElement {
    const { say } = this.hooks.voice();
    const input = el("input", { type: "file", accept: ".yaml,.yml,.json", hidden: true, id: "scenario-file" });
    input.addEventListener("change", () => {
      const [file] = input.files ?? [];
      if (file) void this.load(file);
      input.value = "";
    });
    const load = button(say("load"), "line-button", () => input.click());
    const save = button(say("save"), "line-button", () => void this.save());
    return el("div", { class: "flood-row" }, load, save, input);
  }

  private section(id: FloodTextId, section: Section, open: boolean): HTMLElement {
    const body = el("div", { class: "flood-part" });
    this.bodies.set(id, body);
    const details = el("details", { class: "flood-section", open: this.folded.get(id) ?? open }, el("summary", {}, this.hooks.voice().say(id)), body);
    details.addEventListener("toggle", () => this.folded.set(id, details.open));
    this.fill(id, section);
    return details;
  }

  private fill(id: FloodTextId, section: Section): void {
    const focus = document.activeElement?.id;
    const { draft, pick, map, terrain, facilities } = this;
    const changed = (again = false) => {
      if (again) this.fill(id, section);
      if (id !== "vary") this.refill("vary"); // what there is to vary
      this.describe();
    };
    const announce = (words: string) => (byId("announcement").textContent = words);
    const desk: Desk = { api: this.service.api, draft, voice: this.hooks.voice(), pick, map, terrain, facilities, changed, goTo: (box) => this.hooks.goTo(box), announce };
    this.bodies.get(id)?.replaceChildren(...section(desk));
    if (focus && document.activeElement === document.body) document.getElementById(focus)?.focus();
  }

  /** Draws sections anew that depend on others, but for the one in which somebody writes. */
  private refill(...ids: FloodTextId[]): void {
    for (const id of ids) {
      const section = SECTION.get(id);
      if (section && !this.bodies.get(id)?.contains(document.activeElement)) this.fill(id, section);
    }
  }

  private running(): HTMLElement {
    const { say } = this.hooks.voice();
    const { draft } = this;
    const change = () => this.describe();
    const title = textInput(draft.title, (value) => (draft.title = value.trim()), { maxlength: "80", placeholder: say("titlePlaceholder") });
    const name = textInput(draft.name, (value) => (draft.name = value), { placeholder: say("namePlaceholder"), maxlength: "40" });
    name.addEventListener("change", () => {
      name.value = draft.name = idOf(draft.name);
    });
    const hours = numberInput(draft.hours, { least: 0.01, most: 720 }, (value) => {
      draft.hours = value as number;
      change();
      this.refill("rain", "water");
    });
    const every = numberInput(draft.every, { least: 0.1, most: 1440 }, (value) => (draft.every = value as number));
    const scheme = choice(draft.scheme, [["inertial", say("inertial")], ["full", say("full")]], (value) => {
      draft.scheme = value;
      change();
    });
    return el(
      "fieldset",
      { class: "flood-part flood-running" },
      el("legend", {}, say("running")),
      labelled("title", say("titleField"), title),
      labelled("scenario", say("name"), name),
      el("div", { class: "flood-pair" }, labelled("duration_h", say("duration"), hours, "h"), labelled("output_every_min", say("every"), every, "min")),
      labelled("scheme", say("scheme"), scheme),
    );
  }

  /** What stays in view however long the form is. */
  private go(): HTMLElement {
    const run = button(this.hooks.voice().say("run"), "solid-button flood-run", () => void this.start());
    run.disabled = this.busy || !this.hooks.mayRun();
    const note = this.hooks.mayRun() ? [] : [el("p", {}, this.hooks.voice().say("needsKey"))];
    return el("div", { class: "flood-go" }, this.sum, run, ...note, this.message);
  }

  /** The sums, and the drawing on the map. */
  private describe(): void {
    if (this.drawn) this.map.show(this.draft);
    const { say, language } = this.hooks.voice();
    const found = estimate(this.draft, this.hooks.runs());
    const values = found && { cells: countText(found.cells, language), time: durationText(found.seconds, this.hooks.voice()) };
    const count = memberCount(this.draft.vary);
    const each = values ? say(found.measured ? "sumMeasured" : "sum", values) : say("sumNothing");
    this.sum.textContent = count > 1 ? `${each} ${say("sumMembers", { count })}` : each;
  }

  // --- terrain and facilities --------------------------------------------------------------------------

  private chooseTerrain(id: string): void {
    const { draft } = this;
    if (id === draft.terrain && draft.box) return;
    draft.terrain = id;
    delete draft.rest["terrain"];
    const { terrain } = this;
    draft.box = (terrain?.bounds as Box | null) ?? null;
    draft.initial = this.hooks.layers().some((layer) => layer.id === `${id}-depth`) ? "terrain" : "dry"; // as river terrains name it
    [draft.inflows, draft.gauges, draft.breaches, draft.vary, draft.overrides] = [[], [], [], [], {}];
    draft.structures = facilityLayers(this.hooks.layers(), terrain)[0]?.id ?? null;
  }

  private async loadFacilities(): Promise<void> {
    const { structures } = this.draft;
    if (structures === this.facilitiesOf) return;
    this.facilitiesOf = structures;
    this.facilities = [];
    try {
      const found = structures ? await askFacilities(this.service.api, structures) : [];
      if (this.facilitiesOf !== structures) return;
      this.facilities = found;
    } catch (error) {
      this.say(this.hooks.words(error), true);
      this.facilitiesOf = null;
    }
    this.fill("works", worksSection);
    this.refill("vary");
  }

  // --- files, and the run ----------------------------------------------------------------------------------

  private async save(): Promise<void> {
    const text = await scenarioText(toMapping(this.named()));
    keep(new Blob([text], { type: "application/yaml" }), `${this.draft.name || "scenario"}.yaml`);
  }

  /** A run's scenario is taken over, under a name that its own run will get. */
  take(text: string, name: string): Promise<void> {
    return this.read(text, name);
  }

  private async load(file: File): Promise<void> {
    await this.read(await file.text(), file.name);
  }

  private async read(text: string, name: string): Promise<void> {
    const { say } = this.hooks.voice();
    try {
      this.draft = fromMapping(await readScenarioText(text));
    } catch (error) {
      this.say(say("loadFailed", { detail: error instanceof Error ? error.message : String(error) }), true);
      return;
    }
    this.draft.box ??= (this.draft.rest["domain"] as { polygon?: unknown } | undefined)?.polygon ? null : ((this.terrain?.bounds as Box | null) ?? null);
    this.hooks.terrainChosen(this.terrain);
    void this.loadFacilities();
    this.render();
    if (this.draft.box) this.hooks.goTo(this.draft.box);
    const kept = Object.keys(this.draft.rest);
    this.say(kept.length > 0 ? say("loadedKept", { name, fields: kept.join(", ") }) : say("loaded", { name }), false);
  }

  /** The draft with a name that no other run has: their layers would be versions of each other. */
  private named(): Draft {
    const { draft } = this;
    const taken = new Set(this.hooks.runs().map(({ name }) => name));
    draft.name = untaken(draft.name || idOf(draft.title) || idOf(`${draft.terrain}-flood`) || "flood", taken);
    const name = document.getElementById("f-scenario");
    if (name instanceof HTMLInputElement) name.value = draft.name;
    const bounds = this.terrain?.bounds;
    draft.whole = Boolean(draft.box && bounds && draft.box.every((side, index) => Math.abs(side - (bounds[index] as number)) < 1e-6));
    return draft;
  }

  private async start(): Promise<void> {
    const invalid = this.place.querySelector<HTMLElement>("[aria-invalid=true], input:invalid");
    if (invalid) return this.object(invalid, this.hooks.voice().say("fieldWrong"));
    if (memberCount(this.draft.vary) > MOST_MEMBERS) return this.say(this.hooks.voice().say("tooManyMembers", { count: memberCount(this.draft.vary), most: MOST_MEMBERS }), true);
    this.setBusy(true);
    try {
      const id = await this.service.start(toMapping(this.named()));
      this.say("", false);
      this.hooks.started(id);
    } catch (error) {
      this.refused(error);
    } finally {
      this.setBusy(false);
    }
  }

  private setBusy(busy: boolean): void {
    this.busy = busy;
    const run = this.place.querySelector<HTMLButtonElement>(".flood-run");
    if (run) run.disabled = busy || !this.hooks.mayRun();
  }

  /** A refusal is said at its field where there is one, else at the foot. */
  private refused(error: unknown): void {
    const field = error instanceof ApiError && error.status < 500 ? error.field : null;
    const control = field ? controlOf(this.place, field) : null;
    if (control && error instanceof ApiError) this.object(control, error.detail);
    else this.say(error instanceof ApiError && [400, 413, 415, 422].includes(error.status) ? error.detail : this.hooks.words(error), true);
  }

  private object(control: HTMLElement, words: string): void {
    control.closest("details")?.setAttribute("open", "");
    if (!control.hasAttribute("aria-describedby") || words !== this.hooks.voice().say("fieldWrong")) showTrouble(control, words); // else what is wrong is said already
    control.addEventListener("input", () => clearTrouble(control), { once: true });
    control.focus();
    control.scrollIntoView({ block: "center" });
  }

  private say(words: string, bad: boolean): void {
    this.message.textContent = words;
    this.message.classList.toggle("bad", bad);
  }
}
