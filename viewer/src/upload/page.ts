// Ties the upload page together: key, drop zone, datasets, jobs, layers, language.
import { sizeText } from "../amounts.ts";
import { byId } from "../dom.ts";
import { storedKey } from "../session.ts";
import type { Language } from "../texts.ts";
import { Gate } from "../ui/gate.ts";
import { askedLanguage, otherLanguage, translateFrame } from "../ui/office-page.ts";
import { type CardWorld, DatasetCard } from "./card.ts";
import { datasets, type Part } from "./datasets.ts";
import { DropZone } from "./drop-zone.ts";
import { JobsList } from "./jobs-list.ts";
import { LayersList } from "./layers-list.ts";
import { Office, type Report } from "./office.ts";
import type { Voice } from "./report.ts";
import { Sender } from "./sending.ts";
import { speakingUpload } from "./texts.ts";
import { requestTrouble } from "./troubles.ts";
import { Turns } from "./turns.ts";

const AT_ONCE = 3;
const LOOKS = 20;
const LOOK_AGAIN_MS = 500;

export class UploadPage {
  private readonly office: Office;
  private readonly world: CardWorld;
  private readonly jobs: JobsList;
  private readonly layers: LayersList;
  private readonly gate: Gate;
  private voice: Voice;
  private cards: DatasetCard[] = [];
  private most: number | null = null;

  constructor(base: URL) {
    this.office = new Office(base, storedKey);
    this.voice = voiceOf(askedLanguage());
    this.world = this.worldOfCards();
    this.jobs = new JobsList(byId("jobs-list"), this.office, this.voice);
    this.layers = new LayersList(byId("layers-list"), byId("layers-message"), this.office, () => this.jobs.known, this.voice);
    this.gate = new Gate({
      attempt: () => this.attempt(),
      admit: (admitted) => this.admit(admitted),
      words: (error) => requestTrouble(error, this.voice.language).words,
      say: (id) => this.voice.say(id),
    });
    this.wire();
  }

  async start(): Promise<void> {
    this.translate();
    if (storedKey()) await this.gate.enter();
    document.documentElement.dataset["uploadState"] = "ready";
  }

  // --- the key -----------------------------------------------------------------------------------

  /** Only a key that may manage sees jobs. */
  private async attempt(): Promise<void> {
    await this.office.jobs();
    this.most = await this.office.mostBytes();
  }

  private async admit(admitted: boolean): Promise<void> {
    this.sayMost();
    if (admitted) {
      await this.jobs.load();
      await this.layers.load();
    } else {
      this.jobs.forget();
      this.layers.forget();
    }
  }

  // --- datasets ------------------------------------------------------------------------------------

  private worldOfCards(): CardWorld {
    return {
      office: this.office,
      sender: new Sender(this.office.api),
      turns: new Turns(AT_ONCE),
      mostBytes: () => this.most,
      readable: (published) => this.readable(published),
      mapAddress: (ids) => `./#layers=${ids}&lang=${this.voice.language}`,
      removed: (card) => this.removed(card),
      changed: () => void this.refresh(),
    };
  }

  private add(parts: Part[]): void {
    const found = datasets(parts);
    const made = found.map((dataset) => new DatasetCard(dataset, this.world, this.voice));
    this.cards.push(...made);
    byId("cards").append(...made.map(({ element }) => element));
    const { say } = this.voice;
    byId("drop-message").textContent = made.length > 0 ? say("added", { count: made.length }) : say("dropEmpty");
    this.showCards();
    made[0]?.element.scrollIntoView({ block: "nearest" });
  }

  private removed(card: DatasetCard): void {
    card.discard();
    card.element.remove();
    this.cards = this.cards.filter((one) => one !== card);
    this.showCards();
    byId("pick").focus();
  }

  private showCards(): void {
    byId("datasets").hidden = this.cards.length === 0;
    byId("check-all").hidden = this.cards.filter(({ untouched }) => untouched).length < 2;
  }

  private async readable(published: readonly Report[]): Promise<boolean> {
    for (let look = 0; look < LOOKS; look += 1) {
      await this.layers.load();
      if (published.every(({ id, version }) => this.layers.has(id, version ?? 0))) return true;
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
    return false;
  }

  private async refresh(): Promise<void> {
    this.showCards();
    if (this.gate.open) await this.jobs.load();
  }

  // --- page and language -----------------------------------------------------------------------------

  private wire(): void {
    new DropZone((parts) => this.add(parts), (error) => this.dropFailed(error));
    byId("check-all").addEventListener("click", () => {
      for (const card of this.cards.filter(({ untouched }) => untouched)) void card.run(true);
      this.showCards();
    });
    byId("jobs-reload").addEventListener("click", () => void this.jobs.load());
    byId("language").addEventListener("click", () => {
      this.voice = voiceOf(otherLanguage(this.voice.language));
      this.translate();
    });
    window.addEventListener("beforeunload", (event) => {
      if (this.cards.some(({ sending }) => sending)) event.preventDefault(); // what is not sent yet would be lost
    });
  }

  private dropFailed(error: unknown): void {
    const detail = error instanceof Error ? error.message : String(error);
    byId("drop-message").textContent = this.voice.say("dropFailed", { detail });
  }

  private translate(): void {
    const { language } = this.voice;
    translateFrame("upload", this.voice, this.voice.say("title"));
    this.gate.translate();
    byId("drop-message").textContent = "";
    this.sayMost();
    history.replaceState(null, "", `#lang=${language}`);
    for (const card of this.cards) card.translate(this.voice);
    this.jobs.translate(this.voice);
    this.layers.translate(this.voice);
  }

  private sayMost(): void {
    const { say, language } = this.voice;
    byId("drop-most").textContent = this.most === null ? "" : say("dropMost", { size: sizeText(this.most, language) });
  }
}

function voiceOf(language: Language): Voice {
  return { language, say: speakingUpload(language) };
}
