// The fixed parts of the page: their words, the panel that folds, the list's states.
import { byId, el, nameButton } from "../dom.ts";
import type { Padding } from "../map/view.ts";
import type { Language, TextId, Translate } from "../texts.ts";

const NARROW = "(max-width: 720px)";

/** Says every text of index.html (`data-text`, `data-label`) in `language`. */
export function translatePage(language: Language, say: Translate): void {
  document.documentElement.lang = language;
  document.title = say("title");
  for (const element of document.querySelectorAll<HTMLElement>("[data-text]")) {
    element.textContent = say(element.dataset["text"] as TextId);
  }
  for (const element of document.querySelectorAll<HTMLElement>("[data-label]")) {
    const label = say(element.dataset["label"] as TextId);
    if (element instanceof HTMLButtonElement) nameButton(element, label);
    else element.setAttribute("aria-label", label);
  }
  byId("language").lang = language === "ko" ? "en" : "ko";
  for (const link of byId("panel").querySelectorAll<HTMLAnchorElement>("footer a")) {
    link.href = `${link.href.replace(/#.*$/, "")}#lang=${language}`;
  }
}

/** The button that folds the panel away; on a narrow screen it begins folded. */
export function foldingPanel(say: () => Translate): () => void {
  const panel = byId("panel");
  const button = byId<HTMLButtonElement>("panel-fold");
  const describe = () => {
    const folded = panel.classList.contains("folded");
    button.setAttribute("aria-expanded", String(!folded));
    nameButton(button, say()(folded ? "expand" : "collapse"));
  };
  button.addEventListener("click", () => {
    panel.classList.toggle("folded");
    describe();
  });
  panel.classList.toggle("folded", window.matchMedia(NARROW).matches);
  return describe;
}

/** The room that panel and card leave on the map, in CSS pixels. */
export function freeRoom(): Padding {
  const margin = 40;
  if (window.matchMedia(NARROW).matches) return { top: margin, left: margin, right: margin, bottom: 110 };
  const folded = byId("panel").classList.contains("folded");
  return { top: margin, bottom: margin, right: margin + 24, left: folded ? margin : margin + 330 };
}

/** Where the feature card begins to cover the map from below; beneath the map when it stands beside. */
export function cardTop(): number {
  const covers = window.matchMedia(NARROW).matches && !byId("feature-card").hidden;
  return covers ? byId("feature-card").getBoundingClientRect().top : Number.POSITIVE_INFINITY;
}

export function showList(groups: HTMLElement[]): void {
  const list = byId("layer-list");
  list.removeAttribute("aria-busy");
  list.replaceChildren(...groups);
}

/** Ticks a layer in the list that was switched on otherwise. */
export function tick(id: string): void {
  byId<HTMLInputElement>(`layer-${id}`).checked = true;
}

/** Grey rows in place of the list while it comes. */
export function showLoading(say: Translate): void {
  const rows = Array.from({ length: 3 }, () => el("div", { class: "skeleton", "aria-hidden": "true" }));
  const list = byId("layer-list");
  list.setAttribute("aria-busy", "true");
  list.replaceChildren(el("p", { class: "unseen", role: "status" }, say("loading")), ...rows);
}

/** What to type when the catalogue is empty. */
export function showEmpty(say: Translate, reload: () => void): void {
  const again = el("button", { type: "button", class: "text-button" }, say("emptyReload"));
  again.addEventListener("click", reload);
  const command = (text: string) => el("pre", {}, el("code", {}, text));
  const upload = el("a", { class: "solid-button", href: `upload#lang=${document.documentElement.lang}` }, say("emptyUpload"));
  const lines = [el("p", {}, upload), el("p", {}, say("emptyText")), command("naru ingest FILE")];
  const demo = [el("p", {}, say("emptyDemo")), command("naru demo")];
  showList([el("div", { class: "empty" }, el("h3", {}, say("emptyTitle")), ...lines, ...demo, again)]);
  byId("panel").classList.remove("folded");
}

/** A list that could not be had says so in its own place too. */
export function showUnavailable(text: string): void {
  showList([el("p", { class: "quiet unavailable" }, text)]);
}

/** Keeps buttons and scale above the sources, however many lines these take. */
export function makeRoomForSources(): void {
  const place = byId("attribution");
  new ResizeObserver(() => document.documentElement.style.setProperty("--sources", `${place.offsetHeight}px`)).observe(place);
}

/** The sources of what is on the map, as text: a layer's attribution may say anything. */
export function showAttribution(sources: readonly string[]): void {
  const place = byId("attribution");
  place.hidden = sources.length === 0;
  byId("attribution-text").textContent = [...new Set(sources)].join(" · ");
}
