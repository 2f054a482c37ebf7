// The depth classes of the Korean flood hazard map, as the legend of the depth layers has them.

export interface DepthClass {
  /** Depths from this on, in metres, to the next class's. */
  from: number;
  colour: string;
}

/** Kept equal to the server's by a test. */
export const CLASSES: readonly DepthClass[] = [
  { from: 0, colour: "#cfe8fa" },
  { from: 0.5, colour: "#8fc4ee" },
  { from: 1, colour: "#4d93d9" },
  { from: 2, colour: "#2459ae" },
  { from: 5, colour: "#3b1f7a" },
];

/** Red, green and blue, 0 to 1. */
export function rgb(colour: string): [number, number, number] {
  const part = (at: number) => Number.parseInt(colour.slice(at, at + 2), 16) / 255;
  return [part(1), part(3), part(5)];
}

/** Blue where the second run is shallower, red where it is deeper; white in between. */
const SHALLOWER: readonly [number, number, number] = [33, 102, 172];
const DEEPER: readonly [number, number, number] = [178, 24, 43];
/** Differences no larger than the steps of the pictures that they are taken from are not drawn. */
export const LEAST_DIFFERENCE_M = 0.02;

/** The colour of a difference in depth, and how opaque it is, 0 to 255; `most` has the full colour. */
export function differenceColour(metres: number, most: number): [red: number, green: number, blue: number, alpha: number] {
  if (!(Math.abs(metres) >= LEAST_DIFFERENCE_M)) return [0, 0, 0, 0];
  const share = Math.min(Math.abs(metres) / most, 1);
  const full = metres > 0 ? DEEPER : SHALLOWER;
  const pale = 0.2 + 0.8 * Math.sqrt(share); // small ones are to be seen, too
  const mixed = full.map((value) => Math.round(247 + (value - 247) * pale)) as [number, number, number];
  return [...mixed, 225];
}
