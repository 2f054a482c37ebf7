"""A real browser (Debian's Chromium) that reports whatever a page does wrong."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from tests.conftest import ROOT, require_tool

# Software WebGL 2, the same pixels on every machine
FLAGS = (
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--no-sandbox",
    "--disable-dev-shm-usage",
)
SHOTS = ROOT / "tests" / "shots"
DRAWN = "html[data-map-state=idle]"
PAGE_TIMEOUT_MS = 60_000
_NOTE_VIOLATIONS = """
window.violations = [];
document.addEventListener('securitypolicyviolation',
  (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""
_DECODE = """async (png) => {
  const image = new Image();
  image.src = 'data:image/png;base64,' + png;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, image.width, image.height).data;
  let text = '';
  for (let i = 0; i < pixels.length; i += 32768) text += String.fromCharCode(...pixels.subarray(i, i + 32768));
  return [image.width, image.height, btoa(text)];
}"""


@dataclass
class Watched:
    """A page, and what went wrong on it: console errors, thrown errors, requests to other origins."""

    page: Page
    troubles: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    own: str = ""

    def visit(self, url: str, ready: str) -> Page:
        """Open `url` and wait for what `ready` selects."""
        self.own = urlsplit(url).netloc
        self.page.goto(url)
        self.page.wait_for_selector(ready, state="attached", timeout=PAGE_TIMEOUT_MS)
        return self.page

    def open(self, url: str) -> Page:
        """Open `url` and wait until its map is drawn."""
        return self.visit(url, DRAWN)

    def drawn(self) -> Page:
        """Wait until everything that was asked for has been drawn."""
        self.page.wait_for_selector(DRAWN, state="attached", timeout=PAGE_TIMEOUT_MS)
        return self.page

    def until(self, expression: str, seconds: float = 30) -> None:
        """Wait until a function is true in the page (its policy forbids Playwright's own way)."""
        deadline = time.monotonic() + seconds
        while not self.page.evaluate(f"(function () {{ return !!({expression})(); }})()"):
            assert time.monotonic() < deadline, f"not true within {seconds} s: {expression}"
            self.page.wait_for_timeout(100)

    def settled(self) -> None:
        """Wait until the map has drawn what changed since, fading included."""
        self.page.evaluate("() => new Promise((done) => { naruMap.once('idle', done); naruMap.triggerRepaint(); })")

    def pixels(self, name: str) -> np.ndarray:
        """Take a screenshot, keep it as tests/shots/NAME.png, return it as rows x columns x RGB."""
        SHOTS.mkdir(exist_ok=True)
        path = SHOTS / f"{name}.png"
        png = self.page.screenshot(path=path)
        blank = self.page.context.new_page()  # the page's own policy would refuse the data: URL's evaluation
        width, height, text = blank.evaluate(_DECODE, base64.b64encode(png).decode())
        blank.close()
        return np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)[:, :, :3]

    def violations(self) -> list[str]:
        """What the content security policy had to refuse."""
        return list(self.page.evaluate("() => window.violations"))

    def noted(self, message: ConsoleMessage) -> None:
        """Keep errors and warnings."""
        if message.type in ("error", "warning"):
            self.troubles.append(f"{message.type}: {message.text}")

    def requested(self, request: Request) -> None:
        """Keep requests that leave the origin."""
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != self.own:
            self.outside.append(request.url)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Return Debian's Chromium, started."""
    path = require_tool("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[..., Watched]]:
    """Return a function that gives a fresh page: `open_page(width=…, height=…, locale=…)`."""
    contexts = []

    def fresh(width: int = 960, height: int = 600, locale: str = "ko-KR") -> Watched:
        context = chromium.new_context(viewport={"width": width, "height": height}, locale=locale)
        contexts.append(context)
        context.add_init_script(_NOTE_VIOLATIONS)
        watched = Watched(context.new_page())
        watched.page.on("console", watched.noted)
        watched.page.on("pageerror", lambda error: watched.troubles.append(f"thrown: {error}"))
        watched.page.on("request", watched.requested)
        return watched

    yield fresh
    for context in contexts:
        context.close()


@pytest.fixture
def screen_point() -> Callable[[Page, float, float], tuple[float, float]]:
    """Return a function that says where a longitude and latitude lie on the screen, in CSS pixels."""

    def at(page: Page, lon: float, lat: float) -> tuple[float, float]:
        x, y = page.evaluate(
            "([lon, lat]) => { const p = naruMap.project([lon, lat]); return [p.x, p.y]; }", [lon, lat]
        )
        return x, y

    return at


def hand_written(folder: Path, name: str, text: str) -> Path:
    """Write a small input file and return its path."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path
