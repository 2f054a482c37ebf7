// The little Markdown that descriptions use: paragraphs, lists of one level, `code`. Everything else stays as typed.
import { el } from "../dom.ts";

export function prose(text: string): HTMLElement[] {
  const blocks = text.split(/\n\s*\n/).map((block) => block.trim()).filter(Boolean);
  return blocks.map((block) => (/^[-*] /.test(block) ? list(block) : el("p", {}, ...spans(block))));
}

function list(block: string): HTMLElement {
  const items = block.split(/\n(?=[-*] )/).map((item) => el("li", {}, ...spans(item.slice(2))));
  return el("ul", { class: "prose-list" }, ...items);
}

function spans(text: string): (Node | string)[] {
  return text.split(/(`[^`]+`)/).map((part) => (/^`.+`$/.test(part) ? el("code", {}, part.slice(1, -1)) : part));
}
