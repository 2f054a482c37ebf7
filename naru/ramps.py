"""Colours that stand for values: ramps over a range, and the palette's for classes that have none."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from naru.raster_facts import BandRange
from naru.style import palette


@cache
def ramp_colours(name: str) -> tuple[str, ...]:
    """Return the colours of a ramp, lowest first, as #rrggbb."""
    loaded: dict[str, list[str]] = json.loads((files("styles") / "ramps.json").read_text("utf-8"))
    return tuple(loaded[name])


def ramp_stops(name: str, span: BandRange) -> list[tuple[float, str]]:
    """Return (value, colour) of a ramp spread evenly over what a band is stretched to."""
    low, high = span.stretch
    colours = ramp_colours(name)
    return [(low + (high - low) * k / (len(colours) - 1), colour) for k, colour in enumerate(colours)]


def palette_colour(value: int) -> str:
    """Return the palette's colour for a class that has none of its own."""
    colours = palette()["content"]
    return colours[value % len(colours)]
