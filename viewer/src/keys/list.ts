// The keys, each with what it opens and what can be done with it.
import type { LayerInfo } from "../api.ts";
import { countText, momentText } from "../amounts.ts";
import { button, byId, el } from "../dom.ts";
import { confirmed } from "../ui/confirm.ts";
import type { Voice } from "../ui/office-page.ts";
import { requestTrouble } from "../upload/troubles.ts";
import { askGrace, showSecret } from "./dialogs.ts";
import { KeyFieldsForm } from "./form.ts";
import { ANONYMOUS, changed, type KeyFields, type KeyInfo, type Keys, lastDay } from "./keys.ts";
import type { KeysTextId } from "./texts.ts";

const MANY = 8;

export interface ListWorld {
  keys: Keys;
  layers(): readonly LayerInfo[];
  timezone(): string;
  /** Says what was done, or why not. */
  tell(words: string, bad?: boolean): void;
}

export class KeysList {
  private all: KeyInfo[] | null = null;
  private readonly open = new Set<string>();
  private editing: string | null = null;

  constructor(
    private readonly place: HTMLElement,
    private readonly world: ListWorld,
    private voice: Voice<KeysTextId>,
  ) {
    byId("search").addEventListener("input", () => this.render());
    byId("ended").addEventListener("change", () => this.render());
  }

  translate(voice: Voice<KeysTextId>): void {
    this.voice = voice;
    this.render();
  }

  forget(): void {
    this.all = null;
    this.open.clear();
    this.editing = null;
    this.place.replaceChildren();
  }

  async load(): Promise<void> {
    try {
      this.all = await this.world.keys.all();
    } catch (error) {
      this.failed(error);
    }
    this.render();
  }

  /** Shows a key that was just made, opened. */
  async reveal(id: string): Promise<void> {
    this.open.add(id);
    await this.load();
    this.summary(id)?.focus();
  }

  private summary(id: string): HTMLElement | null {
    return this.place.querySelector<HTMLElement>(`[data-key="${CSS.escape(id)}"] summary`);
  }

  private render(): void {
    const { say } = this.voice;
    const all = this.all ?? [];
    const ended = all.filter(({ state }) => state !== "live");
    const searching = byId<HTMLInputElement>("search");
    byId("ended-row").hidden = ended.length === 0;
    byId("ended-words").textContent = say("ended", { count: ended.length });
    byId("search-row").hidden = all.length <= MANY;
    const shown = sorted(all).filter((key) => this.fits(key, searching.value));
    const none = all.length === 0 ? say("listEmpty") : say("listNone");
    if (this.all === null) this.place.replaceChildren();
    else if (shown.length === 0) this.place.replaceChildren(el("p", { class: "quiet" }, none));
    else this.place.replaceChildren(el("ul", { class: "jobs" }, ...shown.map((key) => this.item(key))));
  }

  private fits({ id, name, hint, state }: KeyInfo, wanted: string): boolean {
    const text = `${id} ${name} ${hint}`.toLowerCase();
    const states = byId<HTMLInputElement>("ended").checked || state === "live" || this.open.has(id);
    return states && text.includes(wanted.trim().toLowerCase());
  }

  private item(key: KeyInfo): HTMLLIElement {
    const { say, language } = this.voice;
    const state = el("span", { class: `job-state key-${key.state}` }, say(`state_${key.state}`));
    const used = el("span", { class: "quiet" }, say("summaryToday", { used: countText(key.used_today ?? 0, language) }));
    const summary = el("summary", {}, el("span", { class: "job-file" }, this.nameOf(key)), state, ...(key.hint ? [el("code", {}, key.hint)] : []), used);
    const body = el("div", { class: "job-body" });
    const details = el("details", { open: this.open.has(key.id) }, summary, body);
    body.append(...(this.editing === key.id ? [this.form(key)] : this.body(key)));
    details.addEventListener("toggle", () => (details.open ? this.open.add(key.id) : this.open.delete(key.id)));
    return el("li", { "data-key": key.id }, details);
  }

  private nameOf({ id, name }: KeyInfo): string {
    return id === ANONYMOUS ? this.voice.say("anonymousName") : name;
  }

  private body(key: KeyInfo): HTMLElement[] {
    const { say } = this.voice;
    const help = key.id === ANONYMOUS ? [el("p", { class: "quiet" }, say("anonymousHelp"))] : [];
    return [...help, this.facts(key), this.actions(key)];
  }

  private facts(key: KeyInfo): HTMLElement {
    const rows = factsOf(key, this.world.timezone(), this.voice);
    const list = rows.flatMap(([id, text]) => [el("dt", {}, this.voice.say(id)), el("dd", { class: id }, text)]);
    return el("dl", { class: "report-facts" }, ...list);
  }

