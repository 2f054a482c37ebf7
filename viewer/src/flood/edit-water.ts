// Water that comes and goes at the sides: inflows at points, open edges; and gauges, where it is written down.
import { button, el, iconButton } from "../dom.ts";
import { closeBehind, DISCHARGE, type Draft, type Edge, EDGES, STAGE } from "./draft.ts";
import type { Desk } from "./editor.ts";
import { overTimeFields } from "./edit-over-time.ts";
import { choice, labelled, numberInput, showTrouble, textInput } from "./fields.ts";
import { holds, type Place, placeText, typedPlace } from "./geo.ts";
import type { FloodTextId } from "./texts.ts";

export function waterSection(desk: Desk): HTMLElement[] {
  const { say } = desk.voice;
  return [
    el("h3", {}, say("inflows")),
    ...desk.draft.inflows.map((_, index) => inflow(desk, index)),
    addButton(desk, "addInflow", "inflowHere", (at) => {
      desk.draft.inflows.push({ name: `Q${desk.draft.inflows.length + 1}`, at, discharge: { kind: "constant", value: 100 } });
      return closeBehind(desk.draft, at).map((edge) => say("edgeClosed", { edge: say(edge) })).join(" ");
    }),
    el("h3", {}, say("edges")),
    ...edges(desk),
    el("h3", {}, say("gauges")),
    el("p", { class: "quiet" }, say("gaugesNote")),
    ...desk.draft.gauges.map((_, index) => gauge(desk, index)),
    addButton(desk, "addGauge", "gaugeHere", (at) => {
      desk.draft.gauges.push({ name: `H${desk.draft.gauges.length + 1}`, at });
      return "";
    }),
  ];
}

function inflow(desk: Desk, index: number): HTMLElement {
  const { draft, voice, changed } = desk;
  const { say } = voice;
  const item = draft.inflows[index] as (typeof draft.inflows)[number];
  const path = (name: string) => `inflows[${index}].${name}`;
  const turned = (over: typeof item.discharge) => {
    item.discharge = over;
    forget(draft, `inflows[${index}]`);
    changed(true);
  };
  return el(
    "div",
    { class: "flood-item" },
    nameField(desk, path("name"), item),
    placeField(desk, path("at"), item),
    ...overTimeFields({
      ...{ over: item.discharge, label: say("discharge"), unit: "m³/s", within: DISCHARGE.within, hours: draft.hours, flows: true, voice, turned },
      ...{ paths: { number: path(DISCHARGE.names.number), rows: path(DISCHARGE.names.rows) }, example: "0, 50\n60, 300\n120, 180\n240, 60" },
    }),
    removeButton(say("removeOne", { name: item.name }), () => {
      draft.inflows.splice(index, 1);
      forget(draft, "inflows");
      changed(true);
    }),
  );
}

/** What a path led to is another now, or nothing: it is varied no longer. */
export function forget(draft: Draft, path: string): void {
  draft.vary = draft.vary.filter((one) => !one.path.startsWith(path));
}

function gauge(desk: Desk, index: number): HTMLElement {
  const { draft, voice: { say }, changed } = desk;
  const item = draft.gauges[index] as (typeof draft.gauges)[number];
  return el(
    "div",
    { class: "flood-item" },
    nameField(desk, `gauges[${index}].name`, item),
    placeField(desk, `gauges[${index}].at`, item),
    removeButton(say("removeOne", { name: item.name }), () => {
      draft.gauges.splice(index, 1);
      changed(true);
    }),
  );
}

function nameField({ voice: { say }, changed }: Desk, path: string, item: { name: string }): HTMLElement {
  const input = textInput(item.name, (value) => {
    item.name = value.trim();
    changed();
  }, { maxlength: "60", required: "" });
  return labelled(path, say("itemName"), input);
}

export function placeField(desk: Desk, path: string, item: { at: Place }): HTMLElement {
  const { say } = desk.voice;
  const input = textInput(placeText(item.at), () => undefined);
  input.addEventListener("change", () => {
    const place = typedPlace(input.value);
    if (!place) return showTrouble(input, say("placeWrong"));
    item.at = place;
    desk.changed();
  });
  return labelled(path, say("place"), input);
}

export function removeButton(label: string, press: () => void): HTMLButtonElement {
  const made = iconButton("close", label);
  made.classList.add("flood-remove");
  made.addEventListener("click", press);
  return made;
}

function addButton(desk: Desk, label: FloodTextId, guide: FloodTextId, add: (at: Place) => string): HTMLElement {
  const { say } = desk.voice;
  const message = el("p", { class: "bad", role: "alert" });
  const press = button(say(label), "line-button", () => {
    message.textContent = "";
    desk.pick.start({
      count: 1,
      words: () => say(guide),
      picked: ([at]) => {
        if (!at) return;
        if (desk.draft.box && !holds(desk.draft.box, at)) {
          message.textContent = say("placeOutside");
          return;
        }
        const more = add(at);
        desk.changed(true);
        desk.announce(`${say("added", { place: placeText(at) })} ${more}`.trim());
      },
    });
  });
  return el("div", {}, press, message);
}

function edges(desk: Desk): HTMLElement[] {
  const { draft, voice: { say }, changed } = desk;
  const states = [["closed", say("closed")], ["open", say("edgeOpen")], ["stage", say("edgeStage")]] as const;
  const fields = EDGES.map((edge) => {
    const field = choice(draft.edges[edge], states, (value) => {
      draft.edges[edge] = value;
      forget(draft, "boundaries");
      changed(true);
    });
    return labelled(`edges.${edge}`, say(edge), field);
  });
  const slope = numberInput(draft.slope, { least: 0.00001, most: 1 }, (value) => (draft.slope = value as number));
  const some = (state: Draft["edges"][Edge]) => EDGES.filter((edge) => draft.edges[edge] === state);
  const notes = [
    ...(some("open").length > 0 ? [labelled("boundaries", say("slope"), slope, "m/m"), el("p", { class: "quiet" }, say("openNote"))] : []),
    ...(some("closed").length === EDGES.length ? [el("p", { class: "quiet" }, say("closedNote"))] : []),
  ];
  return [el("div", { class: "flood-edges" }, ...fields), ...some("stage").map((edge) => stage(desk, edge)), ...notes];
}

/** The stage outside an edge: a river's or the sea's. */
function stage(desk: Desk, edge: Edge): HTMLElement {
  const { draft, voice, changed } = desk;
  const { say } = voice;
  const at = EDGES.filter((one) => draft.edges[one] !== "closed").indexOf(edge); // as the file has them
  const turned = (over: (typeof draft.stages)[Edge]) => {
    draft.stages[edge] = over;
    forget(draft, "boundaries");
    changed(true);
  };
  return el(
    "div",
    { class: "flood-item flood-wide" },
    ...overTimeFields({
      ...{ over: draft.stages[edge], label: say("stageOutside", { edge: say(edge) }), unit: "EL m", within: STAGE.within, hours: draft.hours, flows: false, voice, turned },
      ...{ paths: { number: `boundaries[${at}].${STAGE.names.number}`, rows: `boundaries[${at}].${STAGE.names.rows}` }, example: "0, 1.0\n180, 4.0\n360, 1.0" },
    }),
  );
}
