// Where a key for private layers is entered.
import { byId } from "../dom.ts";
import type { Translate } from "../texts.ts";

export class KeyForm {
  private readonly form = byId<HTMLFormElement>("key-form");
  private readonly input = byId<HTMLInputElement>("key-input");
  private readonly remove = byId<HTMLButtonElement>("key-remove");
  private readonly message = byId("key-message");

  /** `apply` gets the key that was entered, or null when it is taken away. */
  constructor(apply: (key: string | null) => void) {
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const key = this.input.value.trim();
      if (key) apply(key);
    });
    this.remove.addEventListener("click", () => apply(null));
  }

  /** Shows whether a key is in use. */
  inUse(active: boolean, say: Translate): void {
    this.message.textContent = active ? say("keyInUse") : "";
    this.message.classList.remove("bad");
    this.remove.hidden = !active;
    if (active) this.input.value = "";
  }

  refused(why: string): void {
    byId<HTMLDetailsElement>("key-section").open = true;
    this.message.textContent = why;
    this.message.classList.add("bad");
    this.remove.hidden = true;
  }
}
