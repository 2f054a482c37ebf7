// The structures of the terrain's facilities layer: which of them work, how far gates stand open; breaches of levees.
import { button, el } from "../dom.ts";
import type { Override } from "./draft.ts";
import { forget, placeField, removeButton } from "./edit-water.ts";
import type { Desk } from "./editor.ts";
import { type Facility, nameOf, nearestLevee, SWITCHED } from "./facilities.ts";
import { labelled, numberInput, type NumberRule } from "./fields.ts";
import { askSection } from "../twin/section.ts";
import { across, type Place, placeText } from "./geo.ts";
import type { FloodTextId } from "./texts.ts";

const NEAR_M = 150;
const FOOT_M = 60;

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
  const input = numberInput(draft.overrides[id]?.opening ?? null, { least: 0, most: most ?? 100 }, (value) => set({ opening: value }), true);
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
        const made = { levee: found.levee.id, at: found.at, width: 30, bottom: null, start: 0, growth: 0.5 };
        draft.breaches.push(made);
        desk.changed(true);
        void landLevel(desk, found.levee.line, found.at).then((level) => {
          if (level === null || made.bottom !== null || !draft.breaches.includes(made)) return;
          Object.assign(made, { bottom: level });
          desk.changed(true);
        });
        desk.announce(say("added", { place: `${nameOf(found.levee, language)} ${placeText(found.at)}` }));
      },
    });
  });
  return [el("h3", {}, say("breaches")), ...draft.breaches.map((_, index) => breach(desk, index)), el("div", {}, add, message)];
}

/** The level of the land behind a levee, EL m: of the lowest ground on either side, the higher; null where none is known. */
async function landLevel({ api, terrain }: Desk, line: readonly Place[], at: Place): Promise<number | null> {
  if (!terrain) return null;
  try {
    const { bed } = await askSection(api, terrain, across(line, at, FOOT_M));
    const middle = Math.floor(bed.length / 2); // the crest; the river's side has its bed, which lies deeper than the land
    const sides = [bed.slice(0, middle), bed.slice(middle)].map((side) => side.filter((height) => typeof height === "number") as number[]);
    const lowest = sides.filter((side) => side.length > 0).map((side) => Math.min(...side));
    return lowest.length > 0 ? Math.round(Math.max(...lowest) * 100) / 100 : null;
  } catch (error) {
    console.warn(error); // the field stays empty, and the reader fills it
    return null;
  }
}

function breach(desk: Desk, index: number): HTMLElement {
  const { draft, facilities, voice: { say, language } } = desk;
  const item = draft.breaches[index] as (typeof draft.breaches)[number];
  const levee = facilities.find(({ id }) => id === item.levee);
  const path = (name: string) => `levee_breaches[${index}].${name}`;
  const bottom = numberInput(item.bottom, { least: -500, most: 9000 }, (value) => (item.bottom = value), true);
  const number = (name: "width" | "start" | "growth", rule: NumberRule) => numberInput(item[name], rule, (value) => (item[name] = value as number));
  return el(
    "div",
    { class: "flood-item" },
    el("p", { class: "item-title" }, levee ? nameOf(levee, language) : item.levee),
    placeField(desk, path("at"), item),
    el(
      "div",
      { class: "flood-pair" },
      labelled(path("width_m"), say("breachWidth"), number("width", { least: 1, most: 10000 }), "m"),
      labelled(path("bottom_elevation_m"), say("breachBottom"), bottom, "EL m"),
      labelled(path("start_h"), say("breachStart"), number("start", { least: 0, most: 10000 }), "h"),
      labelled(path("growth_h"), say("breachGrowth"), number("growth", { least: 0, most: 1000 }), "h"),
    ),
    removeButton(say("removeOne", { name: item.levee }), () => {
      draft.breaches.splice(index, 1);
      forget(draft, "levee_breaches");
      desk.changed(true);
    }),
  );
}
