// The map of requested tiles: which layer, the map, its legend, the table of the tiles asked for most.
import { type Api, type LayerInfo } from "../api.ts";
import { countText } from "../amounts.ts";
import { button, byId, el } from "../dom.ts";
import type { Voice } from "../ui/office-page.ts";
import { classes, colourAt } from "./heat.ts";
import type { HeatMap } from "./heat-map.ts";
import type { Heat, Ledger, Question } from "./ledger.ts";
import type { Period } from "./period.ts";
import type { UsageTextId } from "./texts.ts";

const LISTED = 10;

export class HeatSection {
  private layers: readonly LayerInfo[] = [];
  private chosen = "";
  private days: Period = { from: "", to: "" };
  private heat: Heat | null = null;
  private map: Promise<HeatMap> | null = null;
  private seen = false;
  private asked = 0;

  constructor(
    private readonly ledger: Ledger,
    private readonly api: Api,
    private voice: Voice<UsageTextId>,
    private readonly words: (error: unknown) => string,
  ) {
    const select = byId<HTMLSelectElement>("heat-layer");
    select.addEventListener("change", () => {
      this.chosen = select.value;
      void this.load();
    });
    new IntersectionObserver((entries) => {
      if (this.seen || !entries.some(({ isIntersecting }) => isIntersecting)) return;
      this.seen = true;
      void this.load();
    }).observe(byId("heat"));
  }

  /** `likely` is the layer to show unless one was chosen here. */
  show(layers: readonly LayerInfo[], likely: string, days: Period): void {
    byId("heat").hidden = false;
    this.layers = layers;
    this.days = days;
    if (!layers.some(({ id }) => id === this.chosen)) this.chosen = likely || (layers[0]?.id ?? "");
    this.fillChoice();
    if (this.seen) void this.load();
  }

  hide(): void {
    byId("heat").hidden = true;
    this.heat = null;
  }

  translate(voice: Voice<UsageTextId>): void {
    this.voice = voice;
    this.fillChoice();
    if (this.heat) this.describe(this.heat);
  }

  private fillChoice(): void {
    const select = byId<HTMLSelectElement>("heat-layer");
    select.replaceChildren(...this.layers.map(({ id, title }) => el("option", { value: id }, title[this.voice.language])));
    select.value = this.chosen;
    select.disabled = this.layers.length === 0;
  }

  private async load(): Promise<void> {
    if (!this.chosen) {
      byId("heat-message").textContent = this.voice.say("heatNoLayers");
      return;
    }
    this.asked += 1;
    const { asked } = this;
    byId("heat-message").textContent = this.voice.say("loading");
    const question: Question = { by: [], layer: this.chosen, ...this.days };
    try {
      const heat = await this.ledger.heat(question);
      if (asked !== this.asked) return;
      this.heat = heat;
      this.describe(heat);
      if (heat.tiles.length > 0) (await this.opened()).show(heat, classes(heat.tiles.map(([, , , requests]) => requests)));
    } catch (error) {
      if (asked === this.asked) byId("heat-message").textContent = this.words(error);
    }
  }

  private opened(): Promise<HeatMap> {
    this.map ??= import("./heat-map.ts").then(({ HeatMap }) =>
      HeatMap.open(byId("heat-map"), this.api, this.layers, (told) => this.over(told)),
    );
    return this.map;
  }

  private over(told: [tile: string, requests: number] | null): void {
    const { say, language } = this.voice;
    byId("heat-over").textContent = told ? say("heatOver", { tile: told[0], requests: countText(told[1], language) }) : "";
  }

  private describe({ tiles }: Heat): void {
    const { say, language } = this.voice;
    const requests = tiles.map((tile) => tile[3]);
    const sum = countText(requests.reduce((all, one) => all + one, 0), language);
    const title = this.layers.find(({ id }) => id === this.chosen)?.title[language] ?? this.chosen;
    const told = say("heatTold", { title, count: countText(tiles.length, language), requests: sum });
    byId("heat-message").textContent = tiles.length > 0 ? told : say("heatEmpty");
    byId("heat-frame").hidden = tiles.length === 0;
    byId("heat-legend").replaceChildren(...this.legend(classes(requests)));
    byId("heat-table").replaceChildren(...(tiles.length > 0 ? [this.table(tiles)] : []));
  }

  private legend(lower: readonly number[]): HTMLElement[] {
    const { say, language } = this.voice;
    const items = lower.map((from, place) => {
      const to = (lower[place + 1] ?? Number.NaN) - 1;
      const words = to === from ? countText(from, language) : `${countText(from, language)}–${to > from ? countText(to, language) : ""}`;
      const spot = el("span", { class: "spot", "aria-hidden": "true" });
      spot.style.background = colourAt(place, lower.length);
      return el("li", {}, spot, words);
    });
    return [el("p", {}, say("heatLegend")), el("ul", {}, ...items)];
  }

  private table(tiles: Heat["tiles"]): HTMLElement {
    const { say, language } = this.voice;
    const most = [...tiles].sort((one, other) => other[3] - one[3]).slice(0, LISTED);
    const rows = most.map((tile) => {
      const name = tile.slice(0, 3).join("/");
      const go = button(name, "name-button", () => {
        byId("heat-map").scrollIntoView({ block: "center" });
        void this.opened().then((map) => map.goTo(tile));
      });
      go.setAttribute("aria-label", say("heatGo", { tile: name }));
      return el("tr", {}, el("th", { scope: "row" }, go), el("td", { class: "number" }, countText(tile[3], language)));
    });
    const head = el("tr", {}, el("th", { scope: "col" }, say("heatTile")), el("th", { scope: "col", class: "number" }, say("requests")));
    const table = el("table", { class: "figures heat-figures" }, el("caption", {}, say("heatTable")), el("thead", {}, head), el("tbody", {}, ...rows));
    return el("div", { class: "table-frame" }, table);
  }
}
