// Ties the usage page together: key, quotas, period and filters, charts, files, map, language.
import { Api, type LayerInfo } from "../api.ts";
import { countText, sizeText } from "../amounts.ts";
import { button, byId, el } from "../dom.ts";
import { Keys } from "../keys/keys.ts";
import { storedKey } from "../session.ts";
import type { Language } from "../texts.ts";
import { statusOf } from "../trouble.ts";
import { keep } from "../ui/download.ts";
import { Gate } from "../ui/gate.ts";
import { askedLanguage, otherLanguage, translateFrame, type Voice } from "../ui/office-page.ts";
import { requestTrouble } from "../upload/troubles.ts";
import { breakdown, shareText } from "./breakdown.ts";
import { Choices } from "./choices.ts";
import { gauges } from "./gauges.ts";
import { HeatSection } from "./heat-section.ts";
import { type Dimension, type FileFormat, Ledger, type Mine, type Question, type Usage } from "./ledger.ts";
import { Names } from "./names.ts";
import { dateIn } from "./period.ts";
import { speakingUsage, type UsageTextId } from "./texts.ts";
import { ends, Timeline } from "./timeline.ts";

type Broken = "key" | "layer" | "zoom";

interface Figures {
  overTime: Usage;
  by: Map<Broken, Usage>;
}

const TITLES: Record<Broken, UsageTextId> = { key: "byKey", layer: "byLayer", zoom: "byZoom" };

export class UsagePage {
  private readonly api: Api;
  private readonly ledger: Ledger;
  private readonly names = new Names();
  private readonly choices = new Choices(() => void this.load());
  private readonly timeline = new Timeline();
  private readonly heat: HeatSection;
  private readonly gate: Gate;
  private voice: Voice<UsageTextId> = voiceOf(askedLanguage());
  private mine: Mine | null = null;
  private manages = false;
  /** A managing key for some layers only sees what was asked of those, and not by whom. */
  private oversees = false;
  private layers: LayerInfo[] = [];
  private figures: Figures | null = null;
  /** Counts the loads: only the latest answer is shown. */
  private loads = 0;

  constructor(base: URL) {
    this.api = new Api(base, storedKey);
    this.ledger = new Ledger(this.api);
    this.heat = new HeatSection(this.ledger, this.api, this.voice, (error) => this.words(error));
    this.gate = new Gate({
      attempt: () => this.attempt(),
      admit: (admitted) => this.admit(admitted),
      words: (error) => this.words(error),
      say: (id) => (id === "keyInUse" && this.mine ? this.voice.say("keyNamed", { name: this.mine.key.name }) : this.voice.say(id)),
    });
    byId("language").addEventListener("click", () => {
      this.voice = voiceOf(otherLanguage(this.voice.language));
      this.translate();
    });
  }

  async start(): Promise<void> {
    this.translate();
    if (storedKey()) await this.gate.enter();
    this.state("ready");
  }

  private words(error: unknown): string {
    return requestTrouble(error, this.voice.language).words;
  }

  private state(state: "busy" | "ready"): void {
    document.documentElement.dataset["usageState"] = state;
  }

  // --- the key -----------------------------------------------------------------------------------

  /** Any key may see its own usage; one that manages, which sees the keys too, everybody's. */
  private async attempt(): Promise<void> {
    this.mine = await this.ledger.mine({ by: ["day"] });
    this.choices.today = dateIn(this.mine.timezone, new Date());
    const keys = await unlessForbidden(() => new Keys(this.api).all());
    this.manages = keys !== null;
    const { today } = this.choices;
    const everyKey = this.manages ? await unlessForbidden(() => this.ledger.all({ by: ["key"], from: today, to: today })) : null;
    this.oversees = everyKey !== null;
    this.layers = await this.api.layers();
    this.names.know(this.layers, this.oversees ? (keys ?? []) : []);
  }

  private async admit(admitted: boolean): Promise<void> {
    if (admitted) return this.load();
    this.mine = null;
    this.figures = null;
    this.timeline.clear();
    this.heat.hide();
    byId("breakdowns").replaceChildren();
  }

  // --- figures -----------------------------------------------------------------------------------

  private question(...by: Dimension[]): Question {
    const { key, ...others } = this.choices.filters;
    return { by, ...this.choices.days, ...others, ...(this.oversees ? { key } : {}) };
  }

  private ask(question: Question): Promise<Usage> {
    return this.manages ? this.ledger.all(question) : this.ledger.mine(question);
  }

  private async load(): Promise<void> {
    this.loads += 1;
    const { loads } = this;
    this.state("busy");
    this.remember();
    const message = byId("usage-message");
    message.classList.remove("bad");
    message.textContent = this.voice.say("loading");
    try {
      const figures = await this.asked();
      if (loads !== this.loads) return;
      this.figures = figures;
      this.show();
    } catch (error) {
      if (loads !== this.loads) return;
      message.classList.add("bad");
      this.choices.show(this.names, this.oversees, this.voice);
      message.textContent = this.words(error);
    }
    this.state("ready");
  }

