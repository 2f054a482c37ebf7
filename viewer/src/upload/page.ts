// Ties the upload page together: key, drop zone, datasets, jobs, layers, language.
import { byId, nameButton } from "../dom.ts";
import { storedKey, storeKey } from "../session.ts";
import { type Language, preferredLanguage } from "../texts.ts";
import { statusOf } from "../trouble.ts";
import { type CardWorld, DatasetCard } from "./card.ts";
import { datasets, type Part } from "./datasets.ts";
import { DropZone } from "./drop-zone.ts";
import { JobsList } from "./jobs-list.ts";
import { LayersList } from "./layers-list.ts";
import { Office, type Report } from "./office.ts";
import type { Voice } from "./report.ts";
import { Sender } from "./sending.ts";
import { sizeText, speakingUpload, type UploadTextId } from "./texts.ts";
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
  private voice: Voice;
  private cards: DatasetCard[] = [];
  private most: number | null = null;
  private admitted = false;

  constructor(base: URL) {
    this.office = new Office(base, storedKey);
    this.voice = voiceOf(new URLSearchParams(location.hash.slice(1)).get("lang"));
    this.world = this.worldOfCards();
    this.jobs = new JobsList(byId("jobs-list"), this.office, this.voice);
    this.layers = new LayersList(byId("layers-list"), byId("layers-message"), this.office, () => this.jobs.known, this.voice);
    this.wire();
  }

  async start(): Promise<void> {
    this.translate();
    if (storedKey()) await this.enter();
    document.documentElement.dataset["uploadState"] = "ready";
  }

  // --- the key -----------------------------------------------------------------------------------

  /** Asks the server whether the key may manage, and opens the rest of the page if so. */
  private async enter(): Promise<void> {
    const message = byId("key-message");
    message.classList.remove("bad");
    message.textContent = this.voice.say("keyChecking");
    try {
      await this.office.jobs();
      this.most = await this.office.mostBytes();
    } catch (error) {
      const refused = [401, 403].includes(statusOf(error) ?? 0);
      const key = storedKey() ?? "";
      if (refused) storeKey(null);
      this.admit(false);
      if (!refused) byId<HTMLInputElement>("key-input").value = key; // the server was away: one press tries again
      message.classList.add("bad");
      message.textContent = requestTrouble(error, this.voice.language).words;
      return;
    }
    this.admit(true);
    await this.jobs.load();
    await this.layers.load();
  }

  private admit(admitted: boolean): void {
    const { say } = this.voice;
    this.admitted = admitted;
    byId("desk").hidden = !admitted;
    byId("key-row").hidden = admitted;
    byId("key-help").hidden = admitted;
    byId("key-remove").hidden = !admitted;
    byId("key-message").textContent = admitted ? say("keyInUse") : "";
    byId<HTMLInputElement>("key-input").value = "";
    if (!admitted) this.jobs.forget();
    if (!admitted) this.layers.forget();
    this.sayMost();
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
    if (this.admitted) await this.jobs.load();
  }

  // --- page and language -----------------------------------------------------------------------------

  private wire(): void {
    new DropZone((parts) => this.add(parts), (error) => this.dropFailed(error));
    byId("key-form").addEventListener("submit", (event) => {
      event.preventDefault();
      storeKey(byId<HTMLInputElement>("key-input").value.trim() || null);
      if (storedKey()) void this.enter();
    });
    byId("key-remove").addEventListener("click", () => {
      storeKey(null);
      this.admit(false);
      byId("key-input").focus();
    });
    byId("check-all").addEventListener("click", () => {
      for (const card of this.cards.filter(({ untouched }) => untouched)) void card.run(true);
      this.showCards();
    });
    byId("jobs-reload").addEventListener("click", () => void this.jobs.load());
    byId("language").addEventListener("click", () => {
      this.voice = voiceOf(this.voice.language === "ko" ? "en" : "ko");
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
    const { say, language } = this.voice;
    document.documentElement.lang = language;
    document.title = say("title");
    for (const element of document.querySelectorAll<HTMLElement>("[data-text]")) {
      element.textContent = say(element.dataset["text"] as UploadTextId);
    }
    for (const element of document.querySelectorAll<HTMLElement>("[data-label]")) {
      nameButton(element, say(element.dataset["label"] as UploadTextId));
    }
    byId("language").lang = language === "ko" ? "en" : "ko";
    byId<HTMLAnchorElement>("to-map").href = `./#lang=${language}`;
    byId("key-message").textContent = this.admitted ? say("keyInUse") : "";
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

function voiceOf(wanted: string | null): Voice {
  const language: Language = wanted === "ko" || wanted === "en" ? wanted : preferredLanguage(navigator.language);
  return { language, say: speakingUpload(language) };
}
