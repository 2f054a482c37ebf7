// Boxes, points and cells: longitudes and latitudes in degrees (WGS 84), lengths in metres.
export type Box = readonly [west: number, south: number, east: number, north: number];
export type Place = readonly [lon: number, lat: number];

const METRES_PER_DEGREE = 111_320;

export function boxOfCorners(a: Place, b: Place): Box {
  return [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[0], b[0]), Math.max(a[1], b[1])];
}

/** How wide and high a box is, in metres; near enough to count cells (0.3 % of the true length). */
export function sizeOf([west, south, east, north]: Box): { width: number; height: number } {
  const middle = ((south + north) / 2 / 180) * Math.PI;
  return { width: (east - west) * METRES_PER_DEGREE * Math.cos(middle), height: (north - south) * METRES_PER_DEGREE };
}

export function cellCount(box: Box, cellMetres: number): number {
  const { width, height } = sizeOf(box);
  return Math.ceil(width / cellMetres) * Math.ceil(height / cellMetres);
}

/** What two boxes share; null where they do not meet. */
export function shared(a: Box, b: Box): Box | null {
  const box: Box = [Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])];
  return box[0] < box[2] && box[1] < box[3] ? box : null;
}

export function holds(box: Box, [lon, lat]: Place): boolean {
  return lon >= box[0] && lon <= box[2] && lat >= box[1] && lat <= box[3];
}

/** `west, south, east, north` as people type it; null for anything else. */
export function typedBox(text: string): Box | null {
  const numbers = typedNumbers(text);
  if (numbers?.length !== 4) return null;
  const [west, south, east, north] = numbers as [number, number, number, number];
  const there = west < east && south < north && west >= -180 && east <= 180 && south >= -90 && north <= 90;
  return there ? [west, south, east, north] : null;
}

/** `longitude, latitude` as people type it; null for anything else. */
export function typedPlace(text: string): Place | null {
  const numbers = typedNumbers(text);
  if (numbers?.length !== 2) return null;
  const [lon, lat] = numbers as [number, number];
  return Math.abs(lon) <= 180 && Math.abs(lat) <= 90 ? [lon, lat] : null;
}

export function boxText(box: Box): string {
  return box.map((value) => rounded(value)).join(", ");
}

export function placeText(place: Place): string {
  return place.map((value) => rounded(value)).join(", ");
}

/** Degrees to a tenth of a metre: what a pointer can tell apart. */
export function rounded(degrees: number): number {
  return Number(degrees.toFixed(6));
}

function typedNumbers(text: string): number[] | null {
  const parts = text.trim().split(/[\s,;]+/);
  const numbers = parts.map(Number);
  return parts[0] !== "" && numbers.every(Number.isFinite) ? numbers : null;
}

/** The point of a line that is nearest to `place`, and how far off it is, in metres. */
export function nearestOn(line: readonly Place[], place: Place): { at: Place; away: number } | null {
  let best: { at: Place; away: number } | null = null;
  const east = METRES_PER_DEGREE * Math.cos((place[1] / 180) * Math.PI);
  for (let i = 1; i < line.length; i += 1) {
    const [a, b] = [line[i - 1] as Place, line[i] as Place];
    const [ax, ay] = [(a[0] - place[0]) * east, (a[1] - place[1]) * METRES_PER_DEGREE];
    const [bx, by] = [(b[0] - place[0]) * east, (b[1] - place[1]) * METRES_PER_DEGREE];
    const long = (bx - ax) ** 2 + (by - ay) ** 2;
    const share = long === 0 ? 0 : Math.min(Math.max(-(ax * (bx - ax) + ay * (by - ay)) / long, 0), 1);
    const away = Math.hypot(ax + share * (bx - ax), ay + share * (by - ay));
    if (!best || away < best.away) best = { at: [a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])], away };
  }
  return best;
}

/** The line of `half` metres to both sides that crosses `line` at right angles, at its point `at`. */
export function across(line: readonly Place[], at: Place, half: number): [Place, Place] {
  const east = METRES_PER_DEGREE * Math.cos((at[1] / 180) * Math.PI);
  let [along, least] = [[1, 0] as [number, number], Number.POSITIVE_INFINITY];
  for (let i = 1; i < line.length; i += 1) {
    const pair = [line[i - 1] as Place, line[i] as Place];
    const away = nearestOn(pair, at)?.away ?? Number.POSITIVE_INFINITY;
    const [dx, dy] = [((pair[1] as Place)[0] - (pair[0] as Place)[0]) * east, ((pair[1] as Place)[1] - (pair[0] as Place)[1]) * METRES_PER_DEGREE];
    const long = Math.hypot(dx, dy);
    if (away < least && long > 0) [along, least] = [[dx / long, dy / long], away];
  }
  const [x, y] = [(-along[1] * half) / east, (along[0] * half) / METRES_PER_DEGREE];
  return [[at[0] + x, at[1] + y], [at[0] - x, at[1] - y]];
}
