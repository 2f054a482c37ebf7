// Picking places on the map: a click, or Space at the centre; Esc gives it up.
import type { MapView } from "../map/view.ts";
import type { Place } from "./geo.ts";

export interface Wish {
  count: 1 | 2;
  /** Said while the n-th place (from 0) is waited for. */
  words(n: number): string;
  /** The pointer, or the centre when keys move the map, stands here after the first place. */
  stretch?(first: Place, at: Place): void;
  picked(places: Place[]): void;
  cancelled?(): void;
}

export class PickTool {
  private wish: Wish | null = null;
  private places: Place[] = [];

  constructor(
    private readonly view: MapView,
    private readonly tell: (words: string | null) => void,
  ) {
    const { map } = view;
    map.on("click", ({ lngLat }) => this.wish && this.add([lngLat.lng, lngLat.lat]));
    map.on("mousemove", ({ lngLat }) => this.stretch([lngLat.lng, lngLat.lat]));
    map.on("move", ({ originalEvent }) => {
      if (!(originalEvent instanceof MouseEvent)) this.stretch(this.centre());
    });
    map.getCanvas().addEventListener("keydown", (event) => {
      if (!this.wish || (event.key !== " " && event.key !== "Enter")) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      this.addCentre();
    });
    document.addEventListener("keydown", (event) => {
      if (!this.wish || event.key !== "Escape") return;
      event.stopImmediatePropagation();
      this.cancel();
    });
  }

  get active(): boolean {
    return this.wish !== null;
  }

  start(wish: Wish): void {
    this.cancel();
    this.wish = wish;
    this.places = [];
    const canvas = this.view.map.getCanvas();
    canvas.classList.add("drawing");
    canvas.focus({ preventScroll: true });
    this.tell(wish.words(0));
  }

  addCentre(): void {
    this.add(this.centre());
  }

  cancel(): void {
    const { wish } = this;
    this.stop();
    wish?.cancelled?.();
  }

  /** Says anew what is waited for. */
  translate(): void {
    if (this.wish) this.tell(this.wish.words(this.places.length));
  }

  private centre(): Place {
    const { lng, lat } = this.view.map.getCenter();
    return [lng, lat];
  }

  private add(place: Place): void {
    const { wish } = this;
    if (!wish) return;
    this.places.push(place);
    if (this.places.length < wish.count) {
      this.tell(wish.words(this.places.length));
      return;
    }
    const { places } = this;
    this.stop();
    wish.picked(places);
  }

  private stretch(at: Place): void {
    const [first] = this.places;
    if (first) this.wish?.stretch?.(first, at);
  }

  private stop(): void {
    this.wish = null;
    this.places = [];
    this.view.map.getCanvas().classList.remove("drawing");
    this.tell(null);
  }
}
