// One dataset on its way: its files and options, checked first, then published; what came of it.
import { sizeText } from "../amounts.ts";
import { button, el, iconButton } from "../dom.ts";
import type { Dataset } from "./datasets.ts";
import type { Job, Office, Progress, Report } from "./office.ts";
import { OptionsForm } from "./options-form.ts";
import { reports, troubleBox, type Voice } from "./report.ts";
import type { Options, Sender } from "./sending.ts";
import { systemName } from "./systems.ts";
import { jobTrouble, requestTrouble, type Trouble } from "./troubles.ts";
import type { Turns } from "./turns.ts";

export interface CardWorld {
  office: Office;
  sender: Sender;
  turns: Turns;
  /** The most bytes the server takes at a time, once it is known. */
  mostBytes(): number | null;
  /** Whether the key can read what was published, so that it can be shown on the map. */
  readable(published: readonly Report[]): Promise<boolean>;
  mapAddress(id: string): string;
  removed(card: DatasetCard): void;
  changed(): void;
}

type State =
  | { name: "ready" | "queued" | "packing" | "lost" | "cancelled" }
  | { name: "sending"; done: number; all: number }
  | { name: "working"; progress: Progress }
  | { name: "ended"; job: Job; readable: boolean | null }
  | { name: "refused"; error: unknown };

let numbers = 0;

export class DatasetCard {
  readonly element: HTMLLIElement;
  private readonly options: OptionsForm;
  private readonly fold: HTMLDetailsElement;
  private readonly status = el("p", { class: "card-status", role: "status" });
  private readonly bar = el("progress", { max: 1, hidden: true });
  private readonly result = el("div", { class: "card-result" });
  private readonly actions = el("div", { class: "card-actions" });
  private readonly head = el("div", { class: "dataset-head" });
  private state: State = { name: "ready" };
  private stop: AbortController | null = null;
  private job: string | null = null;

  constructor(
    readonly dataset: Dataset,
    private readonly world: CardWorld,
    private voice: Voice,
  ) {
    numbers += 1;
    this.options = new OptionsForm(dataset.kind, `dataset-${numbers}`);
    this.fold = el("details", { class: "options-fold" });
    const parts = [this.head, this.status, this.bar, this.result, this.fold, this.actions];
    this.element = el("li", { class: "dataset", "data-dataset": dataset.name }, ...parts);
    this.translate(voice);
  }

  get busy(): boolean {
    return this.stop !== null;
  }

  /** Whether bytes are still going out: leaving the page would lose them. */
  get sending(): boolean {
    return this.busy && this.job === null;
  }

  get untouched(): boolean {
    return this.state.name === "ready";
  }

  translate(voice: Voice): void {
    const { say, language } = voice;
    this.voice = voice;
    this.options.translate(say, language);
    const summary = el("summary", {}, say("optionsTitle"), el("span", { class: "quiet" }, say("optionsHelp")));
    this.fold.replaceChildren(summary, this.options.element);
    this.drawHead();
    this.render();
  }

  /** Sends the files and follows the job to its end. */
  async run(dry: boolean): Promise<void> {
    if (this.stop || this.tooLarge()) return;
    const stop = new AbortController();
    this.stop = stop;
    this.options.clearMarks();
    this.show({ name: this.world.turns.full ? "queued" : "packing" });
    try {
      await this.world.turns.take(() => this.go(dry, stop.signal));
    } catch (error) {
      if (stop.signal.aborted) this.show({ name: "cancelled" });
      else this.refuse(error);
    } finally {
      this.stop = null;
      this.job = null;
      this.render();
      this.world.changed();
    }
  }

  /** Gives up what is under way, because the card goes. */
  discard(): void {
    if (this.busy) void this.cancel();
  }

  // --- the way -----------------------------------------------------------------------------------

  private async go(dry: boolean, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.show({ name: "packing" });
    const options: Options = { ...this.options.options(), ...(dry ? { dry_run: "true" } : {}) };
    const lost = () => this.show({ name: "lost" });
    const sent = (done: number, all: number) => this.show({ name: "sending", done, all });
    this.job = await this.world.sender.send(this.dataset.files, options, { sent, lost }, signal);
    this.world.changed();
    const tell = (progress: Progress | null) => (progress ? this.show({ name: "working", progress }) : lost());
    const job = await this.world.office.follow(this.job, tell, signal);
    await this.end(job);
  }

