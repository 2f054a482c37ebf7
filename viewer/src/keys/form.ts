// The fields of a key: for one to be made, or one to be changed.
import type { LayerInfo } from "../api.ts";
import { momentText } from "../amounts.ts";
import { button, el } from "../dom.ts";
import type { Voice } from "../ui/office-page.ts";
import { requestTrouble } from "../upload/troubles.ts";
import { ANONYMOUS, ANONYMOUS_FUNCTIONS, KEY_FUNCTIONS, type KeyFields, type KeyInfo, lastDay } from "./keys.ts";
import type { KeysTextId } from "./texts.ts";

type Lines = "groups" | "referrers" | "cidrs";
type Quota = "day_quota" | "month_quota" | "second_rate";

const QUOTAS: readonly Quota[] = ["day_quota", "month_quota", "second_rate"];
const HINTS: Record<Lines, KeysTextId> = { groups: "groupsHint", referrers: "referrersHint", cidrs: "cidrsHint" };
const EMPTY: KeyFields = {
  ...{ name: "", functions: ["basemap", "content"], access: "public", groups: [], layers: null, referrers: [], cidrs: [] },
  ...{ day_quota: null, month_quota: null, second_rate: null, expires: null },
};

export interface FormWorld {
  layers: readonly LayerInfo[];
  timezone: string;
  /** Sends the fields; fails as the server refuses them. */
  send(fields: KeyFields): Promise<void>;
  cancel: (() => void) | null;
}

export class KeyFieldsForm {
  readonly element: HTMLFormElement;
  private readonly message = el("p", { role: "alert" });
  private readonly inputs = new Map<string, HTMLInputElement | HTMLTextAreaElement>();
  private readonly functions: HTMLInputElement[];
  private readonly layers: HTMLInputElement[];
  private readonly submit: HTMLButtonElement;
  private readonly builtIn: boolean;

