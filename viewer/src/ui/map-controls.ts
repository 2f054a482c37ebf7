// Buttons and keys on the map.
import { byId } from "../dom.ts";
import type { MapView } from "../map/view.ts";

export interface MapActions {
  home(): void;
  /** Asked at a point of the screen; `byKeyboard` when at the centre by Enter. */
  identify(point: { x: number; y: number }, byKeyboard: boolean): void;
}

export function wireMap(view: MapView, actions: MapActions): void {
  wireButtons(view, actions);
  wirePointer(view, actions);
  const canvas = view.map.getCanvas();
  canvas.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    actions.identify(view.map.project(view.map.getCenter()), true);
  });
  byId("skip-to-map").addEventListener("click", (event) => {
    event.preventDefault(); // the hash is the permalink's
    canvas.focus();
  });
}

function wireButtons({ map }: MapView, actions: MapActions): void {
  byId("zoom-in").addEventListener("click", () => map.zoomIn());
  byId("zoom-out").addEventListener("click", () => map.zoomOut());
  byId("home").addEventListener("click", () => actions.home());
  const north = byId("north");
  north.addEventListener("click", () => map.resetNorthPitch());
  const turn = () => {
    north.hidden = map.getBearing() === 0 && map.getPitch() === 0;
    north.style.setProperty("--bearing", `${-map.getBearing()}deg`);
  };
  map.on("rotate", turn);
  map.on("pitch", turn);
  turn();
}

/** One query a frame at most: moving a pointer fires far more often. */
function wirePointer(view: MapView, actions: MapActions): void {
  let asked = false;
  view.map.on("click", ({ point }) => actions.identify(point, false));
  view.map.on("mousemove", ({ point }) => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      const drawing = view.map.getCanvas().classList.contains("drawing");
      view.map.getCanvas().style.cursor = drawing ? "crosshair" : view.hits(point).length > 0 ? "pointer" : "";
    });
  });
}
