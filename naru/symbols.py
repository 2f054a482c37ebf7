"""Symbols that a file brought along, as MapLibre styles. A symbol has colours and sizes, and nothing that loads.

What comes from a parser is checked name by name (`parse`): a style never carries an address or an expression
that was not made here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from naru.style import Look, StyleLayer, default_style

_COLOUR = re.compile(r"#[0-9a-f]{6}")
_NUMBERS = {
    **{f"{part}_opacity": 1.0 for part in ("line", "fill", "point", "label")},
    **{"line_width": 100.0, "point_scale": 100.0, "label_scale": 100.0, "filled": 1.0, "outlined": 1.0},
}
_COLOURS = frozenset({"line_color", "fill_color", "point_color", "label_color"})
MOST = 64
_PLAIN = {"line-width": 1.5, "fill-opacity": 0.2, "circle-radius": 5.0}  # where a layer has no style of zooms
_RADIUS, _WIDEST, _LARGEST = 5.0, 20.0, 15.0  # pixels


@dataclass(frozen=True)
class Symbology:
    """How a file draws a layer: one symbol, or those that `field` names by feature."""

    field: str | None
    symbols: Mapping[str, Mapping[str, str | float]]


def parse(said: Any) -> Symbology | None:
    """Check what a parser says of a layer's symbols. Raises ValueError for anything that is none."""
    if said is None:
        return None
    field, symbols = said["field"], said["symbols"]
    if (field is not None and not isinstance(field, str)) or not isinstance(symbols, dict) or len(symbols) > MOST:
        raise ValueError("symbols")
    if field is None and len(symbols) != 1:
        raise ValueError("several symbols and no field")
    return Symbology(field, {str(name)[:200]: _symbol(symbol) for name, symbol in symbols.items()})


def _symbol(said: Mapping[str, Any]) -> dict[str, str | float]:
    out: dict[str, str | float] = {}
    for name, value in said.items():
        if name in _COLOURS and isinstance(value, str) and _COLOUR.fullmatch(value):
            out[name] = value
        elif name in _NUMBERS and isinstance(value, int | float) and 0 <= value <= _NUMBERS[name]:
            out[name] = float(value)
        else:
            raise ValueError(f"symbol {name}")
    return out


def drawn_style(layer_id: str, look: Look, symbology: Symbology) -> tuple[StyleLayer, ...]:
    """Return the generated style of a layer with the file's symbols in place of its colours and sizes."""
    return tuple(_repainted(part, look, symbology) for part in default_style(layer_id, look))


def _repainted(part: StyleLayer, look: Look, symbology: Symbology) -> StyleLayer:
    """Return a style layer whose paint follows the symbols, as far as they say something of it."""
    paint = dict(part["paint"])
    outline = part["type"] == "line" and (look.geometry == "polygon" or part["id"].endswith("--outline"))
    for name, source in _SOURCES.get(part["type"], {}).items():
        values = {key: source(symbol, outline) for key, symbol in symbology.symbols.items()}
        known = {key: value for key, value in values.items() if value is not None}
        if known:
            paint[name] = _expression(symbology.field, known, _default(name, paint.get(name)))
    return part | {"paint": paint}


def _default(name: str, present: Any) -> Any:
    """Return what features without a symbol get: expressions of the zoom cannot stand within a match."""
    return present if isinstance(present, str | float) else _PLAIN.get(name, 1.0)


def _expression(field: str | None, values: Mapping[str, Any], default: Any) -> Any:
    if field is None:
        return next(iter(values.values()))
    pairs = [item for key, value in values.items() for item in (key, value)]
    return ["match", ["to-string", ["get", field]], *pairs, default]


Values = Mapping[str, str | float]


def _fill_opacity(symbol: Values, _: bool) -> Any:
    return 0.0 if symbol.get("filled") == 0 else symbol.get("fill_opacity")


def _line_opacity(symbol: Values, outline: bool) -> Any:
    return 0.0 if outline and symbol.get("outlined") == 0 else symbol.get("line_opacity")


def _line_width(symbol: Values, _: bool) -> Any:
    return min(float(symbol["line_width"]), _WIDEST) if "line_width" in symbol else None


def _radius(symbol: Values, _: bool) -> Any:
    return min(_RADIUS * float(symbol["point_scale"]), _LARGEST) if "point_scale" in symbol else None


_SOURCES: Mapping[str, Mapping[str, Callable[[Values, bool], Any]]] = {
    "fill": {"fill-color": lambda s, _: s.get("fill_color"), "fill-opacity": _fill_opacity},
    "line": {
        "line-color": lambda s, _: s.get("line_color"),
        "line-opacity": _line_opacity,
        "line-width": _line_width,
    },
    "circle": {
        "circle-color": lambda s, _: s.get("point_color"),
        "circle-opacity": lambda s, _: s.get("point_opacity"),
        "circle-radius": _radius,
    },
    "symbol": {
        "text-color": lambda s, _: s.get("label_color"),
        "text-opacity": lambda s, _: s.get("label_opacity"),
    },
}
