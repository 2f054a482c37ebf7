// The key in front of a page: asked for, tried at the server, kept as long as the tab, forgotten when refused.
import { byId } from "../dom.ts";
import { storedKey, storeKey } from "../session.ts";
import { statusOf } from "../trouble.ts";

export interface Gated {
  /** Asks the server for something that only a key which may use the page can have. */
  attempt(): Promise<void>;
  /** The page behind opens, loading what it shows, or closes. */
  admit(admitted: boolean): Promise<void>;
  /** An error in the reader's words. */
  words(error: unknown): string;
  say(id: "keyChecking" | "keyInUse"): string;
}

export class Gate {
  private isOpen = false;

  constructor(private readonly page: Gated) {
    byId("key-form").addEventListener("submit", (event) => {
      event.preventDefault();
      storeKey(byId<HTMLInputElement>("key-input").value.trim() || null);
      if (storedKey()) void this.enter();
    });
    byId("key-remove").addEventListener("click", () => {
      storeKey(null);
      void this.show(false);
      byId("key-input").focus();
    });
  }

  get open(): boolean {
    return this.isOpen;
  }

  /** Tries the key of this tab; opens the page if it will do. */
  async enter(): Promise<void> {
    const message = byId("key-message");
    message.classList.remove("bad");
    message.textContent = this.page.say("keyChecking");
    try {
      await this.page.attempt();
    } catch (error) {
      this.refuse(error);
      return;
    }
    await this.show(true);
  }

  translate(): void {
    byId("key-message").textContent = this.isOpen ? this.page.say("keyInUse") : "";
  }

  private refuse(error: unknown): void {
    const refused = [401, 403].includes(statusOf(error) ?? 0);
    const key = storedKey() ?? "";
    if (refused) storeKey(null);
    void this.show(false);
    if (!refused) byId<HTMLInputElement>("key-input").value = key; // the server was away: one press tries again
    byId("key-message").classList.add("bad");
    byId("key-message").textContent = this.page.words(error);
  }

  private async show(open: boolean): Promise<void> {
    this.isOpen = open;
    byId("desk").hidden = !open;
    byId("key-row").hidden = open;
    byId("key-help").hidden = open;
    byId("key-remove").hidden = !open;
    byId<HTMLInputElement>("key-input").value = "";
    this.translate();
    await this.page.admit(open);
  }
}
