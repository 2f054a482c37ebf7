// The line that parts two compared runs: dragged, or moved by arrow keys.
import { byId } from "../dom.ts";
import type { FloodVoice } from "./texts.ts";

const KEY_STEPS: Record<string, number> = { ArrowLeft: -0.02, ArrowRight: 0.02, PageDown: -0.1, PageUp: 0.1 };

export class Parting {
  private readonly line = byId("parting");
  /** As a share of the map's width; null: in the middle of what the panel leaves free. */
  private at: number | null = null;

  constructor(private readonly moved: (at: number) => void) {
    const { line } = this;
    line.addEventListener("pointerdown", (event) => {
      line.setPointerCapture(event.pointerId);
      event.preventDefault();
      line.focus();
    });
    line.addEventListener("pointermove", (event) => {
      if (!line.hasPointerCapture(event.pointerId)) return;
      const frame = (line.parentElement as HTMLElement).getBoundingClientRect();
      this.move((event.clientX - frame.left) / frame.width);
    });
    line.addEventListener("keydown", (event) => {
      const step = KEY_STEPS[event.key];
      if (step === undefined) return;
      event.preventDefault();
      this.move((this.at ?? 0.5) + step);
    });
  }

  /** Shows the line with the names of both runs, or (null) hides it. */
  show(names: readonly [string, string] | null, { say }: FloodVoice): void {
    this.line.hidden = names === null;
    byId("parting-left").hidden = byId("parting-right").hidden = names === null;
    if (!names) return;
    byId("parting-left").textContent = names[0];
    byId("parting-right").textContent = names[1];
    this.line.setAttribute("aria-label", say("parting", { first: names[0], second: names[1] }));
    this.move(this.at ?? middle());
  }

  private move(to: number): void {
    const at = Math.min(Math.max(to, 0.02), 0.98);
    this.at = at;
    const percent = Math.round(at * 100);
    this.line.style.left = `${at * 100}%`;
    this.line.setAttribute("aria-valuenow", String(percent));
    this.line.setAttribute("aria-valuetext", `${percent} %`);
    document.documentElement.style.setProperty("--parting", `${at * 100}%`);
    this.moved(at);
  }
}

function middle(): number {
  const { right, width } = byId("panel").getBoundingClientRect();
  const beside = width < window.innerWidth * 0.7 ? right / window.innerWidth : 0;
  return (beside + 1) / 2;
}
