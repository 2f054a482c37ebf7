"""Colours that stand for values: ramps over a range, and the palette's for classes that have none."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from naru.raster_facts import BandRange
from naru.style import palette

_BACKWARDS = "_r"  # behind a ramp's name


class Mark(NamedTuple):
    """A value whose colour is the same on every map, and what has such a value."""

    value: float
    words: str  # 한국어 (English)


# Manning's n, s·m^-1/3: Chow (1959), table 5-6, to one digit; for buildings what `manning_n` has unless told.
# Stretched over what one map has, a channel of 0.03 beside fields of 0.035 would look like day and night.
_MARKS = {
    "roughness": (
        Mark(0.015, "콘크리트 (concrete)"),
        Mark(0.03, "자연 하도 (natural channel)"),
        Mark(0.05, "풀·밭 (weeds, crops)"),
        Mark(0.1, "관목·숲 (brush, trees)"),
        Mark(0.3, "건물 (buildings)"),
    )
}


@cache
def _ramps() -> dict[str, list[str]]:
    loaded: dict[str, list[str]] = json.loads((files("styles") / "ramps.json").read_text("utf-8"))
    return loaded


def ramp_names() -> tuple[str, ...]:
    """Return the names of the ramps; each may also be had backwards, with _r behind its name."""
    return tuple(_ramps())


def is_ramp(name: str) -> bool:
    """Tell whether there is a ramp of this name.

    >>> is_ramp("slope"), is_ramp("slope_r"), is_ramp("jet")
    (True, True, False)
    """
    return name.removesuffix(_BACKWARDS) in _ramps()


@cache
def ramp_colours(name: str) -> tuple[str, ...]:
    """Return the colours of a ramp, lowest first, as #rrggbb; raises KeyError where there is none."""
    colours = tuple(_ramps()[name.removesuffix(_BACKWARDS)])
    return colours[::-1] if name.endswith(_BACKWARDS) else colours


def ramp_marks(name: str) -> tuple[Mark, ...]:
    """Return which values a ramp's colours stand for on every map; none for a ramp that is spread over a range."""
    return _MARKS.get(name, ())


def ramp_stops(name: str, span: BandRange) -> list[tuple[float, str]]:
    """Return (value, colour) of a ramp: at its marks, else spread evenly over a band's stretch."""
    colours = ramp_colours(name)
    if marks := ramp_marks(name):
        return [(mark.value, colour) for mark, colour in zip(marks, colours, strict=True)]
    low, high = span.stretch
    return [(low + (high - low) * k / (len(colours) - 1), colour) for k, colour in enumerate(colours)]


def palette_colour(value: int) -> str:
    """Return the palette's colour for a class that has none of its own."""
    colours = palette()["content"]
    return colours[value % len(colours)]
