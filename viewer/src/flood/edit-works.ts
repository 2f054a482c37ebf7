// The structures of the terrain's facilities layer: which of them work, how far gates stand open; breaches of levees.
import { button, el } from "../dom.ts";
import type { Override } from "./draft.ts";
import { placeField, removeButton } from "./edit-water.ts";
import type { Desk } from "./editor.ts";
import { type Facility, nameOf, nearestLevee, SWITCHED } from "./facilities.ts";
import { labelled, numberInput } from "./fields.ts";
import { placeText } from "./geo.ts";
import type { FloodTextId } from "./texts.ts";

const NEAR_M = 150;

export function worksSection(desk: Desk): HTMLElement[] {
  const { draft, facilities, voice: { say } } = desk;
  if (draft.rest["structures"] !== undefined) return [el("p", { class: "quiet" }, say("worksOfFile"))];
  if (facilities.length === 0) return [el("p", { class: "quiet" }, say(draft.structures ? "worksLoading" : "noWorks"))];
  const kinds = SWITCHED.map((type) => [type, facilities.filter((one) => one.type === type)] as const).filter(([, some]) => some.length > 0);
  return [
    el("p", { class: "quiet" }, say("worksNote")),
    ...kinds.flatMap(([type, some]) => [el("h3", {}, say(`type_${type}` as FloodTextId)), el("ul", { class: "flood-works" }, ...some.map((one) => structure(desk, one)))]),
    ...breaches(desk),
  ];
}

function structure(desk: Desk, facility: Facility): HTMLElement {
  const { draft, map, voice: { say, language } } = desk;
  const { id, status, opening, mostOpening, line } = facility;
  const set = (change: Partial<Override>) => {
    draft.overrides[id] = { failed: false, opening: null, ...draft.overrides[id], ...change };
    desk.changed();
  };
  const failed = draft.overrides[id]?.failed ?? false;
  const box = el("input", { type: "checkbox", id: `works-${id}`, checked: !failed && status !== "failed", disabled: status === "failed" });
  box.dataset["field"] = `overrides.${id}.status`;
  const state = el("span", { class: "works-state" });
  const tell = () => {
    state.textContent = say(box.checked ? "works_on" : "works_off");
    state.classList.toggle("bad", !box.checked);
  };
  box.addEventListener("change", () => {
    set({ failed: !box.checked });
    tell();
  });
  tell();
  const label = el("label", { for: box.id }, box, el("span", {}, nameOf(facility, language)), state);
  const item = el("li", {}, label);
  if (opening !== null) item.append(gate(desk, facility, opening, mostOpening, set));
  const point = (on: boolean) => map.point(on ? line : []);
  item.addEventListener("pointerenter", () => point(true));
  item.addEventListener("pointerleave", () => point(false));
  item.addEventListener("focusin", () => point(true));
  item.addEventListener("focusout", () => point(false));
  return item;
}

function gate({ draft, voice: { say } }: Desk, { id }: Facility, opening: number, most: number | null, set: (change: Partial<Override>) => void): HTMLElement {
  const input = numberInput(draft.overrides[id]?.opening ?? null, { least: 0, most: most ?? 100, step: 0.1 }, (value) => set({ opening: value }), true);
  input.placeholder = String(opening);
  return labelled(`overrides.${id}.opening_m`, say("opening"), input, most === null ? "m" : say("ofMost", { most }));
}

function breaches(desk: Desk): HTMLElement[] {
  const { draft, facilities, voice: { say, language } } = desk;
  if (!facilities.some(({ type }) => type === "levee")) return [];
  const message = el("p", { class: "bad", role: "alert" });
  const add = button(say("addBreach"), "line-button", () => {
    message.textContent = "";
    desk.map.point(facilities.filter(({ type }) => type === "levee").length === 1 ? (facilities.find(({ type }) => type === "levee")?.line ?? []) : []);
    desk.pick.start({
      count: 1,
      words: () => say("breachHere"),
      picked: ([at]) => {
        const found = at ? nearestLevee(facilities, at, NEAR_M) : null;
        if (!found) {
          message.textContent = say("noLevee", { metres: NEAR_M });
          return;
        }
        draft.breaches.push({ levee: found.levee.id, at: found.at, width: 30, start: 0, growth: 0.5 });
        desk.changed(true);
        desk.announce(say("added", { place: `${nameOf(found.levee, language)} ${placeText(found.at)}` }));
      },
    });
  });
  return [el("h3", {}, say("breaches")), ...draft.breaches.map((_, index) => breach(desk, index)), el("div", {}, add, message)];
}

function breach(desk: Desk, index: number): HTMLElement {
  const { draft, facilities, voice: { say, language } } = desk;
  const item = draft.breaches[index] as (typeof draft.breaches)[number];
  const levee = facilities.find(({ id }) => id === item.levee);
  const path = (name: string) => `levee_breaches[${index}].${name}`;
  const number = (name: "width" | "start" | "growth", rule: { least: number; most: number; step?: number }) => numberInput(item[name], rule, (value) => (item[name] = value as number));
  return el(
    "div",
    { class: "flood-item" },
    el("p", { class: "item-title" }, levee ? nameOf(levee, language) : item.levee),
    placeField(desk, path("at"), item),
    el(
      "div",
      { class: "flood-triple" },
      labelled(path("width_m"), say("breachWidth"), number("width", { least: 1, most: 10000, step: 5 }), "m"),
      labelled(path("start_h"), say("breachStart"), number("start", { least: 0, most: 10000, step: 0.5 }), "h"),
      labelled(path("growth_h"), say("breachGrowth"), number("growth", { least: 0, most: 1000, step: 0.5 }), "h"),
    ),
    removeButton(say("removeOne", { name: item.levee }), () => {
      draft.breaches.splice(index, 1);
      desk.changed(true);
    }),
  );
}
