// The card of a place on the map: the depth over time there, of one run or of two.
import type { Api } from "../api.ts";
import { byId, el } from "../dom.ts";
import type { DraftMap } from "./draft-map.ts";
import { type Place, placeText } from "./geo.ts";
import { askDepthAt, type DepthAt } from "./series.ts";
import { lineLegend, TimeChart, valueAt } from "./series-chart.ts";
import type { FloodVoice } from "./texts.ts";
import { metresText } from "./words.ts";

export interface CardHooks {
  voice(): FloodVoice;
  words(error: unknown): string;
  seek(time: number): void;
}

interface Asked {
  layer: string;
  name: string;
}

export class PointCard {
  private readonly card = byId("point-card");
  private readonly body = byId("point-body");
  private chart: TimeChart | null = null;
  private now: HTMLElement | null = null;
  private shown: { asked: readonly Asked[]; place: Place; depths: DepthAt[] } | null = null;
  private time = 0;
  private requests = 0;

  constructor(
    private readonly api: Api,
    private readonly map: DraftMap,
    private readonly hooks: CardHooks,
  ) {
    byId("point-close").addEventListener("click", () => this.close());
    this.card.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
  }

  async ask(asked: readonly Asked[], place: Place, time: number, takeFocus: boolean): Promise<void> {
    const request = ++this.requests;
    const { say } = this.hooks.voice();
    this.time = time;
    this.end();
    this.map.mark(place);
    this.card.hidden = false;
    byId("point-place").textContent = placeText(place);
    this.body.replaceChildren(el("p", { class: "quiet", role: "status" }, say("loading")));
    try {
      const depths = await Promise.all(asked.map(({ layer }) => askDepthAt(this.api, layer, place)));
      if (request !== this.requests) return;
      this.shown = { asked, place, depths };
      this.fill();
    } catch (error) {
      if (request !== this.requests) return;
      this.body.replaceChildren(el("p", { class: "bad", role: "alert" }, this.hooks.words(error)));
    }
    if (takeFocus) byId("point-title").focus();
  }

  /** The player stands at `time`. */
  mark(time: number): void {
    this.time = time;
    this.chart?.mark(time);
    this.describe();
  }

  close(): void {
    this.requests += 1;
    this.end();
    this.shown = null;
    this.card.hidden = true;
    this.map.mark(null);
  }

  translate(): void {
    if (this.shown) this.fill();
  }

  private fill(): void {
    const { shown } = this;
    if (!shown) return;
    this.end();
    const { say, language } = this.hooks.voice();
    const { asked, depths } = shown;
    const dry = depths.every(({ depth }) => depth.every((value) => value === null || value === 0));
    this.now = el("p", { class: "point-now", role: "status" });
    const most = depths.map(({ most: known, depth }) => known ?? Math.max(0, ...depth.map((value) => value ?? 0)));
    const parts: HTMLElement[] = [this.now];
    this.now.hidden = dry;
    if (dry) parts.push(el("p", { class: "quiet" }, say(depths.some(({ inside }) => inside) ? "dryHere" : "outsideHere")));
    else {
      this.chart = new TimeChart({
        ...{ title: say("depthOver"), axis: `${say("quantity_depth_m")} (m)`, axisTime: say("axisTime"), cursorName: say("cursorName"), language },
        ...{ fromZero: true, digits: 2, seek: (time: number) => this.hooks.seek(time) },
        lines: depths.map(({ times, depth }, index) => ({ label: asked[index]?.name ?? "", times, values: depth })),
      });
      const words = most.map((depth, index) => `${asked.length > 1 ? `${asked[index]?.name}: ` : ""}${metresText(depth, language)}`).join(" · ");
      parts.push(this.chart.element, ...(asked.length > 1 ? [lineLegend(asked.map(({ name }) => name))] : []), el("p", { class: "quiet" }, say("deepest", { depth: words })));
    }
    this.body.replaceChildren(...parts);
    this.mark(this.time);
  }

  private describe(): void {
    const { shown, now } = this;
    if (!shown || !now) return;
    const { language } = this.hooks.voice();
    now.textContent = shown.depths.map(({ times, depth }) => metresText(valueAt(times, depth, this.time), language)).join(" · ");
  }

  private end(): void {
    this.chart?.end();
    this.chart = null;
    this.now = null;
  }
}
