// What a managing key may do with layers that are there: rename, hide, go back, delete.
import { momentText } from "../amounts.ts";
import type { LayerInfo } from "../api.ts";
import { button, el } from "../dom.ts";
import { confirmed } from "../ui/confirm.ts";
import type { Job, LayerVersion, ManagedLayer, Office } from "./office.ts";
import { facts, type Voice } from "./report.ts";
import type { UploadTextId } from "./texts.ts";
import { requestTrouble } from "./troubles.ts";

const TEXTS: [name: "title" | "title_en" | "visibility" | "licence" | "attribution", label: UploadTextId][] = [
  ["title", "optionTitle"],
  ["title_en", "optionTitleEn"],
  ["visibility", "optionVisibility"],
  ["licence", "optionLicence"],
  ["attribution", "optionAttribution"],
];

export class LayersList {
  private layers: LayerInfo[] | null = null;
  private readonly open = new Map<string, ManagedLayer | null>();
  private error: unknown = null;

  constructor(
    private readonly place: HTMLElement,
    private readonly message: HTMLElement,
    private readonly office: Office,
    private readonly jobs: () => readonly Job[],
    private voice: Voice,
  ) {}

  translate(voice: Voice): void {
    this.voice = voice;
    this.message.textContent = "";
    this.render();
  }

  forget(): void {
    this.layers = null;
    this.open.clear();
    this.render();
  }

  async load(): Promise<void> {
    try {
      this.layers = await this.office.api.layers();
      this.error = null;
    } catch (error) {
      this.error = error;
    }
    this.render();
    await Promise.all([...this.open.keys()].map((id) => this.look(id)));
  }

  /** Whether the layer is there, in this version or a later one. */
  has(id: string, version: number): boolean {
    return this.layers?.some((layer) => layer.id === id && Number(layer.version) >= version) ?? false;
  }

  private render(): void {
    const { say, language } = this.voice;
    if (this.error !== null) {
      this.place.replaceChildren(el("p", { class: "bad", role: "alert" }, requestTrouble(this.error, language).words));
    } else if (this.layers?.length === 0) {
      this.place.replaceChildren(el("p", { class: "quiet" }, say("layersEmpty")));
    } else {
      this.place.replaceChildren(el("ul", { class: "jobs" }, ...(this.layers ?? []).map((layer) => this.item(layer))));
    }
  }

  private item(layer: LayerInfo): HTMLLIElement {
    const { language } = this.voice;
    const title = el("span", { class: "job-file" }, layer.title[language]);
    const id = el("code", {}, layer.id);
    const body = el("div", { class: "job-body" });
    const details = el("details", { open: this.open.has(layer.id) }, el("summary", {}, title, id), body);
    this.fill(body, layer.id);
    details.addEventListener("toggle", () => {
      if (!details.open) this.open.delete(layer.id);
      else if (!this.open.has(layer.id)) void this.look(layer.id);
    });
    return el("li", { "data-layer": layer.id }, details);
  }

  /** Loads what may be managed of a layer into its place. */
  private async look(id: string): Promise<void> {
    if (!this.open.has(id)) this.open.set(id, null);
    const found = await this.office.layer(id).catch((error: unknown) => this.failed(error));
    if (found) this.open.set(id, found);
    const body = this.place.querySelector<HTMLElement>(`[data-layer="${id}"] .job-body`);
    if (body) this.fill(body, id);
  }

  private fill(body: HTMLElement, id: string): void {
    const { say } = this.voice;
    const layer = this.open.get(id);
    if (!layer) body.replaceChildren(el("p", { class: "quiet" }, say("loading")));
    else if (!layer.versions) body.replaceChildren(el("p", { class: "quiet" }, say("notManaged")));
    else body.replaceChildren(this.form(layer), this.versions(layer, layer.versions), this.deleting(layer));
  }

