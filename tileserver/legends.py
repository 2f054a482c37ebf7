"""A layer's legend: what its colours stand for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from naru.errors import ArchiveDamaged
from naru.raster_facts import RasterFacts
from naru.raster_style import legend_type, raster_legend
from naru.records import Layer, Tileset
from naru.style import colour_of

_ROLES = {"fill-color": "polygon", "line-color": "line", "circle-color": "point"}  # what a colour is drawn on
_OTHERS = "그 밖"
_MOST = 64  # entries
Entry = dict[str, Any]


def legend(layer: Layer) -> dict[str, Any]:
    """Return `legend` and `legend_type` as `/api/layers` shows them.

    Entries have a label and a colour, those of vector layers also what is drawn in it (`geometry`: polygon, line,
    point). A plain style has one entry, a style by classes one a class. The type is "ramp" where colours run into
    each other, lowest value first, else "classes".
    """
    if layer.kind == "raster":
        facts = known_facts(layer.live.tilesets[0])
        return {"legend": raster_legend(facts), "legend_type": legend_type(facts)}
    for role, expression in _colours(layer.style):
        told = _told(expression, _ROLES[role])
        if told:
            return told
    colour = colour_of(layer.style)
    role = next((role for role, value in _colours(layer.style) if value == colour), "fill-color")
    entries = [{"label": layer.title_ko, "color": colour, "geometry": _ROLES[role]}] if colour else []
    return {"legend": entries, "legend_type": "classes"}


def known_facts(tileset: Tileset) -> RasterFacts:
    """Return a raster's facts; plain pictures' where they are damaged: the layer's tiles say so, lists stay."""
    try:
        return RasterFacts.of(tileset.rules)
    except ArchiveDamaged:
        return RasterFacts.of({})


def _colours(style: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield every colour of the style layers' paint: its role and its value."""
    for part in style:
        paint = part.get("paint")
        if isinstance(paint, Mapping):
            yield from ((role, paint[role]) for role in _ROLES if role in paint)


def _told(expression: Any, geometry: str) -> dict[str, Any] | None:
    """Return the legend of a colour that depends on the feature; None for what cannot be told in classes."""
    if not isinstance(expression, list) or not expression or not isinstance(expression[0], str):
        return None
    pairs = _READERS[expression[0]](expression) if expression[0] in _READERS else []
    entries = [
        {"label": label, "color": colour, "geometry": geometry}
        for label, colour in pairs[:_MOST]
        if isinstance(colour, str)
    ]
    kind = "ramp" if expression[0] == "interpolate" else "classes"
    return {"legend": entries, "legend_type": kind} if entries else None


Pairs = list[tuple[str, Any]]


def _match(expression: list[Any]) -> Pairs:
    """["match", input, label, colour, …, colour of all others]."""
    pairs = [(_words(label), colour) for label, colour in zip(expression[2:-1:2], expression[3:-1:2], strict=False)]
    return [*pairs, (_OTHERS, expression[-1])] if pairs else []


def _step(expression: list[Any]) -> Pairs:
    """["step", input, first colour, limit, colour, …]."""
    if len(expression) < 5 or not _is_of_features(expression[1]):
        return []
    limits, colours = [_words(limit) for limit in expression[3::2]], expression[2::2]
    between = [f"{low} – {high}" for low, high in pairwise(limits)]
    return list(zip([f"< {limits[0]}", *between, f"≥ {limits[-1]}"], colours, strict=False))


def _interpolate(expression: list[Any]) -> Pairs:
    """["interpolate", kind, input, stop, colour, …]."""
    if len(expression) < 5 or not _is_of_features(expression[2]):
        return []
    return [(_words(stop), colour) for stop, colour in zip(expression[3::2], expression[4::2], strict=False)]


def _case(expression: list[Any]) -> Pairs:
    """["case", test, colour, …, colour of all others]."""
    pairs = zip(expression[1:-1:2], expression[2:-1:2], strict=False)
    return [*((_test(test), colour) for test, colour in pairs), (_OTHERS, expression[-1])]


_READERS = {"match": _match, "step": _step, "interpolate": _interpolate, "case": _case}


def _is_of_features(given: Any) -> bool:
    """Tell whether an input is something of a feature, and not the zoom."""
    if not isinstance(given, list):
        return False
    return given[:1] in (["get"], ["id"]) or any(_is_of_features(item) for item in given[1:])


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _test(test: Any) -> str:
    """Return a comparison in words: ["==", ["get", "용도"], "주거"] is 용도 = 주거."""
    if isinstance(test, list) and len(test) == 3 and isinstance(test[1], list) and test[1][:1] == ["get"]:
        sign = {"==": "=", "!=": "≠", "<=": "≤", ">=": "≥"}.get(test[0], str(test[0]))
        return f"{_words(test[1][1:])} {sign} {_words(test[2])}"
    return _OTHERS
