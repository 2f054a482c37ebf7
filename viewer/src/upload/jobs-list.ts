// The newest jobs that the key may see; each opens its report.
import { momentText } from "../amounts.ts";
import { button, el } from "../dom.ts";
import { hasEnded, type Job, type Office } from "./office.ts";
import { reports, troubleBox, type Voice } from "./report.ts";
import type { UploadTextId } from "./texts.ts";
import { jobTrouble, requestTrouble } from "./troubles.ts";

const LOOK_AGAIN_MS = 4000;
const SHOWN_AT_FIRST = 6;

export class JobsList {
  private jobs: Job[] | null = null;
  private error: unknown = null;
  private readonly open = new Set<string>();
  private timer = 0;
  private all = false;

  constructor(
    private readonly place: HTMLElement,
    private readonly office: Office,
    private voice: Voice,
  ) {}

  translate(voice: Voice): void {
    this.voice = voice;
    this.render();
  }

  /** The jobs as they were last loaded, to say which file a version came from. */
  get known(): readonly Job[] {
    return this.jobs ?? [];
  }

  forget(): void {
    clearTimeout(this.timer);
    this.jobs = null;
    this.render();
  }

  /** Loads the list; looks again by itself as long as something is under way. */
  async load(): Promise<void> {
    clearTimeout(this.timer);
    try {
      this.jobs = await this.office.jobs();
      this.error = null;
    } catch (error) {
      this.error = error;
    }
    this.render();
    const going = this.error === null && this.known.some((job) => !hasEnded(job));
    if (going) this.timer = window.setTimeout(() => void this.load(), LOOK_AGAIN_MS);
  }

  private render(): void {
    const { say, language } = this.voice;
    if (this.error !== null) {
      this.place.replaceChildren(el("p", { class: "bad", role: "alert" }, requestTrouble(this.error, language).words));
    } else if (this.jobs?.length === 0) {
      this.place.replaceChildren(el("p", { class: "quiet" }, say("jobsEmpty")));
    } else {
      const shown = this.all ? this.known : this.known.slice(0, SHOWN_AT_FIRST);
      const list = el("ul", { class: "jobs" }, ...shown.map((job) => this.item(job)));
      this.place.replaceChildren(list, ...(shown.length < this.known.length ? [this.showAll()] : []));
    }
  }

  private showAll(): HTMLElement {
    return button(this.voice.say("jobsAll", { count: this.known.length }), "text-button", () => {
      this.all = true;
      this.render();
      this.place.querySelectorAll<HTMLElement>("summary")[SHOWN_AT_FIRST]?.focus();
    });
  }

  private item(job: Job): HTMLLIElement {
    const { say, language } = this.voice;
    const name = el("span", { class: "job-file" }, job.file ?? say("unnamedFile"));
    const kind = el("span", { class: "quiet", hidden: job.state === "done" }, say(job.dry_run ? "jobCheck" : "jobPublish"));
    const state = el("span", { class: `job-state job-${job.state}` }, say(stateWords(job)));
    const when = el("time", { class: "quiet", datetime: job.created }, momentText(job.created, language));
    const details = el("details", { open: this.open.has(job.id) }, el("summary", {}, name, kind, state, when));
    details.append(el("div", { class: "job-body" }, ...this.body(job)));
    details.addEventListener("toggle", () => (details.open ? this.open.add(job.id) : this.open.delete(job.id)));
    return el("li", { "data-job": job.id }, details);
  }

  private body(job: Job): HTMLElement[] {
    const { say, language } = this.voice;
    if (job.error) return [troubleBox(jobTrouble(job.error, language), say("failedHeading"), this.voice)];
    if (job.layers) return reports(job.layers, this.voice);
    if (hasEnded(job)) return [el("p", {}, say("cancelledHeading"))];
    const bar = el("progress", { max: 1, value: job.progress, "aria-label": say(`stage_${job.stage}`) });
    const cancel = button(say("cancel"), "text-button", () => void this.cancel(job.id));
    return [el("p", {}, say(`stage_${job.stage}`)), bar, cancel];
  }

  private async cancel(id: string): Promise<void> {
    await this.office.cancel(id).catch((error: unknown) => {
      this.error = error;
    });
    await this.load();
  }
}

function stateWords(job: Job): UploadTextId {
  if (job.state === "done") return job.dry_run ? "state_checked" : "state_published";
  return `state_${job.state}`;
}
