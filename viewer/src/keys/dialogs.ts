// A key's text, shown once; and the question before it is changed.
import { button, el } from "../dom.ts";
import { LONGEST_GRACE_DAYS, type NewKey } from "./keys.ts";
import type { KeysTextId, KeysTranslate } from "./texts.ts";

const USUAL_GRACE_DAYS = 7;

/** Shows the text until the reader says that it is kept. It is nowhere on the page afterwards. */
export function showSecret({ name, key }: NewKey, heading: KeysTextId, say: KeysTranslate): Promise<void> {
  const text = el("textarea", { id: "secret", rows: 2, readonly: true, spellcheck: "false", "aria-label": say("secretLabel", { name }), "aria-describedby": "secret-warning" });
  text.value = key; // a property: it is no attribute that would stay in the page's markup
  const told = el("span", { role: "status" });
  const copying = button(say("copy"), "solid-button", () => void copy(text, told, say));
  const dialog = el(
    "dialog",
    { class: "secret", "aria-labelledby": "secret-title" },
    el("h2", { id: "secret-title" }, say(heading)),
    el("p", { id: "secret-warning", class: "secret-warning" }, say("secretWarning")),
    el("div", { class: "key-row" }, text, copying),
    el("p", {}, told),
  );
  return new Promise((resolve) => {
    dialog.append(el("div", { class: "card-actions" }, button(say("secretClose"), "line-button", () => dialog.close())));
    dialog.addEventListener("cancel", (event) => event.preventDefault()); // Escape would lose it for good
    dialog.addEventListener("close", () => {
      text.value = "";
      dialog.remove();
      resolve();
    });
    document.body.append(dialog);
    dialog.showModal();
    copying.focus();
  });
}

/** Browsers give the clipboard to https pages only; elsewhere the text is selected for the reader's own Ctrl+C. */
async function copy(text: HTMLTextAreaElement, told: HTMLElement, say: KeysTranslate): Promise<void> {
  try {
    await navigator.clipboard.writeText(text.value);
    told.textContent = say("copied");
  } catch (error) {
    console.info(error);
    text.select();
    told.textContent = say("copyBySelf");
  }
}

/** Asks for how many days the old text stays good; null means no. */
export function askGrace(name: string, say: KeysTranslate): Promise<number | null> {
  const input = el("input", { id: "grace", type: "number", min: 0, max: LONGEST_GRACE_DAYS, step: 1, required: true, value: USUAL_GRACE_DAYS });
  const form = el("form", { method: "dialog" });
  const dialog = el(
    "dialog",
    { "aria-labelledby": "rotate-question" },
    el("h2", { id: "rotate-question" }, say("rotateQuestion", { name })),
    el("p", {}, say("rotateExplained")),
    form,
  );
  return new Promise((resolve) => {
    const keep = button(say("keep"), "text-button", () => dialog.close());
    const go = el("button", { type: "submit", class: "solid-button", value: "yes" }, say("rotateYes"));
    const field = el("div", { class: "field" }, el("label", { for: "grace" }, say("grace", { most: LONGEST_GRACE_DAYS })), input);
    form.append(field, el("div", { class: "card-actions" }, keep, go));
    form.addEventListener("submit", (event) => {
      event.preventDefault(); // the page's policy lets no form go anywhere
      dialog.close("yes");
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes" ? Number(input.value) : null);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
