// The runs that the key may see: running ones with their progress, finished ones to be opened.
import { momentText } from "../amounts.ts";
import { button, el } from "../dom.ts";
import { confirmed } from "../ui/confirm.ts";
import { hasEnded, type Progress, type Run, type Service, titleOf } from "./service.ts";
import type { FloodTextId, FloodVoice } from "./texts.ts";
import { durationText, errorText, metresText, notPublishedWords, progressWords } from "./words.ts";

export interface ListHooks {
  voice(): FloodVoice;
  open(run: Run): void;
  /** Runs have come, gone or ended. */
  changed(): void;
  words(error: unknown): string;
  announce(words: string): void;
}

const MOST_TOLD = 12;

interface Followed {
  stop: AbortController;
  /** null: the line broke and is tried again. */
  progress: Progress | null;
  show(): void;
}

export class RunsList {
  runs: Run[] = [];
  private allowed = false;
  private error: unknown = null;
  private loaded = false;
  private readonly followed = new Map<string, Followed>();
  private readonly told = new Map<string, Run>();
  /** Runs whose progress the server does not tell, and why: they are not asked for again by themselves. */
  private readonly untold = new Map<string, unknown>();
  private openId: string | null = null;

  constructor(
    private readonly place: HTMLElement,
    private readonly service: Service,
    private readonly hooks: ListHooks,
  ) {}

  /** Whether the key may hand scenarios in. */
  get mayRun(): boolean {
    return this.allowed;
  }

  async load(): Promise<void> {
    try {
      const told = await this.service.runs();
      this.runs = told.runs;
      this.allowed = told.mayRun;
      this.error = null;
    } catch (error) {
      this.runs = [];
      this.error = error;
    }
    this.loaded = true;
    await this.tellMore();
    for (const run of this.runs) if (!hasEnded(run) && this.allowed && !this.untold.has(run.id)) this.follow(run.id);
    this.render();
    this.hooks.changed();
  }

  /** The newest that have ended say how they did; what was asked for once is not asked for again. */
  private async tellMore(): Promise<void> {
    const ended = this.runs.filter((run) => ["done", "failed"].includes(run.state)).slice(0, MOST_TOLD);
    const told = await Promise.all(ended.map(async ({ id }) => this.told.get(id) ?? (await this.service.run(id).catch(() => null))));
    for (const run of told) {
      if (!run) continue; // gone meanwhile: the list says as much as it can
      this.told.set(run.id, run);
      this.runs = this.runs.map((one) => (one.id === run.id ? run : one));
    }
  }

  find(id: string): Run | null {
    return this.runs.find((run) => run.id === id) ?? null;
  }

  mark(id: string | null): void {
    this.openId = id;
    this.render();
  }

  render(): void {
    const { say } = this.hooks.voice();
    const reload = button(say("reload"), "text-button", () => {
      this.untold.clear();
      void this.load();
    });
    const head = el("div", { class: "flood-row flood-list-head" }, el("p", { class: "quiet" }, say("runsNote")), reload);
    if (this.error !== null) return this.place.replaceChildren(head, el("p", { class: "bad", role: "alert" }, this.hooks.words(this.error)));
    if (!this.loaded) return this.place.replaceChildren(el("p", { class: "quiet" }, say("loading")));
    if (this.runs.length === 0) return this.place.replaceChildren(head, el("p", { class: "quiet" }, say("noRuns")));
    this.place.replaceChildren(head, el("ul", { class: "flood-runs" }, ...this.runs.map((run) => this.row(run))));
  }

  private row(run: Run): HTMLElement {
    const { language, say } = this.hooks.voice();
    const title = titleOf(run, language);
    const state = el("span", { class: `run-state run-${run.state}` }, say(`state_${run.state}` as FloodTextId));
    const head = el("div", { class: "run-head" }, el("strong", {}, title), state);
    const item = el("li", { class: run.id === this.openId ? "run-open" : "" }, head, el("p", { class: "quiet" }, this.facts(run)));
    if (!hasEnded(run)) item.append(...this.progress(run, state));
    if (run.error) item.append(el("p", { class: "bad" }, [run.error.message, run.error.remedy].filter(Boolean).join(". ")));
    if (run.state === "done") {
      const open = button(say(run.id === this.openId ? "opened" : "open"), "line-button", () => this.hooks.open(run));
      open.setAttribute("aria-label", `${open.textContent}: ${title}`);
      if (run.layers.length === 0) item.append(el("p", { class: "quiet" }, notPublishedWords(run, this.hooks.voice())));
      else if (this.superseded(run)) item.append(el("p", { class: "quiet" }, say("superseded")));
      else item.append(open);
    }
    return item;
  }

