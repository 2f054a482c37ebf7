// The bar at the foot of the map that plays a run: play and pause, a slider of its time, speed, steps by keys.
import { button, byId, el, svg } from "../dom.ts";
import { type Clock, clockTime, sinceStart, SPEEDS, type Speed } from "./clock.ts";
import type { FloodVoice } from "./texts.ts";

const ICONS = { play: "M6 3.5v13l10.5-6.5z", pause: "M6 3.5h3v13H6zM11.5 3.5h3v13h-3z" };
const KEY_STEPS: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, PageDown: -10, PageUp: 10 };

export interface PlayerHooks {
  /** The picture of a moment is here. */
  ready(time: number): boolean;
  /** The clock stands at another moment. */
  moved(time: number, settled: boolean): void;
}

export class Player {
  private readonly place = byId("player");
  private clock: Clock | null = null;
  private start: string | null = null;
  private frame = 0;
  private parts: { play: HTMLButtonElement; slider: HTMLInputElement; time: HTMLOutputElement; speed: HTMLSelectElement } | null = null;

  constructor(
    private readonly hooks: PlayerHooks,
    private readonly voice: () => FloodVoice,
  ) {
    document.addEventListener("keydown", (event) => this.key(event));
  }

  get time(): number | null {
    return this.clock?.time ?? null;
  }

  /** The last time of the run, s. */
  get end(): number {
    return this.clock?.end ?? 0;
  }

  get playing(): boolean {
    return this.clock?.playing ?? false;
  }

  open(clock: Clock, start: string | null): void {
    this.close();
    this.clock = clock;
    this.start = start;
    this.place.hidden = false;
    document.documentElement.dataset["player"] = "open";
    this.build();
  }

  close(): void {
    cancelAnimationFrame(this.frame);
    this.clock?.pause();
    this.clock = null;
    this.parts = null;
    this.place.hidden = true;
    this.place.replaceChildren();
    delete document.documentElement.dataset["player"];
  }

  translate(): void {
    if (this.clock) this.build();
  }

  seek(time: number): void {
    this.clock?.seek(time);
    this.moved(true);
  }

  toggle(): void {
    const { clock } = this;
    if (!clock) return;
    if (clock.playing) {
      clock.pause();
      this.moved(true);
    } else {
      clock.play(performance.now());
      this.frame = requestAnimationFrame((now) => this.tick(now));
    }
    this.describe();
  }

  private tick(now: number): void {
    const { clock } = this;
    if (!clock) return;
    const goes = clock.tick(now, !this.hooks.ready(clock.time));
    this.moved(!goes);
    if (goes) this.frame = requestAnimationFrame((next) => this.tick(next));
    else this.describe();
  }

  private moved(settled: boolean): void {
    if (!this.clock) return;
    this.describeTime();
    this.hooks.moved(this.clock.time, settled);
  }

  private step(by: number): void {
    this.clock?.step(by);
    this.moved(true);
  }

  private build(): void {
    const { clock } = this;
    if (!clock) return;
    const { say } = this.voice();
    const play = el("button", { type: "button", id: "play", class: "icon-button play-button" });
    play.addEventListener("click", () => this.toggle());
    const slider = el("input", { type: "range", id: "time", min: clock.first, max: clock.end, step: "any", "aria-label": say("time") });
    slider.addEventListener("input", () => {
      clock.seek(Number(slider.value));
      this.moved(false);
    });
    slider.addEventListener("change", () => this.moved(true));
    slider.addEventListener("keydown", (event) => this.sliderKey(event));
    const time = el("output", { class: "player-time", for: "time" });
    const options = SPEEDS.map((speed) => el("option", { value: speed, selected: speed === clock.speed }, say("times", { factor: speed })));
    const speed = el("select", { id: "speed", "aria-label": say("speed") }, ...options);
    speed.addEventListener("change", () => {
      clock.speed = Number(speed.value) as Speed;
    });
    const back = button("−", "icon-button step-button", () => this.step(-1));
    const on = button("+", "icon-button step-button", () => this.step(1));
    back.setAttribute("aria-label", say("stepBack"));
    on.setAttribute("aria-label", say("stepOn"));
    back.title = say("stepBack");
    on.title = say("stepOn");
    this.parts = { play, slider, time, speed };
    this.place.replaceChildren(play, back, on, slider, time, speed);
    this.place.setAttribute("aria-label", say("player"));
    this.describe();
  }

  private describe(): void {
    if (!this.parts || !this.clock) return;
    const { play } = this.parts;
    const words = this.voice().say(this.clock.playing ? "pause" : "play");
    play.setAttribute("aria-label", words);
    play.title = words;
    play.replaceChildren(svg("svg", { viewBox: "0 0 20 20", class: "icon filled-icon", "aria-hidden": "true" }, svg("path", { d: ICONS[this.clock.playing ? "pause" : "play"] })));
    this.describeTime();
  }

  private describeTime(): void {
    if (!this.parts || !this.clock) return;
    const { slider, time } = this.parts;
    const since = this.voice().say("sinceStart", { time: sinceStart(this.clock.time) });
    const clock = clockTime(this.start, this.clock.time, this.voice().language);
    slider.value = String(this.clock.time);
    slider.setAttribute("aria-valuetext", clock ? `${clock}, ${since}` : since);
    time.replaceChildren(...(clock ? [el("span", {}, clock)] : []), el("span", { class: clock ? "quiet" : "" }, since));
  }

  /** The slider's own keys would move by hundredths of the run; ours move by output times. */
  private sliderKey(event: KeyboardEvent): void {
    const step = KEY_STEPS[event.key];
    if (step === undefined) return;
    event.preventDefault();
    this.step(step);
  }

  /** Anywhere but in fields: K plays, comma and full stop step, as players of films have it. */
  private key(event: KeyboardEvent): void {
    const { target } = event;
    const typing = target instanceof HTMLElement && target.matches("input:not([type=range]):not([type=checkbox]):not([type=radio]), textarea, select");
    if (!this.clock || typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "k" || event.key === "K") this.toggle();
    else if (event.key === ",") this.step(-1);
    else if (event.key === ".") this.step(1);
    else return;
    event.preventDefault();
  }
}
