// What the reader must know: one line at the top of the map, each kind of trouble once.
import { byId, el, iconButton } from "../dom.ts";
import type { Translate } from "../texts.ts";

export class Notices {
  private readonly place = byId("notices");
  private readonly shown = new Map<string, HTMLElement>();

  /** Shows `text`, replacing what stood under the same `topic`; `retry` adds a button. */
  show(topic: string, text: string, say: Translate, retry?: () => void): void {
    this.clear(topic);
    const close = iconButton("close", say("dismiss"));
    close.addEventListener("click", () => this.clear(topic));
    const notice = el("div", { class: "notice", role: "alert" }, el("p", {}, text));
    if (retry) notice.append(this.retryButton(topic, say, retry));
    notice.append(close);
    this.shown.set(topic, notice);
    this.place.append(notice);
  }

  clear(topic: string): void {
    this.shown.get(topic)?.remove();
    this.shown.delete(topic);
  }

  clearAll(): void {
    for (const topic of [...this.shown.keys()]) this.clear(topic);
  }

  private retryButton(topic: string, say: Translate, retry: () => void): HTMLButtonElement {
    const button = el("button", { type: "button", class: "text-button" }, say("retry"));
    button.addEventListener("click", () => {
      this.clear(topic);
      retry();
    });
    return button;
  }
}