  private async asked(): Promise<Figures> {
    const broken: Broken[] = this.oversees ? ["key", "layer", "zoom"] : ["layer", "zoom"];
    const [overTime, ...rest] = await Promise.all([this.ask(this.overTime), ...broken.map((by) => this.ask(this.question(by)))]);
    if (this.mine) this.mine = await this.ledger.mine({ by: ["day"] });
    return { overTime, by: new Map(broken.map((by, index) => [by, rest[index] as Usage])) };
  }

  private get overTime(): Question {
    const { grain, split } = this.choices;
    return this.question(grain, ...(split === "none" ? [] : [split]));
  }

  private show(): void {
    const { choices, figures, mine, names, voice } = this;
    if (!mine) return;
    choices.show(names, this.oversees, voice);
    if (!figures) return;
    const { say, language } = voice;
    byId("gauges").replaceChildren(...gauges(mine.quota, voice));
    byId("zone-note").textContent = say("zoneNote", { timezone: mine.timezone });
    const requests = countText(figures.overTime.total.requests, language);
    byId("usage-message").textContent = say("loaded", { ...ends(choices.days, language), requests });
    byId("totals").replaceChildren(...totals(figures.overTime, voice));
    const { days, grain, split, metric } = choices;
    this.timeline.show({ usage: figures.overTime, days, grain, split, metric }, names, voice);
    byId("time-files").replaceChildren(...this.files(this.overTime, say("overTime")));
    byId("breakdowns").replaceChildren(...[...figures.by].map(([by, usage]) => this.broken(by, usage)));
    if (this.manages) this.heat.show(this.layers, choices.filters.layer || busiest(figures, this.layers), days);
  }

  private broken(dimension: Broken, { rows }: Usage): HTMLElement {
    const { say, language } = this.voice;
    const files = el("p", { class: "files" }, ...this.files(this.question(dimension), say(TITLES[dimension])));
    const name = (of: Dimension, value: string) => this.names.of(of, value, say, language);
    const only = dimension === "zoom" ? null : (value: string) => this.choices.narrow(dimension, value);
    return breakdown({ dimension, title: TITLES[dimension], rows, name, only, files }, this.voice);
  }

  private files(question: Question, what: string): HTMLElement[] {
    const { say } = this.voice;
    const formats: [FileFormat, string][] = [
      ["csv", say("fileCsv")],
      ["xlsx", say("fileXlsx")],
    ];
    return formats.map(([format, words]) => {
      const made = button(words, "text-button", () => void this.save(question, format));
      made.setAttribute("aria-label", say("fileLabel", { what, format: words }));
      return made;
    });
  }

  private async save(question: Question, format: FileFormat): Promise<void> {
    const name = `naru-usage-${question.by.join("-")}-${question.from}-${question.to}.${format}`;
    const message = byId("usage-message");
    try {
      keep(await this.ledger.file(question, format, !this.manages), name);
      message.textContent = this.voice.say("fileSaved", { name });
    } catch (error) {
      message.textContent = this.words(error);
    }
  }

  // --- language ----------------------------------------------------------------------------------

  private translate(): void {
    translateFrame("usage", this.voice, this.voice.say("title"));
    this.gate.translate();
    this.heat.translate(this.voice);
    this.show();
    this.remember();
  }

  /** The address bar says what is shown, so that it can be passed on; who may see it is the key's matter. */
  private remember(): void {
    const choices = this.choices.today ? this.choices.hash : location.hash.slice(1).split("&").filter((part) => part && !part.startsWith("lang="));
    history.replaceState(null, "", `#${[`lang=${this.voice.language}`, ...choices].join("&")}`);
  }
}

function totals({ total }: Usage, { say, language }: Voice<UsageTextId>): HTMLElement[] {
  const share = say("errorShare", { share: shareText(total.errors, total.requests, language) });
  const visitors = total.visitors === null ? say("notCounted") : countText(total.visitors, language);
  const entries: [UsageTextId, string, string][] = [
    ["requests", countText(total.requests, language), ""],
    ["bytes", sizeText(total.bytes, language), ""],
    ["errors", countText(total.errors, language), share],
    ["visitors", visitors, say("visitorsHelp")],
  ];
  return entries.map(([id, value, note]) =>
    el("div", { "data-total": id }, el("dt", {}, say(id)), el("dd", {}, value), el("dd", { class: "hint" }, note)),
  );
}

/** What was asked for, or null where the key may not have it. */
async function unlessForbidden<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (statusOf(error) === 403) return null;
    throw error;
  }
}

/** The layer asked for most, of those that are there. */
function busiest({ by }: Figures, layers: readonly LayerInfo[]): string {
  const rows = [...(by.get("layer")?.rows ?? [])].sort((one, other) => other.requests - one.requests);
  return String(rows.find(({ layer }) => layers.some(({ id }) => id === layer))?.layer ?? "");
}

function voiceOf(language: Language): Voice<UsageTextId> {
  return { language, say: speakingUsage(language) };
}
