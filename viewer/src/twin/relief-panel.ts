// The button that stands the ground up, and the choices beside it.
import type { LayerInfo } from "../api.ts";
import { byId, el } from "../dom.ts";
import { EXAGGERATION } from "../permalink.ts";
import type { TwinVoice } from "./texts.ts";

export interface ReliefHooks {
  toggle(): void;
  change(change: { layer?: string; exaggeration?: number; shade?: boolean }): void;
}

export interface ReliefShown {
  /** Layers with heights that may be chosen. */
  grounds: readonly LayerInfo[];
  ground: { layer: LayerInfo; exaggeration: number; shade: boolean } | null;
  /** Where the same place can be seen as a scene of meshes and models. */
  scene: string | null;
}

export class ReliefPanel {
  private readonly button = byId<HTMLButtonElement>("relief");
  private readonly panel = byId<HTMLDetailsElement>("relief-panel");
  private drawn = "";

  constructor(private readonly hooks: ReliefHooks) {
    this.button.addEventListener("click", () => hooks.toggle());
    this.panel.open = !window.matchMedia("(max-width: 720px)").matches;
  }

  show({ grounds, ground, scene }: ReliefShown, voice: TwinVoice): void {
    this.button.hidden = grounds.length === 0;
    this.button.setAttribute("aria-pressed", String(ground !== null));
    this.panel.hidden = ground === null;
    // a slider that is being dragged must not be replaced beneath the hand
    const drawn = JSON.stringify([voice.language, grounds.map(({ id }) => id), ground?.layer.id, ground?.shade, scene]);
    if (!ground || drawn === this.drawn) return;
    this.drawn = drawn;
    const { say, language } = voice;
    const focused = this.panel.contains(document.activeElement) ? document.activeElement?.id : null;
    const choice = el(
      "select",
      { id: "relief-layer" },
      ...grounds.map(({ id, title }) => el("option", { value: id, selected: id === ground.layer.id }, title[language])),
    );
    choice.addEventListener("change", () => this.hooks.change({ layer: choice.value }));
    const shade = el("input", { id: "relief-shade", type: "checkbox", checked: ground.shade });
    shade.addEventListener("change", () => this.hooks.change({ shade: shade.checked }));
    this.panel.replaceChildren(
      el("summary", {}, say("reliefTitle")),
      this.slider(ground.exaggeration, voice),
      el("label", { class: "relief-row", for: "relief-layer" }, el("span", {}, say("reliefLayer")), choice),
      el("label", { class: "relief-check" }, shade, say("reliefShade")),
      ...(scene ? [el("a", { class: "relief-scene", href: scene }, say("openScene"))] : []),
    );
    if (focused) document.getElementById(focused)?.focus();
  }

  private slider(value: number, { say }: TwinVoice): HTMLElement {
    const { least: min, most: max, step } = EXAGGERATION;
    const slider = el("input", { id: "relief-exaggeration", type: "range", min, max, step, value });
    const shown = el("output", { for: "relief-exaggeration" });
    const tell = () => {
      shown.textContent = say("reliefTimes", { factor: slider.value });
      slider.setAttribute("aria-valuetext", shown.textContent);
    };
    slider.addEventListener("input", () => {
      tell();
      this.hooks.change({ exaggeration: Number(slider.value) });
    });
    tell();
    return el("label", { class: "opacity" }, el("span", {}, say("reliefExaggeration")), slider, shown);
  }
}
