// Drawing a line on the map: clicks or Space at the centre add points, a double click or Enter ends it, Esc gives it up.
import type { MapMouseEvent } from "maplibre-gl";
import type { Place, Sketch } from "./sketch.ts";
import type { MapView } from "./view.ts";

export interface LineHooks {
  /** The points so far have changed. */
  drawing(points: readonly Place[]): void;
  finished(line: Place[]): void;
  cancelled(): void;
}

const SAME_PX = 4;

export class LineTool {
  private points: Place[] = [];
  private on = false;

  constructor(
    private readonly view: MapView,
    private readonly sketch: Sketch,
    private readonly hooks: LineHooks,
  ) {
    const { map } = view;
    map.on("click", (event) => this.on && this.add([event.lngLat.lng, event.lngLat.lat]));
    map.on("dblclick", (event) => this.doubled(event));
    map.on("mousemove", (event) => this.on && this.stretch([event.lngLat.lng, event.lngLat.lat]));
    map.getCanvas().addEventListener("keydown", (event) => this.key(event));
    document.addEventListener("keydown", (event) => {
      if (this.on && event.key === "Escape") this.cancel();
    });
  }

  get active(): boolean {
    return this.on;
  }

  start(): void {
    this.on = true;
    this.points = [];
    this.view.map.doubleClickZoom.disable();
    this.view.map.getCanvas().classList.add("drawing");
    this.sketch.draw({ line: [] });
    this.hooks.drawing([]);
  }

  addCentre(): void {
    const { lng, lat } = this.view.map.getCenter();
    this.add([lng, lat]);
  }

  finish(): void {
    const line = this.points;
    if (line.length < 2) return;
    this.stop();
    this.hooks.finished(line);
  }

  /** A line that came another way, in place of the one being drawn. */
  finishWith(line: Place[]): void {
    this.points = line;
    this.finish();
  }

  cancel(): void {
    if (!this.on) return;
    this.stop();
    this.sketch.draw({ line: [] });
    this.hooks.cancelled();
  }

  private stop(): void {
    this.on = false;
    this.view.map.getCanvas().classList.remove("drawing");
    setTimeout(() => this.view.map.doubleClickZoom.enable(), 0); // not within the double click that ends the line
  }

  private add(place: Place): void {
    if (this.near(this.points.at(-1), place)) return; // a double click clicks twice
    this.points.push(place);
    this.sketch.draw({ line: this.points });
    this.hooks.drawing(this.points);
  }

  private stretch(place: Place): void {
    if (this.points.length > 0) this.sketch.draw({ line: [...this.points, place] });
  }

  private doubled(event: MapMouseEvent): void {
    if (!this.on) return;
    event.preventDefault();
    this.finish();
  }

  private key(event: KeyboardEvent): void {
    if (!this.on) return;
    if (event.key === " ") {
      event.preventDefault();
      this.addCentre();
    } else if (event.key === "Enter") this.finish();
  }

  private near(a: Place | undefined, b: Place): boolean {
    if (!a) return false;
    const [p, q] = [this.view.map.project([...a]), this.view.map.project([...b])];
    return Math.hypot(p.x - q.x, p.y - q.y) < SAME_PX;
  }
}
