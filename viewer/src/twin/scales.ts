// The arithmetic of charts: round marks on an axis, runs without gaps, where water stands over a bed.

/** A series with gaps: null where nothing is known. */
export type Series = readonly (number | null)[];

export interface Point {
  x: number;
  y: number;
}

/** About `count` round numbers from at or above `low` to at or below `high`. */
export function roundMarks(low: number, high: number, count: number): number[] {
  const span = high - low;
  if (!(span > 0)) return [low];
  const rough = span / Math.max(count, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999) ?? 10) * power;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

/** The least and the greatest of all series, with room around; flat ones get a metre. */
export function range(series: readonly Series[]): [low: number, high: number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const values of series) {
    for (const value of values) {
      if (value === null) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  if (low > high) return [0, 1];
  const room = Math.max((high - low) * 0.08, 0.5);
  return [low - room, high + room];
}

/** The stretches in which `y` is known. */
export function runs(x: readonly number[], y: Series): Point[][] {
  const found: Point[][] = [];
  let open: Point[] | null = null;
  y.forEach((value, index) => {
    const at = x[index];
    if (value === null || at === undefined) open = null;
    else if (open) open.push({ x: at, y: value });
    else found.push((open = [{ x: at, y: value }]));
  });
  return found;
}

/** The bodies of water: rings along the surface and back along the bed, ended where the surface meets the bed. */
export function waterBodies(x: readonly number[], bed: Series, surface: Series): Point[][] {
  const found: Point[][] = [];
  let top: Point[] = [];
  let bottom: Point[] = [];
  const close = () => {
    if (top.length > 1) found.push([...top, ...bottom.reverse()]);
    [top, bottom] = [[], []];
  };
  x.forEach((at, index) => {
    const [b, s] = [bed[index] ?? null, surface[index] ?? null];
    const [lastX, lastB, lastS] = [x[index - 1], bed[index - 1] ?? null, surface[index - 1] ?? null];
    if (b === null || s === null) return close();
    const depth = s - b;
    if (lastX !== undefined && lastB !== null && lastS !== null && (lastS - lastB) * depth < 0) {
      const share = (lastS - lastB) / (lastS - lastB - depth);
      const shore = { x: lastX + share * (at - lastX), y: lastB + share * (b - lastB) };
      top.push(shore);
      bottom.push(shore);
      if (depth < 0) close();
    }
    if (depth >= 0) {
      top.push({ x: at, y: s });
      bottom.push({ x: at, y: b });
    } else close();
  });
  close();
  return found;
}

/** `y` at `at`, linear between its neighbours; null beyond the ends and in gaps. `x` does not fall. */
export function between(x: readonly number[], y: Series, at: number): number | null {
  for (let index = 1; index < x.length; index += 1) {
    const [x0, x1, y0, y1] = [x[index - 1] as number, x[index] as number, y[index - 1] ?? null, y[index] ?? null];
    if (at < x0 || at > x1) continue;
    if (y0 === null || y1 === null) return at === x0 ? y0 : at === x1 ? y1 : null;
    return x1 === x0 ? y0 : y0 + ((at - x0) / (x1 - x0)) * (y1 - y0);
  }
  return null;
}

/** Stretches of equal, neighbouring values, each from half-way to its neighbours. */
export function stretches(x: readonly number[], kinds: readonly string[]): { kind: string; from: number; to: number }[] {
  const found: { kind: string; from: number; to: number }[] = [];
  kinds.forEach((kind, index) => {
    const at = x[index] as number;
    const [before, after] = [x[index - 1] ?? at, x[index + 1] ?? at];
    const last = found.at(-1);
    if (last?.kind === kind) last.to = (at + after) / 2;
    else found.push({ kind, from: (before + at) / 2, to: (at + after) / 2 });
  });
  return found;
}