  private actions(key: KeyInfo): HTMLElement {
    const { say, language } = this.voice;
    const usage = el("a", { class: "line-button", href: `usage#lang=${language}&of=${encodeURIComponent(key.id)}` }, say("usage"));
    const actions: HTMLElement[] = [usage];
    if (key.state !== "revoked") actions.push(button(say("edit"), "line-button", () => this.edit(key.id)));
    if (key.state !== "revoked" && key.id !== ANONYMOUS) {
      actions.push(button(say("rotate"), "line-button", () => void this.rotate(key)));
      actions.push(button(say("revoke"), "text-button bad", () => void this.revoke(key)));
    }
    return el("div", { class: "card-actions" }, ...actions);
  }

  // --- what is done --------------------------------------------------------------------------------

  private edit(id: string | null): void {
    const before = this.editing;
    this.editing = id;
    this.render();
    if (id) this.place.querySelector<HTMLElement>(`[data-key="${CSS.escape(id)}"] form input`)?.focus();
    else if (before) this.summary(before)?.focus();
  }

  private form(key: KeyInfo): HTMLElement {
    const { world } = this;
    const send = (fields: KeyFields) => this.save(key, fields);
    return new KeyFieldsForm(key, { layers: world.layers(), timezone: world.timezone(), send, cancel: () => this.edit(null) }, this.voice).element;
  }

  private async save(key: KeyInfo, fields: KeyFields): Promise<void> {
    const changes = changed(key, fields);
    const some = Object.keys(changes).length > 0;
    if (some) await this.world.keys.change(key.id, changes);
    await this.load();
    this.edit(null);
    this.world.tell(some ? this.voice.say("saved", { name: this.nameOf({ ...key, name: fields.name }) }) : this.voice.say("unchanged"));
  }

  private async rotate(key: KeyInfo): Promise<void> {
    const { say } = this.voice;
    const days = await askGrace(key.name, say);
    if (days === null) return;
    try {
      const made = await this.world.keys.rotate(key.id, days);
      await showSecret(made, "secretRotated", say);
    } catch (error) {
      this.failed(error);
      return;
    }
    await this.reveal(key.id);
    this.world.tell(say("rotated", { name: key.name }));
  }

  private async revoke(key: KeyInfo): Promise<void> {
    const { say } = this.voice;
    const question = { question: say("revokeQuestion", { name: key.name }), explained: say("revokeExplained") };
    if (!(await confirmed({ ...question, yes: say("revokeYes"), no: say("keep") }))) return;
    try {
      await this.world.keys.revoke(key.id);
    } catch (error) {
      this.failed(error);
      return;
    }
    await this.reveal(key.id);
    this.world.tell(say("revoked", { name: key.name }));
  }

  private failed(error: unknown): void {
    const { words, detail } = requestTrouble(error, this.voice.language);
    this.world.tell(detail ? `${words} (${detail})` : words, true);
  }
}

/** The built-in key first, then the newest; those that have ended last. */
function sorted(keys: readonly KeyInfo[]): KeyInfo[] {
  const rank = ({ id, state }: KeyInfo) => (id === ANONYMOUS ? 0 : state === "live" ? 1 : 2);
  return [...keys].sort((one, other) => rank(one) - rank(other) || other.created.localeCompare(one.created));
}

function factsOf(key: KeyInfo, timezone: string, voice: Voice<KeysTextId>): [KeysTextId, string][] {
  const { say, language } = voice;
  const listed = (values: readonly string[]) => (values.length > 0 ? values.join(", ") : say("anywhere"));
  const functions = key.functions.map((name) => say(`function_${name}` as KeysTextId)).join(", ");
  const rows: [KeysTextId, string][] = [
    ["fact_day", used(key.used_today, key.day_quota, voice)],
    ["fact_month", used(key.used_this_month, key.month_quota, voice)],
    ["fact_second", key.second_rate === null ? say("any") : countText(key.second_rate, language)],
    ["fact_functions", functions],
    ["fact_access", say(`access_${key.access}`)],
    ["fact_layers", key.layers === null ? say("layersAll") : key.layers.join(", ")],
  ];
  if (key.groups.length > 0) rows.push(["fact_groups", key.groups.join(", ")]);
  rows.push(["fact_referrers", listed(key.referrers)], ["fact_cidrs", listed(key.cidrs)]);
  rows.push(["fact_expires", expiry(key.expires, timezone, voice)], ["fact_created", momentText(key.created, language)]);
  if (key.revoked) rows.push(["fact_revoked", momentText(key.revoked, language)]);
  rows.push(["fact_id", key.id]);
  return rows;
}

function used(count: number | undefined, limit: number | null, { say, language }: Voice<KeysTextId>): string {
  const amount = countText(count ?? 0, language);
  return limit === null ? say("usedUnlimited", { used: amount }) : say("usedOf", { used: amount, limit: countText(limit, language) });
}

function expiry(expires: string | null, timezone: string, { say, language }: Voice<KeysTextId>): string {
  if (expires === null) return say("never");
  return lastDay(expires, timezone) ?? momentText(expires, language);
}