  /** Whether a newer run of the same id is what the layers show now. */
  private superseded({ id, layers }: Run): boolean {
    const newest = this.runs.find((run) => run.state === "done" && run.layers.some((layer) => layers.includes(layer)));
    return newest !== undefined && newest.id !== id;
  }

  private facts({ created, facts }: Run): string {
    const { say, language } = this.hooks.voice();
    const parts = [momentText(created, language)];
    if (facts?.max_depth_m !== undefined) parts.push(say("deepest", { depth: metresText(facts.max_depth_m, language) }));
    if (facts?.seconds) parts.push(say("took", { time: durationText(facts.seconds, this.hooks.voice()) }));
    if (facts?.volume) parts.push(say("volumeError", { error: errorText(facts.volume.relative_error) }));
    return parts.join(" · ");
  }

  // --- progress ----------------------------------------------------------------------------------------

  private progress(run: Run, state: HTMLElement): HTMLElement[] {
    const { say } = this.hooks.voice();
    const bar = el("progress", { max: 1, "aria-label": say("progressOf", { name: run.name }) });
    const words = el("p", { class: "quiet run-told" });
    const show = () => {
      const now = this.followed.get(run.id);
      const at = now?.progress ?? run;
      state.textContent = say(`state_${at.state}` as FloodTextId);
      if (at.state === "queued") bar.removeAttribute("value");
      else bar.value = at.progress;
      const untold = this.untold.get(run.id);
      words.classList.toggle("bad", untold !== undefined);
      if (untold !== undefined) words.textContent = this.hooks.words(untold);
      else words.textContent = now && now.progress === null ? say("lineBroken") : progressWords(at.message, at.progress, this.hooks.voice());
    };
    const followed = this.followed.get(run.id);
    if (followed) followed.show = show;
    show();
    if (!this.allowed) return [bar, words];
    return [bar, words, button(say("cancel"), "text-button", () => void this.cancel(run))];
  }

  private follow(id: string): void {
    if (this.followed.has(id)) return;
    const run = this.find(id);
    const followed: Followed = { stop: new AbortController(), progress: run, show: () => undefined };
    this.followed.set(id, followed);
    const tell = (progress: Progress | null) => {
      followed.progress = progress;
      followed.show();
    };
    this.service
      .follow(id, tell, followed.stop.signal)
      .then(
        () => {
          this.followed.delete(id);
          void this.ended(id);
        },
        (error: unknown) => {
          this.followed.delete(id);
          if (followed.stop.signal.aborted) return;
          this.untold.set(id, error);
          followed.show();
        },
      );
  }

  private async ended(id: string): Promise<void> {
    await this.load();
    const run = this.find(id);
    const { say } = this.hooks.voice();
    if (run) this.hooks.announce(say("endedAs", { name: run.name, state: say(`state_${run.state}` as FloodTextId) }));
  }

  private async cancel(run: Run): Promise<void> {
    const { say } = this.hooks.voice();
    const sure = await confirmed({ question: say("cancelQuestion", { name: run.name }), explained: say("cancelExplained"), yes: say("cancel"), no: say("goOn") });
    if (!sure) return;
    try {
      await this.service.cancel(run.id);
    } catch (error) {
      this.hooks.announce(this.hooks.words(error));
    }
    await this.load();
  }

  /** Another key is in use: nothing of the earlier one stays. */
  forget(): void {
    for (const { stop } of this.followed.values()) stop.abort();
    this.followed.clear();
    this.told.clear();
    this.untold.clear();
    this.runs = [];
    this.loaded = this.allowed = false;
    this.error = null;
    this.render();
  }
}