  constructor(
    private readonly before: KeyInfo | null,
    private readonly world: FormWorld,
    private readonly voice: Voice<KeysTextId>,
  ) {
    const { say } = voice;
    const given: KeyFields = before ?? EMPTY;
    this.builtIn = before?.id === ANONYMOUS;
    const choices = KEY_FUNCTIONS.filter((name) => !this.builtIn || ANONYMOUS_FUNCTIONS.includes(name));
    this.functions = choices.map((name) => this.box("functions", name, given.functions.includes(name)));
    this.layers = this.layerBoxes(given.layers);
    this.submit = el("button", { type: "submit", class: "solid-button" }, say(before ? "submitSave" : "submitMake"));
    const cancel = world.cancel ? [button(say("cancel"), "text-button", world.cancel)] : [];
    const parts = this.builtIn ? this.builtInParts(given) : this.parts(given);
    const actions = el("div", { class: "card-actions" }, this.submit, ...cancel);
    this.element = el("form", { class: "key-fields", autocomplete: "off", novalidate: true }, ...parts, this.message, actions);
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.send();
    });
    this.element.addEventListener("input", ({ target }) => (target as HTMLElement).removeAttribute("aria-invalid"));
  }

  focus(): void {
    this.element.querySelector("input")?.focus();
  }

  // --- building ----------------------------------------------------------------------------------

  private parts(given: KeyFields): HTMLElement[] {
    return [this.nameField(given.name), this.functionsField(), this.accessField(given), this.layersField(given), this.quotasField(given), this.placesField(given)];
  }

  private builtInParts(given: KeyFields): HTMLElement[] {
    return [this.functionsField(), this.layersField(given), this.quotasField(given)];
  }

  private nameField(value: string): HTMLElement {
    const input = this.input("name", { type: "text", maxlength: 200, value, "aria-required": "true" });
    return this.field("name", this.voice.say("name"), input, this.voice.say("nameHint"));
  }

  private functionsField(): HTMLElement {
    const { say } = this.voice;
    const rows = this.functions.map((box) => {
      const name = box.value as (typeof KEY_FUNCTIONS)[number];
      const hint = el("span", { class: "hint" }, ` ${say(`functionHint_${name}`)}`);
      return el("label", {}, box, el("span", {}, say(`function_${name}`), hint));
    });
    return this.group("functions", el("div", { class: "checks" }, ...rows));
  }

  private accessField({ access, groups }: KeyFields): HTMLElement {
    const { say } = this.voice;
    const radios = (["public", "private"] as const).map((value) =>
      el("label", {}, this.box("access", value, access === value, "radio"), el("span", {}, say(`access_${value}`))),
    );
    const box = this.group("access", el("div", { class: "checks" }, ...radios));
    const lines = this.linesField("groups", groups);
    const follow = () => (lines.hidden = this.chosen("access") !== "private");
    box.addEventListener("change", follow);
    box.append(lines);
    lines.hidden = access !== "private";
    return box;
  }

  private layersField({ layers }: KeyFields): HTMLElement {
    const { say } = this.voice;
    const all = el("label", {}, this.box("which-layers", "all", layers === null, "radio"), el("span", {}, say("layersAll")));
    const some = el("label", {}, this.box("which-layers", "some", layers !== null, "radio"), el("span", {}, say("layersSome")));
    const rows = this.layers.map((box) => el("label", {}, box, el("span", {}, this.layerName(box.value))));
    const list = el("div", { class: "checks layer-checks", role: "group", "aria-label": say("layersSome"), hidden: layers === null }, ...rows);
    const made = this.group("layers", el("div", { class: "checks" }, all, some), list);
    made.addEventListener("change", () => (list.hidden = this.chosen("which-layers") === "all"));
    return made;
  }

  private quotasField(given: KeyFields): HTMLElement {
    const { say } = this.voice;
    const fields = QUOTAS.map((name) => {
      const input = this.input(name, { type: "text", inputmode: "numeric", value: given[name] ?? "", placeholder: say("unlimited") });
      return this.field(name, say(name), input);
    });
    return this.group("limits", el("div", { class: "fields" }, ...fields));
  }

  private placesField(given: KeyFields): HTMLElement {
    const { say, language } = this.voice;
    const last = lastDay(given.expires, this.world.timezone);
    const within = given.expires !== null && last === null;
    const hint = within ? say("expiresMoment", { when: momentText(given.expires ?? "", language) }) : say("expiresHint");
    const expires = this.field("expires", say("expires"), this.input("expires", { type: "date", value: last ?? "" }), hint);
    const fields = el("div", { class: "fields" }, this.linesField("referrers", given.referrers), this.linesField("cidrs", given.cidrs), expires);
    return this.group("places", fields);
  }

  private group(name: KeysTextId, ...children: Node[]): HTMLFieldSetElement {
    return el("fieldset", { "data-group": name }, el("legend", {}, this.voice.say(name)), ...children);
  }

  private linesField(name: Lines, lines: readonly string[]): HTMLElement {
    const area = el("textarea", { id: this.id(name), name, rows: 2, spellcheck: "false" });
    area.value = lines.join("\n");
    this.inputs.set(name, area);
    return this.field(name, this.voice.say(name), area, this.voice.say(HINTS[name]));
  }

  private input(name: string, attributes: Record<string, string | number>): HTMLInputElement {
    const made = el("input", { id: this.id(name), name, spellcheck: "false", ...attributes });
    this.inputs.set(name, made);
    return made;
  }

  private field(name: string, label: string, input: HTMLElement, hint = ""): HTMLElement {
    const parts: HTMLElement[] = [el("label", { for: this.id(name) }, label), input];
    if (hint) {
      input.setAttribute("aria-describedby", `${this.id(name)}-hint`);
      parts.push(el("p", { class: "hint", id: `${this.id(name)}-hint` }, hint));
    }
    return el("div", { class: `field field-${name}` }, ...parts);
  }

  private box(name: string, value: string, checked: boolean, type = "checkbox"): HTMLInputElement {
    return el("input", { type, name: type === "radio" ? this.id(name) : name, value, checked });
  }

  private layerBoxes(chosen: readonly string[] | null): HTMLInputElement[] {
    const ids = new Set([...this.world.layers.map(({ id }) => id), ...(chosen ?? [])]);
    return [...ids].map((id) => this.box("layers", id, chosen?.includes(id) ?? false));
  }

  private layerName(id: string): string {
    const title = this.world.layers.find((layer) => layer.id === id)?.title[this.voice.language];
    return title && title !== id ? `${title} (${id})` : id;
  }

  private id(name: string): string {
    return `${this.before?.id ?? "new"}-${name}`;
  }

  // --- sending -----------------------------------------------------------------------------------

  private async send(): Promise<void> {
    this.message.replaceChildren();
    const wrong = this.wrong();
    if (wrong) {
      this.complain(...wrong);
      return;
    }
    this.submit.disabled = true;
    try {
      await this.world.send(this.fields());
    } catch (error) {
      const { words, detail, field } = requestTrouble(error, this.voice.language);
      this.complain(field ?? "", words, detail);
    }
    this.submit.disabled = false;
  }

  /** What the server would refuse anyway, said at once. */
  private wrong(): [name: string, words: string] | null {
    const { say } = this.voice;
    if (!this.builtIn && !this.text("name")) return ["name", say("nameHint")];
    if (!this.functions.some(({ checked }) => checked)) return ["functions", say("functionsNone")];
    if (this.chosen("which-layers") === "some" && !this.layers.some(({ checked }) => checked)) return ["layers", say("layersNone")];
    const quota = QUOTAS.find((name) => this.text(name) && !/^[1-9]\d{0,14}$/.test(this.digits(name)));
    return quota ? [quota, say("quotaBad")] : null;
  }

  private complain(name: string, words: string, detail = ""): void {
    const boxes: Record<string, HTMLInputElement | undefined> = { functions: this.functions[0], layers: this.layers[0] };
    const input = this.inputs.get(name) ?? boxes[name];
    input?.setAttribute("aria-invalid", "true");
    this.message.replaceChildren(el("strong", { class: "bad" }, words), ...(detail ? [" ", el("span", { class: "quiet" }, detail)] : []));
    (input ?? this.submit).focus();
  }

  private fields(): KeyFields {
    const before: KeyFields = this.before ?? EMPTY;
    const quotas = Object.fromEntries(QUOTAS.map((quota) => [quota, Number(this.digits(quota)) || null])) as Record<Quota, number | null>;
    const opened = { functions: values(this.functions), layers: this.chosen("which-layers") === "some" ? values(this.layers) : null };
    if (this.builtIn) return { ...before, ...quotas, ...opened };
    const isPrivate = this.chosen("access") === "private";
    return {
      name: this.text("name"),
      access: isPrivate ? "private" : "public",
      groups: isPrivate ? this.lines("groups") : [],
      referrers: this.lines("referrers"),
      cidrs: this.lines("cidrs"),
      expires: this.expires(before.expires),
      ...quotas,
      ...opened,
    };
  }

  /** The date as typed; the moment as it was where nobody touched it. */
  private expires(before: string | null): string | null {
    const typed = this.text("expires");
    return typed === (lastDay(before, this.world.timezone) ?? "") ? before : typed || null;
  }

  private chosen(name: string): string {
    return this.element.querySelector<HTMLInputElement>(`input[name="${this.id(name)}"]:checked`)?.value ?? "";
  }

  private text(name: string): string {
    return this.inputs.get(name)?.value.trim() ?? "";
  }

  /** A number may be typed as people write it: 10,000. */
  private digits(name: string): string {
    return this.text(name).replace(/[,\s]/g, "");
  }

  private lines(name: Lines): string[] {
    return this.text(name).split(/[\n,]/).map((line) => line.trim()).filter(Boolean);
  }
}

function values(boxes: readonly HTMLInputElement[]): string[] {
  return boxes.filter(({ checked }) => checked).map(({ value }) => value);
}
