"""What anyone must be able to tell on a page: the name of every control, and its text from the ground behind it."""

from __future__ import annotations

from playwright.sync_api import Page

_NAMELESS = """() => {
  const named = (element) => [
    element.getAttribute('aria-label'),
    (element.getAttribute('aria-labelledby') || '').split(' ')
      .map((id) => document.getElementById(id)?.textContent).join(''),
    [...(element.labels || [])].map((label) => label.textContent).join(''),
    /^(BUTTON|A|SUMMARY)$/.test(element.tagName) ? element.textContent : '',
  ].some((text) => text && text.trim());
  const controls = document.querySelectorAll(
    'button, a[href], input, select, textarea, summary, progress, [role=img], [role=region], [role=group]');
  return [...controls].filter((one) => one.checkVisibility() && !named(one))
    .map((one) => one.outerHTML.slice(0, 120));
}"""
_FAINT = """() => {
  const parsed = (colour) => (colour.match(/[\\d.]+/g) || []).map(Number);
  const light = ([red, green, blue]) => {
    const [r, g, b] = [red, green, blue].map((one) => one / 255).map((one) =>
      one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parsed(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    const box = element.getBoundingClientRect();
    const seen = element.checkVisibility() && box.width > 1 && !element.closest('svg, canvas, option');
    if (!seen || !node.textContent.trim()) continue;
    const style = getComputedStyle(element);
    const [one, other] = [light(parsed(style.color)), light(ground(element))].sort((a, b) => b - a);
    const least = parseFloat(style.fontSize) >= 24 ? 3 : 4.5;
    const ratio = (one + 0.05) / (other + 0.05);
    if (ratio < least) found.push(`${ratio.toFixed(2)} ${node.textContent.trim().slice(0, 40)}`);
  }
  return found;
}"""


def nameless(page: Page) -> list[str]:
    """Return the controls in view that have no name for those who cannot see them (WCAG 2.2, 4.1.2)."""
    return list(page.evaluate(_NAMELESS))


def faint(page: Page) -> list[str]:
    """Return the texts whose contrast to the ground is below 4.5, or 3 for large ones (WCAG 2.2, 1.4.3)."""
    return list(page.evaluate(_FAINT))


def scrolls_sideways(page: Page) -> bool:
    """Tell whether the page is wider than the screen (WCAG 2.2, 1.4.10)."""
    return bool(page.evaluate("() => document.documentElement.scrollWidth > innerWidth"))


def kept_keys(page: Page, key: str) -> list[str]:
    """Return where a key is that it must not be: the address, what outlives the tab, the page's markup."""
    places = {
        "address": page.url,
        "localStorage": page.evaluate("() => JSON.stringify(localStorage)"),
        "cookies": str(page.context.cookies()),
        "markup": page.content(),
    }
    return [name for name, text in places.items() if key in text]
