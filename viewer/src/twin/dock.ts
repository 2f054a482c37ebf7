// The sheet at the foot of the map in which a tool shows its charts. One tool at a time.
import { byId, el, nameButton } from "../dom.ts";

/** What stands in the dock: it says its title anew when the language changes. */
export interface DockContent {
  title(): string;
  /** Fills the body, again and again. */
  fill(body: HTMLElement): void;
  /** The dock has been closed or taken by another. */
  left(): void;
}

export class Dock {
  private readonly sheet = byId("dock");
  private readonly closeButton = byId<HTMLButtonElement>("dock-close");
  private readonly body = byId("dock-body");
  private content: DockContent | null = null;

  constructor(private readonly afterClose: () => void) {
    this.closeButton.addEventListener("click", () => this.close());
    this.sheet.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      event.stopPropagation();
      this.close();
    });
  }

  get isOpen(): boolean {
    return !this.sheet.hidden;
  }

  shows(content: DockContent): boolean {
    return this.content === content;
  }

  open(content: DockContent, takeFocus: boolean): void {
    if (this.content !== content) this.content?.left();
    this.content = content;
    this.sheet.hidden = false;
    document.documentElement.dataset["dock"] = "open";
    this.refill();
    if (takeFocus) byId("dock-title").focus();
  }

  /** Says and draws again what is shown. */
  refill(): void {
    if (!this.content) return;
    byId("dock-title").textContent = this.content.title();
    this.content.fill(this.body);
  }

  close(): void {
    if (!this.content) return;
    const { content } = this;
    this.content = null;
    this.sheet.hidden = true;
    delete document.documentElement.dataset["dock"];
    this.body.replaceChildren();
    content.left();
    this.afterClose();
  }

  translate(closeWords: string): void {
    nameButton(this.closeButton, closeWords);
    this.refill();
  }
}

/** A figure's table for those who do not see it, made only for those who open it. */
export function tableOnDemand(words: string, make: () => HTMLElement): HTMLDetailsElement {
  const place = el("div", {});
  const details = el("details", { class: "plot-table" }, el("summary", {}, words), place);
  details.addEventListener("toggle", () => place.replaceChildren(...(details.open ? [make()] : [])));
  return details;
}

/** A table in a frame that scrolls. The first column names the row. */
export function figureTable(caption: string, heads: readonly string[], rows: readonly (readonly string[])[]): HTMLElement {
  const head = el("tr", {}, ...heads.map((words, index) => el("th", { scope: "col", class: index ? "number" : "" }, words)));
  const body = rows.map(([first = "", ...rest]) =>
    el("tr", {}, el("th", { scope: "row" }, first), ...rest.map((words) => el("td", { class: "number" }, words))),
  );
  const table = el("table", { class: "figures" }, el("caption", { class: "unseen" }, caption), el("thead", {}, head), el("tbody", {}, ...body));
  return el("div", { class: "table-frame", role: "group", "aria-label": caption, tabindex: 0 }, table);
}
