// Ties the page of keys together: the managing key, the form, the list, language.
import { Api, type LayerInfo } from "../api.ts";
import { byId } from "../dom.ts";
import { storedKey } from "../session.ts";
import type { Language } from "../texts.ts";
import { Gate } from "../ui/gate.ts";
import { askedLanguage, otherLanguage, translateFrame, type Voice } from "../ui/office-page.ts";
import { requestTrouble } from "../upload/troubles.ts";
import { Ledger } from "../usage/ledger.ts";
import { showSecret } from "./dialogs.ts";
import { KeyFieldsForm } from "./form.ts";
import { type KeyFields, Keys } from "./keys.ts";
import { KeysList } from "./list.ts";
import { type KeysTextId, speakingKeys } from "./texts.ts";

export class KeysPage {
  private readonly api: Api;
  private readonly keys: Keys;
  private readonly list: KeysList;
  private readonly gate: Gate;
  private voice: Voice<KeysTextId> = voiceOf(askedLanguage());
  private layers: LayerInfo[] = [];
  private timezone = "UTC";

  constructor(base: URL) {
    this.api = new Api(base, storedKey);
    this.keys = new Keys(this.api);
    const world = {
      keys: this.keys,
      layers: () => this.layers,
      timezone: () => this.timezone,
      tell: (words: string, bad = false) => this.tell(words, bad),
    };
    this.list = new KeysList(byId("keys-list"), world, this.voice);
    this.gate = new Gate({
      attempt: () => this.attempt(),
      admit: (admitted) => this.admit(admitted),
      words: (error) => requestTrouble(error, this.voice.language).words,
      say: (id) => this.voice.say(id),
    });
    byId("reload").addEventListener("click", () => void this.list.load());
    byId("language").addEventListener("click", () => {
      this.voice = voiceOf(otherLanguage(this.voice.language));
      this.translate();
    });
  }

  async start(): Promise<void> {
    this.translate();
    if (storedKey()) await this.gate.enter();
    document.documentElement.dataset["keysState"] = "ready";
  }

  /** Only a key that manages sees keys. The ledger knows in which time zone a day ends here. */
  private async attempt(): Promise<void> {
    await this.keys.all();
    this.timezone = (await new Ledger(this.api).mine({ by: ["day"] })).timezone;
    this.layers = await this.api.layers();
  }

  private async admit(admitted: boolean): Promise<void> {
    if (admitted) {
      this.showForm();
      await this.list.load();
    } else {
      this.list.forget();
      byId("make-form").replaceChildren();
    }
  }

  private showForm(): void {
    const form = new KeyFieldsForm(null, { layers: this.layers, timezone: this.timezone, send: (fields) => this.make(fields), cancel: null }, this.voice);
    byId("make-form").replaceChildren(form.element);
  }

  private async make(fields: KeyFields): Promise<void> {
    const made = await this.keys.create(fields);
    await showSecret(made, "secretMade", this.voice.say);
    byId<HTMLDetailsElement>("make").open = false;
    this.showForm();
    await this.list.reveal(made.id);
    this.tell(this.voice.say("made", { name: made.name }), false);
  }

  private tell(words: string, bad: boolean): void {
    const message = byId("keys-message");
    message.classList.toggle("bad", bad);
    message.textContent = words;
  }

  private translate(): void {
    translateFrame("keys", this.voice, this.voice.say("title"));
    this.gate.translate();
    this.tell("", false);
    if (this.gate.open) this.showForm();
    this.list.translate(this.voice);
    history.replaceState(null, "", `#lang=${this.voice.language}`);
  }
}

function voiceOf(language: Language): Voice<KeysTextId> {
  return { language, say: speakingKeys(language) };
}