  private async end(job: Job): Promise<void> {
    this.show(job.state === "cancelled" ? { name: "cancelled" } : { name: "ended", job, readable: null });
    if (job.error) this.pointAt(jobTrouble(job.error, this.voice.language));
    else this.fold.open = false; // what was found is what to read now
    const published = job.state === "done" && !job.dry_run ? (job.layers ?? []) : [];
    if (published.length > 0) await this.seen(job, published);
  }

  /** Waits until the map knows of the layers: server processes look for news every few seconds. */
  private async seen(job: Job, published: Report[]): Promise<void> {
    const readable = await this.world.readable(published);
    this.show({ name: "ended", job, readable });
  }

  private refuse(error: unknown): void {
    this.show({ name: "refused", error });
    this.pointAt(requestTrouble(error, this.voice.language));
  }

  /** Stops what goes out, and the job if there is one already; only a job that runs is asked to. */
  private async cancel(): Promise<void> {
    const job = this.job;
    if (job) await this.world.office.cancel(job).catch((error: unknown) => this.refuse(error));
    else this.stop?.abort(new DOMException("cancelled", "AbortError"));
  }

  private tooLarge(): boolean {
    const most = this.world.mostBytes();
    return most !== null && this.dataset.bytes > most;
  }

  /** Opens the options at the field in question, unless the reader is busy elsewhere. */
  private pointAt({ field }: Trouble): void {
    if (!field || !this.options.has(field)) return;
    this.fold.open = true;
    const active = document.activeElement;
    if (!active || active === document.body || this.element.contains(active)) this.options.point(field);
  }

  private again(options: Options): void {
    for (const [name, value] of Object.entries(options)) this.options.set(name, value);
    void this.run(true);
  }

  // --- what is seen ------------------------------------------------------------------------------

  private drawHead(): void {
    const { say, language } = this.voice;
    const { name, files, bytes, missing } = this.dataset;
    const remove = iconButton("close", say("remove", { name }));
    remove.addEventListener("click", () => this.world.removed(this));
    const title = el("h3", {}, name, " ", el("span", { class: "quiet" }, say("bytes", { size: sizeText(bytes, language) })));
    const lines: HTMLElement[] = [];
    if (files.length > 1) {
      const names = files.map((file) => file.name.normalize("NFC")).join(", ");
      lines.push(el("p", { class: "together quiet" }, say("together", { count: files.length, names })));
    }
    lines.push(...this.lacks(missing).map((text) => el("p", { class: "lacks" }, text)));
    this.head.replaceChildren(el("div", { class: "dataset-name" }, title, ...lines), remove);
  }

  private lacks(missing: readonly string[]): string[] {
    const { say } = this.voice;
    if (missing.includes("shp")) return [say("missingShp")];
    return (["dbf", "prj"] as const).filter((part) => missing.includes(part)).map((part) => say(`missing_${part}`));
  }

  private show(state: State): void {
    const moved = state.name !== this.state.name;
    this.state = state;
    if (moved || (state.name !== "sending" && state.name !== "working")) this.render();
    else this.renderProgress();
  }

  private render(): void {
    this.element.dataset["state"] = this.shownState();
    this.renderProgress();
    this.result.replaceChildren(...this.results());
    this.actions.replaceChildren(...this.buttons());
  }

  /** `checked` and `published` are how a job that is done ended, for tests and for colours. */
  private shownState(): string {
    if (this.state.name !== "ended") return this.state.name;
    const { job } = this.state;
    return job.state === "done" ? (job.dry_run ? "checked" : "published") : job.state;
  }

  private renderProgress(): void {
    const [words, fraction] = this.progressWords();
    if (this.status.textContent !== words) this.status.textContent = words; // said once, not at each per cent
    this.bar.hidden = !this.busy || this.state.name === "ended";
    this.status.classList.toggle("unseen", this.bar.hidden); // how it ended stands beneath for those who see it
    this.bar.setAttribute("aria-label", this.dataset.name);
    if (fraction === null) this.bar.removeAttribute("value");
    else this.bar.value = fraction;
  }

