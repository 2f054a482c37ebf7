// An ensemble: what is varied, with which values, and how many runs that makes.
import { button, el } from "../dom.ts";
import type { Desk } from "./editor.ts";
import { nameOf } from "./facilities.ts";
import { choice, labelled, showTrouble, textInput } from "./fields.ts";
import { removeButton } from "./edit-water.ts";
import type { FloodTextId, FloodVoice } from "./texts.ts";
import { memberCount, MOST_MEMBERS, STATES, typedValues, type Value, variable, type Varied, type Vary } from "./vary.ts";

const OTHER: Omit<Varied, "path"> = { kind: "other", of: "", unit: "", usual: [], least: 0, most: 0 };

export function varySection(desk: Desk): HTMLElement[] {
  const { draft, facilities, voice } = desk;
  const { say, language } = voice;
  if (draft.rest["vary"] !== undefined) return [el("p", { class: "quiet" }, say("varyOfFile"))];
  const known = variable(draft, facilities, (one) => nameOf(one, language));
  const free = known.filter(({ path }) => !draft.vary.some((one) => one.path === path));
  const count = memberCount(draft.vary);
  const sum = draft.vary.length === 0 ? [] : [el("p", { class: count > MOST_MEMBERS ? "bad" : "quiet", role: "status" }, say(count > MOST_MEMBERS ? "tooManyMembers" : "memberCount", { count, most: MOST_MEMBERS }))];
  return [
    el("p", { class: "quiet" }, say("varyNote")),
    ...draft.vary.map((one, index) => varied(desk, one, index, known.find(({ path }) => path === one.path) ?? { ...OTHER, path: one.path })),
    ...(free.length > 0 ? [adding(desk, free)] : []),
    ...sum,
  ];
}

function varied(desk: Desk, item: Vary, index: number, what: Varied): HTMLElement {
  const { draft, voice, changed } = desk;
  const { say } = voice;
  const words = variedWords(what, voice);
  const path = `vary.${item.path}`;
  const remove = removeButton(say("removeOne", { name: words }), () => {
    draft.vary.splice(index, 1);
    changed(true);
  });
  if (what.kind === "status") {
    const both = el("p", {}, STATES.map((state) => say(state === "normal" ? "works_on" : "works_off")).join(" / "));
    both.dataset["field"] = path;
    return el("div", { class: "flood-item" }, el("p", { class: "item-title" }, words), both, remove);
  }
  const input = textInput(valuesText(item.values), () => undefined, { inputmode: what.kind === "other" ? "text" : "decimal" });
  input.addEventListener("change", () => {
    const values = typedValues(input.value, what);
    if (!values) return showTrouble(input, say("valuesWrong", { least: what.least, most: what.most }));
    item.values = values;
    changed(true);
  });
  return el("div", { class: "flood-item" }, labelled(path, words, input, what.unit), remove);
}

function adding(desk: Desk, free: readonly Varied[]): HTMLElement {
  const { draft, voice, changed } = desk;
  const { say } = voice;
  const which = choice(free[0]?.path ?? "", free.map((one) => [one.path, variedWords(one, voice)] as const), () => undefined);
  which.id = "vary-which";
  which.setAttribute("aria-label", say("varyWhich"));
  const add = button(say("varyAdd"), "line-button", () => {
    const found = free.find(({ path }) => path === which.value);
    if (!found) return;
    draft.vary.push({ path: found.path, values: found.usual });
    changed(true);
  });
  add.id = "vary-add";
  return el("div", { class: "flood-row flood-adding" }, which, add);
}

/** What is varied, and whose: `수문 G-1의 초기 개방 높이`. */
export function variedWords({ kind, of, path }: Pick<Varied, "kind" | "of" | "path">, { say }: FloodVoice): string {
  if (kind === "other") return path;
  const edges: readonly string[] = ["north", "east", "south", "west"];
  const whose = edges.includes(of) ? say(of as FloodTextId) : of;
  const words = say(`vary_${kind}` as FloodTextId);
  return whose ? `${whose}: ${words}` : words;
}

function valuesText(values: readonly Value[]): string {
  return values.join(", ");
}
