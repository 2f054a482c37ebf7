"""KML styles (OGC 07-147r2 §12) as neutral symbols: colours, widths, what is drawn. Icons are not read."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

Symbol = dict[str, str | float]  # see naru.symbols
FIELD = "kml_style"  # says which of a layer's styles a feature has
MOST = 64  # styles of a layer that are drawn
_COLOUR = re.compile(r"#?([0-9a-fA-F]{8})")
_TARGETS = {"LineStyle": "line", "PolyStyle": "fill", "IconStyle": "point", "LabelStyle": "label"}
_FLAGS = {"fill": "filled", "outline": "outlined"}


@dataclass
class StyleReader:
    """Reads one Style or StyleMap element from the parser's events."""

    tag: str
    id: str
    symbol: Symbol = field(default_factory=dict)
    normal: str = ""  # a StyleMap's styleUrl for the normal state
    _part: str = ""
    _key: str = ""

    def start(self, tag: str) -> None:
        """Take the begin of an element within."""
        if tag in _TARGETS:
            self._part = _TARGETS[tag]
        elif tag == "Pair":
            self._key = ""

    def end(self, tag: str, text: str) -> None:
        """Take the end of an element within, and its text."""
        value = text.strip()
        if tag == "key":
            self._key = value
        elif self._key == "highlight":
            return
        elif tag == "styleUrl":
            self.normal = value
        elif tag in _TARGETS:
            self._part = ""
        elif self._part:
            self._set(tag, value)

    def _set(self, tag: str, value: str) -> None:
        colour = _COLOUR.fullmatch(value) if tag == "color" else None
        if colour:  # aabbggrr
            opacity, blue, green, red = (colour.group(1)[i : i + 2].lower() for i in (0, 2, 4, 6))
            self.symbol[f"{self._part}_color"] = f"#{red}{green}{blue}"
            self.symbol[f"{self._part}_opacity"] = round(int(opacity, 16) / 255, 3)
        elif (tag == "width" and self._part == "line") or (tag == "scale" and self._part in ("point", "label")):
            self._number(f"{self._part}_{tag}", value)
        elif self._part == "fill" and tag in _FLAGS:
            self.symbol[_FLAGS[tag]] = 0.0 if value in ("0", "false") else 1.0

    def _number(self, name: str, value: str) -> None:
        try:
            number = float(value)
        except ValueError:
            return
        if 0 <= number <= 100:
            self.symbol[name] = number


@dataclass
class Styles:
    """A document's shared styles, by id."""

    shared: dict[str, Symbol] = field(default_factory=dict)
    maps: dict[str, str] = field(default_factory=dict)

    def add(self, read: StyleReader) -> None:
        """Keep a shared Style or StyleMap."""
        if read.tag == "StyleMap" and read.normal:
            self.maps[read.id] = read.normal
        elif read.id:
            self.shared[read.id] = read.symbol

    def find(self, url: str) -> tuple[str, Symbol]:
        """Return name and symbol of a `styleUrl`; ("", {}) for one elsewhere, which is never fetched."""
        name, seen = url.removeprefix("#"), 0
        target = name
        while target in self.maps and seen < len(self.maps):
            target, seen = self.maps[target].removeprefix("#"), seen + 1
        return (name, self.shared[target]) if self.shared.get(target) else ("", {})


def symbology(drawn: list[tuple[str, Symbol]]) -> tuple[dict[str, object] | None, list[str | None]]:
    """Return what draws a layer whose features have these names and symbols, and each feature's name for `FIELD`.

    The first is None where no feature has a style, the second empty where all have the same.
    """
    contents = [json.dumps(symbol, sort_keys=True) if symbol else "" for _, symbol in drawn]
    names: dict[str, str] = {}
    for (name, _), content in zip(drawn, contents, strict=True):
        if content and content not in names:
            taken = set(names.values())
            free = (
                name
                if name and name not in taken
                else next(f"style {n}" for n in range(1, len(taken) + 2) if f"style {n}" not in taken)
            )
            names[content] = free
    if not names:
        return None, []
    often = [content for content, _ in Counter(c for c in contents if c).most_common(MOST)]
    symbols: Mapping[str, Symbol] = {names[c]: json.loads(c) for c in often}
    if len(set(contents)) == 1:
        return {"field": None, "symbols": symbols}, []
    return {"field": FIELD, "symbols": symbols}, [names.get(c) for c in contents]