  private progressWords(): [string, number | null] {
    const { say, language } = this.voice;
    switch (this.state.name) {
      case "queued":
        return [say("queuedHere"), null];
      case "lost":
        return [say("lost"), null];
      case "packing":
        return [say("packing"), null];
      case "sending": {
        const { done, all } = this.state;
        const large = all > 2 ** 20;
        return [large ? say("sending", { done: sizeText(done, language), all: sizeText(all, language) }) : say("packing"), done / all];
      }
      case "working":
        return [say(`stage_${this.state.progress.stage}`), this.state.progress.progress];
      case "cancelled":
        return [say("cancelledHeading"), null];
      case "refused":
        return [`${say("failedHeading")}: ${requestTrouble(this.state.error, language).words}`, null];
      case "ended":
        return [this.ending(this.state.job), null];
      default:
        return ["", null];
    }
  }

  /** How a job ended, in one sentence. */
  private ending(job: Job): string {
    const { say, language } = this.voice;
    if (job.error) return `${say("failedHeading")}: ${jobTrouble(job.error, language).words}`;
    return say(job.dry_run ? "checkedHeading" : "publishedHeading");
  }

  private results(): HTMLElement[] {
    const { say, language } = this.voice;
    const { state } = this;
    if (this.tooLarge()) {
      const size = sizeText(this.dataset.bytes, language);
      const most = sizeText(this.world.mostBytes() ?? 0, language);
      return [el("p", { class: "trouble" }, say("tooLarge", { size, most }))];
    }
    if (state.name === "cancelled") return [el("p", { class: "quiet" }, say("cancelledHeading"))];
    if (state.name === "refused") return [this.trouble(requestTrouble(state.error, language))];
    if (state.name !== "ended") return [];
    if (state.job.error) return [this.trouble(jobTrouble(state.job.error, language))];
    const heading = el("h4", { class: "good" }, this.ending(state.job));
    return [heading, ...reports(state.job.layers ?? [], this.voice)];
  }

  private trouble(trouble: Trouble): HTMLElement {
    const { say, language } = this.voice;
    const offers = trouble.suggestions.map((options) => {
      const what = options["crs"] ? systemWords(options["crs"], language) : Object.values(options).join(", ");
      return button(say("suggestion", { what }), "choice", () => this.again(options));
    });
    const question = el("p", {}, say("suggestionsTitle"));
    const list = el("div", { class: "choices", role: "group", "aria-label": say("suggestionsTitle") }, question, ...offers);
    return troubleBox(trouble, say("failedHeading"), this.voice, ...(offers.length > 0 ? [list] : []));
  }

  private buttons(): HTMLElement[] {
    const { say } = this.voice;
    if (this.tooLarge()) return [];
    if (this.state.name !== "ended" && this.busy) return [button(say("cancel"), "text-button", () => void this.cancel())];
    const check = (kind: string, again: boolean) =>
      button(say(again ? "checkAgain" : "check"), kind, () => void this.run(true));
    const publish = (kind: string, id: "publish" | "publishNow" | "publishAgain") =>
      button(say(id), kind, () => void this.run(false));
    const shown = this.shownState();
    if (shown === "published") return this.afterPublishing();
    if (shown === "checked") return [publish("solid-button", "publish"), check("text-button", true)];
    return [check("solid-button", shown !== "ready"), publish("text-button", "publishNow")];
  }

  private afterPublishing(): HTMLElement[] {
    const { say } = this.voice;
    if (this.state.name !== "ended") return [];
    if (this.state.readable === null) return [el("p", { class: "quiet" }, say("appearing"))];
    if (!this.state.readable) return [el("p", { class: "lacks" }, say("notReadable"))];
    const ids = (this.state.job.layers ?? []).map(({ id }) => id);
    return [el("a", { class: "solid-button map-link", href: this.world.mapAddress(ids.join(",")) }, say("seeOnMap"))];
  }
}

function systemWords(code: string, language: Voice["language"]): string {
  const name = systemName(code, language);
  return name ? `${code} ${name}` : code;
}
