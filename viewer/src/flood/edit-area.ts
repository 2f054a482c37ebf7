// Where the flood runs: a rectangle by two corners on the map or in figures, and the cells over it.
import { button, el } from "../dom.ts";
import type { Desk } from "./editor.ts";
import { choice, labelled, numberInput, showTrouble, textInput } from "./fields.ts";
import { type Box, boxOfCorners, boxText, shared, sizeOf, typedBox } from "./geo.ts";

export function areaSection(desk: Desk): HTMLElement[] {
  const { draft, terrain, changed } = desk;
  const { say, language } = desk.voice;
  const typed = textInput(draft.box ? boxText(draft.box) : "", () => undefined, { inputmode: "text", placeholder: "126.90, 37.47, 126.95, 37.52" });
  typed.addEventListener("change", () => take(desk, typedBox(typed.value), typed));
  const size = draft.box ? sizeOf(draft.box) : null;
  const metres = (value: number) => (value / 1000).toLocaleString(language, { maximumFractionDigits: 2 });
  const cell = numberInput(draft.cell, { least: 0.1, most: 1000 }, (value) => {
    draft.cell = value as number;
    changed();
  });
  const manning = numberInput(draft.manning, { least: 0.005, most: 1 }, (value) => (draft.manning = value), true);
  manning.placeholder = say("ofTerrain");
  const waters = [["dry", say("initial_dry")], ["terrain", say("initial_terrain")], ...(draft.initial === "file" ? [["file", say("rain_file")] as const] : [])] as const;
  const initial = choice<"dry" | "terrain" | "file">(draft.initial, waters, (value) => {
    draft.initial = value;
    if (value !== "file") delete draft.rest["initial"];
  });
  const whole = button(say("wholeTerrain"), "line-button", () => take(desk, (terrain?.bounds as Box | null) ?? null, typed));
  whole.disabled = !terrain?.bounds;
  return [
    labelled("domain.bbox", say("bbox"), typed),
    el("div", { class: "flood-row" }, drawButton(desk, typed), whole),
    el("p", { class: "quiet" }, size ? say("sizeOf", { width: metres(size.width), height: metres(size.height) }) : ""),
    el("div", { class: "flood-pair" }, labelled("domain.cell_m", say("cell"), cell, "m"), labelled("manning_n", say("manning"), manning, "s·m⁻¹ᐟ³")),
    labelled("initial", say("initialWater"), initial),
  ];
}

function drawButton(desk: Desk, typed: HTMLInputElement): HTMLButtonElement {
  const { say } = desk.voice;
  return button(say("drawBox"), "line-button", () =>
    desk.pick.start({
      count: 2,
      words: (n) => say(n === 0 ? "firstCorner" : "secondCorner"),
      stretch: (first, at) => desk.map.stretch(boxOfCorners(first, at)),
      picked: ([a, b]) => a && b && take(desk, boxOfCorners(a, b), typed),
      cancelled: () => desk.changed(),
    }),
  );
}

/** A box that lies outside of the terrain is none; one that reaches beyond is cut. */
function take(desk: Desk, box: Box | null, typed: HTMLInputElement): void {
  const { draft, terrain } = desk;
  const { say } = desk.voice;
  const inside = box && terrain?.bounds ? shared(box, terrain.bounds as Box) : box;
  if (!inside || inside[0] === inside[2] || inside[1] === inside[3]) {
    showTrouble(typed, say(box ? "boxOutside" : "boxWrong"));
    desk.map.show(draft);
    return;
  }
  draft.box = inside;
  desk.changed(true);
  desk.announce(say("boxIs", { box: boxText(inside) }));
}
