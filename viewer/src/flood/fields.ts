// Fields of the editor: each has a label, knows which field of the scenario file it stands for, and says what the
// server has against it.
import { el } from "../dom.ts";

export interface NumberRule {
  least: number;
  most: number;
}

/** A field that stands for `path` of the scenario file, such as `rain.design.depth_mm`. */
export function labelled(path: string, label: string, control: HTMLElement, unit = ""): HTMLElement {
  const id = `f-${path.replace(/[^\w]+/g, "-")}`;
  control.id = id;
  control.dataset["field"] = path;
  const row = unit ? el("span", { class: "with-unit" }, control, el("span", { class: "unit" }, unit)) : control;
  return el("div", { class: "flood-field" }, el("label", { for: id }, label), row);
}

/** A field for a number; `take` gets it once it is one within the rule. */
export function numberInput(value: number | null, rule: NumberRule, take: (value: number | null) => void, optional = false): HTMLInputElement {
  const input = el("input", { type: "number", inputmode: "decimal", min: rule.least, max: rule.most, step: "any", required: !optional });
  input.value = value === null ? "" : String(value);
  input.addEventListener("input", () => {
    const typed = input.value.trim();
    const number = Number(typed);
    if (typed === "" && optional) take(null);
    else if (typed !== "" && Number.isFinite(number) && number >= rule.least && number <= rule.most) take(number);
    else return void input.setAttribute("aria-invalid", "true");
    clearTrouble(input);
  });
  return input;
}

export function textInput(value: string, take: (value: string) => void, attributes: Record<string, string> = {}): HTMLInputElement {
  const input = el("input", { type: "text", spellcheck: false, autocomplete: "off", ...attributes });
  input.value = value;
  input.addEventListener("input", () => {
    clearTrouble(input);
    take(input.value);
  });
  return input;
}

export function choice<T extends string>(value: T, options: readonly (readonly [T, string])[], take: (value: T) => void): HTMLSelectElement {
  const select = el("select", {}, ...options.map(([one, words]) => el("option", { value: one, selected: one === value }, words)));
  select.addEventListener("change", () => {
    clearTrouble(select);
    take(select.value as T);
  });
  return select;
}

let troubles = 0;

/** Says at a field what is wrong with it. */
export function showTrouble(control: HTMLElement, words: string): void {
  clearTrouble(control);
  troubles += 1;
  const message = el("p", { class: "field-trouble bad", id: `trouble-${troubles}`, role: "alert" }, words);
  control.setAttribute("aria-invalid", "true");
  control.setAttribute("aria-describedby", message.id);
  (control.closest(".flood-field") ?? control.parentElement ?? control).append(message);
}

export function clearTrouble(control: HTMLElement): void {
  const id = control.getAttribute("aria-describedby");
  control.removeAttribute("aria-invalid");
  if (!id?.startsWith("trouble-")) return;
  document.getElementById(id)?.remove();
  control.removeAttribute("aria-describedby");
}

/** The control in `place` that stands for a field of the file: itself, or the nearest group that holds it. */
export function controlOf(place: HTMLElement, path: string): HTMLElement | null {
  const all = [...place.querySelectorAll<HTMLElement>("[data-field]")];
  const steps = (of: string) => of.split(/[.[\]]+/).filter(Boolean);
  const wanted = steps(path);
  const fit = (of: string) => {
    const own = steps(of);
    const shared = own.findIndex((step, index) => step !== wanted[index]);
    if (shared === -1) return own.length; // the field itself, or what it lies in
    return shared === wanted.length ? shared - 0.5 : 0; // something in it
  };
  let [best, most] = [null as HTMLElement | null, 0];
  for (const control of all) {
    const how = fit(control.dataset["field"] ?? "");
    if (how > most) [best, most] = [control, how];
  }
  return best;
}
