// The card of the features that a click hit: one at a time, all attributes, whole.
import { byId, el, nameButton } from "../dom.ts";
import type { Hit } from "../map/identify.ts";
import { featureName } from "../map/names.ts";
import type { Language, Translate } from "../texts.ts";
import { isFacility } from "../twin/facility.ts";
import { facilityCard } from "../twin/facility-card.ts";

export interface CardModel {
  hits: readonly Hit[];
  /** Name of a hit, if it has one, and title of its layer. */
  nameOf(hit: Hit): string | null;
  layerTitle(hit: Hit): string;
  say: Translate;
  language: Language;
}

export class FeatureCard {
  private readonly card = byId("feature-card");
  private readonly close = byId<HTMLButtonElement>("card-close");
  private readonly previous = byId<HTMLButtonElement>("card-previous");
  private readonly next = byId<HTMLButtonElement>("card-next");
  private model: CardModel | null = null;
  private index = 0;

  constructor(
    private readonly shown: (hit: Hit) => void,
    private readonly closed: () => void,
  ) {
    this.close.addEventListener("click", () => this.hide());
    this.previous.addEventListener("click", () => this.turn(-1));
    this.next.addEventListener("click", () => this.turn(1));
  }

  get isOpen(): boolean {
    return !this.card.hidden;
  }

  /** Shows the first of `hits`; with `takeFocus`, for those who came by keyboard, moves there. */
  show(model: CardModel, takeFocus: boolean): void {
    this.model = model;
    this.index = 0;
    this.card.hidden = false;
    this.render();
    if (takeFocus) byId("card-title").focus();
  }

  hide(): void {
    if (!this.isOpen) return;
    this.card.hidden = true;
    this.model = null;
    byId("announcement").textContent = "";
    this.closed();
  }

  /** Says the same in another language. */
  translate(say: Translate, language: Language): void {
    nameButton(this.close, say("close"));
    nameButton(this.previous, say("previous"));
    nameButton(this.next, say("next"));
    if (this.model) {
      this.model = { ...this.model, say, language };
      this.render();
    }
  }

  /** Closes if what it shows is of that layer. */
  forget(layer: string): void {
    if (this.model?.hits.some((hit) => hit.layer === layer)) this.hide();
  }

  private turn(step: number): void {
    const count = this.model?.hits.length ?? 1;
    this.index = (this.index + step + count) % count;
    this.render();
  }

  private render(): void {
    const hit = this.model?.hits[this.index];
    if (!this.model || !hit) return;
    const { hits, say, language } = this.model;
    const english = language === "en" && isFacility(hit.properties) ? featureName(hit.properties, ["name_en"]) : null;
    const name = english ?? this.model.nameOf(hit) ?? unnamed(hit, say);
    byId("card-layer").textContent = this.model.layerTitle(hit);
    byId("card-title").textContent = name;
    byId("card-pager").hidden = hits.length < 2;
    byId("card-page").textContent = say("page", { index: this.index + 1, count: hits.length });
    byId("card-body").replaceChildren(isFacility(hit.properties) ? facilityCard(hit.properties, language) : attributes(hit, say));
    const place = { layer: this.model.layerTitle(hit), name, index: this.index + 1, count: hits.length };
    byId("announcement").textContent = say("featureFound", place);
    this.shown(hit);
  }
}

function unnamed(hit: Hit, say: Translate): string {
  return hit.featureId === null ? say("unnamed") : say("featureNumber", { id: hit.featureId });
}

function attributes(hit: Hit, say: Translate): HTMLElement {
  const entries = Object.entries(hit.properties);
  if (entries.length === 0) return el("p", { class: "quiet" }, say("noAttributes"));
  const rows = entries.map(([name, value]) =>
    el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, String(value))),
  );
  return el("table", {}, el("caption", { class: "unseen" }, say("attributes")), el("tbody", {}, ...rows));
}
