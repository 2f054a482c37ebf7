// Elements from code. Strings become text nodes, never markup: names and attributes come from strangers' files.

type Attributes = Record<string, string | number | boolean | null | undefined>;

/** `<tag attributes…>children…</tag>`; `true` gives an empty attribute, `false` and null give none. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  setAttributes(element, attributes);
  element.append(...children);
  return element;
}

/** The same for SVG: `<tag attributes…>children…</tag>`. */
export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  setAttributes(element, attributes);
  element.append(...children);
  return element;
}

/** A button with words. */
export function button(words: string, kind: string, press: () => void): HTMLButtonElement {
  const made = el("button", { type: "button", class: kind }, words);
  made.addEventListener("click", press);
  return made;
}

/** A button with a name for those who cannot see its icon. */
export function iconButton(icon: keyof typeof ICONS, label: string, attributes: Attributes = {}): HTMLButtonElement {
  const button = el("button", { type: "button", class: "icon-button", ...attributes });
  nameButton(button, label);
  button.append(svgIcon(icon));
  return button;
}

export function nameButton(button: HTMLElement, label: string): void {
  button.setAttribute("aria-label", label);
  button.title = label;
}

/** The element of index.html with that id; its absence is a mistake of ours. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no #${id}`);
  return element as T;
}

const ICONS = {
  plus: "M10 4v12M4 10h12",
  minus: "M4 10h12",
  north: "M10 2.5 14.5 17 10 14 5.5 17z",
  home: "M3.5 7.5v-4h4M16.5 7.5v-4h-4M3.5 12.5v4h4M16.5 12.5v4h-4",
  target: "M10 2v4M10 14v4M2 10h4M14 10h4M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7z",
  chevron: "m5.5 8 4.5 4.5L14.5 8",
  close: "m5 5 10 10M15 5 5 15",
  left: "M12 5 7 10l5 5",
  right: "m8 5 5 5-5 5",
  lock: "M5.5 9h9v7h-9zM7.5 9V6.5a2.5 2.5 0 0 1 5 0V9",
} as const;

export function svgIcon(name: keyof typeof ICONS): SVGSVGElement {
  const shape = svg("path", { d: ICONS[name] });
  return svg("svg", { viewBox: "0 0 20 20", class: `icon icon-${name}`, "aria-hidden": "true" }, shape);
}

function setAttributes(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
}
