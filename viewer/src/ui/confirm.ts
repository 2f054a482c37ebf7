// A question before something that people will notice.
import { button, el } from "../dom.ts";

export interface Question {
  question: string;
  explained: string;
  yes: string;
  no: string;
}

/** Asks; Escape and the first button, which has the focus, mean no. */
export function confirmed({ question, explained, yes, no }: Question): Promise<boolean> {
  const dialog = el("dialog", { "aria-labelledby": "confirm-question" });
  return new Promise((resolve) => {
    const keep = button(no, "text-button", () => dialog.close());
    const go = button(yes, "solid-button", () => dialog.close("yes"));
    const heading = el("h2", { id: "confirm-question" }, question);
    dialog.append(heading, el("p", {}, explained), el("div", { class: "card-actions" }, keep, go));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
