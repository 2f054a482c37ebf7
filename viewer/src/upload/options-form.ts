// The fields of one dataset's options, and what has been filled in.
import { el } from "../dom.ts";
import type { Language } from "../texts.ts";
import type { DatasetKind } from "./datasets.ts";
import { type OptionField, optionsFor } from "./options.ts";
import type { Options } from "./sending.ts";
import { systemCode, systems } from "./systems.ts";
import type { UploadTranslate } from "./texts.ts";

type Field = HTMLInputElement | HTMLSelectElement;

export class OptionsForm {
  readonly element = el("div", { class: "options" });
  private readonly fields = new Map<string, Field>();
  private readonly more = el("details", { class: "more" });

  constructor(
    private readonly kind: DatasetKind,
    /** Sets the ids of this form's elements apart from others'. */
    private readonly prefix: string,
  ) {}

  /** Draws the fields in another language; what was filled in stays. */
  translate(say: UploadTranslate, language: Language): void {
    const before = this.values();
    this.fields.clear();
    const wanted = optionsFor(this.kind);
    const drawn = (rare: boolean) =>
      wanted.filter((option) => Boolean(option.rare) === rare).map((option) => this.draw(option, say, language));
    this.more.replaceChildren(el("summary", {}, say("more")), el("div", { class: "fields" }, ...drawn(true)));
    this.element.replaceChildren(el("div", { class: "fields" }, ...drawn(false)), this.more);
    for (const [name, value] of Object.entries(before)) this.set(name, value);
  }

  /** What is filled in, as the upload's fields; what is empty says nothing. */
  options(): Options {
    const { group, ...said } = this.values();
    return group ? { ...said, visibility: `group:${group}` } : said;
  }

  private values(): Options {
    const said = [...this.fields].map(([name, field]) => [name, valueOf(name, field)] as const);
    return Object.fromEntries(said.filter(([, value]) => value !== ""));
  }

  set(name: string, value: string): void {
    const field = this.fields.get(name);
    if (field instanceof HTMLInputElement && field.type === "checkbox") field.checked = true;
    else if (field) field.value = value;
  }

  has(name: string): boolean {
    return this.fields.has(name);
  }

  /** Marks a field as the one that must be looked at, and goes there. */
  point(name: string): void {
    const field = this.fields.get(name);
    if (!field) return;
    if (this.more.contains(field)) this.more.open = true;
    field.setAttribute("aria-invalid", "true");
    field.focus();
  }

  clearMarks(): void {
    for (const field of this.fields.values()) field.removeAttribute("aria-invalid");
  }

  private draw(option: OptionField, say: UploadTranslate, language: Language): HTMLElement {
    const id = `${this.prefix}-${option.name}`;
    const field = control(option, id, say);
    this.fields.set(option.name, field);
    field.addEventListener("input", () => field.removeAttribute("aria-invalid"));
    const label = el("label", { for: id }, say(option.label));
    if (option.control === "flag") return el("div", { class: "field flag" }, field, label);
    const parts: HTMLElement[] = [label, field];
    if (option.control === "system") parts.push(systemList(`${id}-list`, language));
    if (option.hint) {
      parts.push(el("p", { class: "hint", id: `${id}-hint` }, say(option.hint)));
      field.setAttribute("aria-describedby", `${id}-hint`);
    }
    return el("div", { class: `field field-${option.name}` }, ...parts);
  }
}

function control(option: OptionField, id: string, say: UploadTranslate): Field {
  const { name } = option;
  if (Array.isArray(option.control)) {
    return el("select", { id, name }, ...option.control.map(({ value, text }) => el("option", { value }, say(text))));
  }
  if (option.control === "flag") return el("input", { id, name, type: "checkbox" });
  const listed = option.control === "system" ? { list: `${id}-list` } : {};
  const kind = option.control === "number" ? { inputmode: "numeric" } : {};
  const placeholder = option.example ? say("example", { example: option.example }) : null;
  return el("input", { id, name, type: "text", spellcheck: "false", autocomplete: "off", placeholder, ...listed, ...kind });
}

function systemList(id: string, language: Language): HTMLElement {
  return el("datalist", { id }, ...systems(language).map(([value, name]) => el("option", { value, label: name }, name)));
}

function valueOf(name: string, field: Field): string {
  if (field instanceof HTMLInputElement && field.type === "checkbox") {
    return field.checked ? (name === "replace" ? "false" : "true") : "";
  }
  return name === "crs" ? systemCode(field.value) : field.value.trim();
}
