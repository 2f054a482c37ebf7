"""Colours that stand for values: ramps over a range, and the palette's for classes that have none."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from naru.raster_facts import BandRange
from naru.style import palette

_BACKWARDS = "_r"  # behind a ramp's name


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


def ramp_stops(name: str, span: BandRange) -> list[tuple[float, str]]:
    """Return (value, colour) of a ramp spread evenly over what a band is stretched to."""
    low, high = span.stretch
    colours = ramp_colours(name)
    return [(low + (high - low) * k / (len(colours) - 1), colour) for k, colour in enumerate(colours)]


def palette_colour(value: int) -> str:
    """Return the palette's colour for a class that has none of its own."""
    colours = palette()["content"]
    return colours[value % len(colours)]