  private form(layer: ManagedLayer): HTMLFormElement {
    const { say } = this.voice;
    const before: Record<string, string> = {
      title: layer.title.ko ?? "",
      title_en: layer.title.en ?? "",
      visibility: layer.visibility,
      licence: layer.licence ?? "",
      attribution: layer.attribution ?? "",
    };
    const inputs = TEXTS.map(([name]) => field(name, before[name] ?? "", `manage-${layer.id}-${name}`, say));
    const fields = TEXTS.map(([, label], index) => {
      const input = inputs[index] as HTMLElement;
      return el("div", { class: "field" }, el("label", { for: input.id }, say(label)), input);
    });
    const form = el("form", {}, el("div", { class: "fields" }, ...fields));
    form.append(el("button", { type: "submit", class: "solid-button" }, say("save")));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const after = inputs.map((input) => [input.name, input.value.trim()] as const);
      const changed = Object.fromEntries(after.filter(([name, value]) => value !== before[name]));
      void this.save(layer.id, changed);
    });
    return form;
  }

  private async save(id: string, changes: Record<string, string>): Promise<void> {
    if (Object.keys(changes).length > 0) {
      const done = await this.office.change(id, changes).catch((error: unknown) => this.failed(error));
      if (!done) return;
    }
    await this.load();
    this.message.textContent = this.voice.say("saved");
  }

  private versions(layer: ManagedLayer, versions: readonly LayerVersion[]): HTMLElement {
    const items = versions.map((version) => this.version(layer, version));
    return el("div", {}, el("h4", {}, this.voice.say("versions")), el("ul", { class: "versions" }, ...items));
  }

  private version(layer: ManagedLayer, { version, live, created, report }: LayerVersion): HTMLLIElement {
    const { say, language } = this.voice;
    const head = [el("strong", {}, say("version", { version })), el("time", { class: "quiet" }, momentText(created, language))];
    if (live) head.push(el("span", { class: "job-state job-done" }, say("live")));
    const file = this.fileOf(layer.id, version);
    if (file) head.push(el("span", { class: "quiet" }, say("fromFile", { file })));
    const details = el("details", {}, el("summary", {}, ...head), facts(report, this.voice));
    const item = el("li", { "data-version": version }, details);
    if (!live) item.append(button(say("rollBack"), "text-button", () => void this.rollBack(layer, version)));
    return item;
  }

  /** The file that a version came from, as far as its job is still listed. */
  private fileOf(id: string, version: number): string | null {
    const made = this.jobs().find(({ layers }) => layers?.some((report) => report.id === id && report.version === version));
    return made?.file ?? null;
  }

  private async rollBack(layer: ManagedLayer, version: number): Promise<void> {
    const { say, language } = this.voice;
    const title = layer.title[language] || layer.id;
    const words = { question: say("rollBackQuestion", { title, version }), explained: say("rollBackExplained") };
    if (!(await confirmed({ ...words, yes: say("confirmRollBack"), no: say("keep") }))) return;
    const done = await this.office.rollBack(layer.id, version).catch((error: unknown) => this.failed(error));
    if (!done) return;
    await this.load();
    this.message.textContent = say("rolledBack", { version });
  }

  private deleting(layer: ManagedLayer): HTMLElement {
    return button(this.voice.say("deleteLayer"), "text-button bad", () => void this.remove(layer));
  }

  private async remove(layer: ManagedLayer): Promise<void> {
    const { say, language } = this.voice;
    const title = layer.title[language] || layer.id;
    const words = { question: say("deleteQuestion", { title }), explained: say("deleteExplained", { id: layer.id }) };
    if (!(await confirmed({ ...words, yes: say("confirmDelete"), no: say("keep") }))) return;
    try {
      await this.office.remove(layer.id);
    } catch (error) {
      this.failed(error);
      return;
    }
    this.open.delete(layer.id);
    await this.load();
    this.message.textContent = say("deleted", { title });
  }

  private failed(error: unknown): null {
    this.message.textContent = requestTrouble(error, this.voice.language).words;
    return null;
  }
}

type Named = HTMLInputElement | HTMLSelectElement;

function field(name: string, value: string, id: string, say: Voice["say"]): Named {
  if (name !== "visibility") return el("input", { id, name, type: "text", value, autocomplete: "off" });
  const choices: [string, string][] = [
    ["public", say("visibilityPublic")],
    ["private", say("visibilityPrivate")],
  ];
  if (!choices.some(([known]) => known === value)) choices.push([value, value]);
  const select = el("select", { id, name }, ...choices.map(([known, words]) => el("option", { value: known }, words)));
  select.value = value;
  return select;
}
