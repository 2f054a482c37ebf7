// The player's clock: where in a run's time the map stands, and how it goes on.

/** How long a whole run plays at single speed, in seconds of the reader's time. */
const WHOLE_S = 24;
export const SPEEDS = [0.25, 0.5, 1, 2, 4] as const;
export type Speed = (typeof SPEEDS)[number];

export class Clock {
  private at = 0;
  private last: number | null = null;
  speed: Speed = 1;

  /** `times` are the run's output times, in seconds, rising. */
  constructor(readonly times: readonly number[]) {
    this.at = this.first;
  }

  get first(): number {
    return this.times[0] ?? 0;
  }

  get end(): number {
    return this.times.at(-1) ?? 0;
  }

  get time(): number {
    return this.at;
  }

  get playing(): boolean {
    return this.last !== null;
  }

  /** Seconds of the run in a second of the reader's. */
  get rate(): number {
    return ((this.end - this.first) / WHOLE_S) * this.speed;
  }

  seek(time: number): void {
    this.at = Math.min(Math.max(time, this.first), this.end);
  }

  /** To the output time before or after. */
  step(by: number): void {
    const near = this.index();
    const on = this.times[near.before] === this.at;
    const next = by > 0 ? near.before + by : near.before + by + (on ? 0 : 1);
    this.at = this.times[Math.min(Math.max(next, 0), this.times.length - 1)] ?? 0;
  }

  /** Begins to play at a moment of the reader's clock, in milliseconds; at the end, from the start. */
  play(now: number): void {
    if (this.at >= this.end) this.at = this.first;
    this.last = now;
  }

  pause(): void {
    this.last = null;
  }

  /** Goes on to a moment; `held` where the pictures are not there yet: time stands still. Answers whether it plays. */
  tick(now: number, held: boolean): boolean {
    if (this.last === null) return false;
    const passed = Math.min((now - this.last) / 1000, 0.25); // a tab that slept does not leap
    this.last = now;
    if (!held) this.at += passed * this.rate;
    if (this.at < this.end) return true;
    this.at = this.end;
    this.pause();
    return false;
  }

  /** The output times around now, and how far between them it is, 0 to 1. */
  index(): { before: number; after: number; share: number } {
    return around(this.times, this.at);
  }
}

/** Where `at` stands between rising `times`. */
export function around(times: readonly number[], at: number): { before: number; after: number; share: number } {
  let [low, high] = [0, times.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((times[middle] as number) <= at) low = middle;
    else high = middle;
  }
  const [a, b] = [times[low] ?? 0, times[high] ?? 0];
  if (at >= b) return { before: Math.max(high, 0), after: Math.max(high, 0), share: 0 };
  if (at <= a) return { before: low, after: Math.max(high, low), share: 0 };
  return { before: low, after: high, share: (at - a) / (b - a) };
}

/** `5:07` after the start: hours and minutes. */
export function sinceStart(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}`;
}

/** The clock's time of a moment of the run where its start is known. */
export function clockTime(start: string | null, seconds: number, language: string): string | null {
  const begin = start === null ? Number.NaN : Date.parse(start);
  if (Number.isNaN(begin)) return null;
  return new Date(begin + seconds * 1000).toLocaleString(language, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
}
