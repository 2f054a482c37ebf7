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
    numbered: bool = True  # whether a legend says the value before the words


# Floods. Depths: the inner breaks of the Korean flood hazard map (floodmap.go.kr) are an assumption; it has five
# classes from "up to 0.5 m" to "5 m and more". Hazard: the bands of Defra FD2320/TR2. A class begins at its value.
_CLASSES = {
    "depth": (
        Mark(0.0, "0.5 m 미만 (below 0.5 m)", False),
        Mark(0.5, "0.5–1 m", False),
        Mark(1.0, "1–2 m", False),
        Mark(2.0, "2–5 m", False),
        Mark(5.0, "5 m 이상 (5 m and more)", False),
    ),
    "share": (  # of the members of an ensemble
        Mark(0.0, "20% 미만 (below 20%)", False),
        Mark(0.2, "20–40%", False),
        Mark(0.4, "40–60%", False),
        Mark(0.6, "60–80%", False),
        Mark(0.8, "80% 이상 (80% and more)", False),
    ),
    "hazard": (
        Mark(0.0, "0.75 미만: 주의 (below 0.75: caution)", False),
        Mark(0.75, "0.75–1.25: 일부 위험 (danger for some)", False),
        Mark(1.25, "1.25–2: 대부분 위험 (danger for most)", False),
        Mark(2.0, "2 이상: 모두 위험 (2 and more: danger for all)", False),
    ),
}

# Manning's n, s·m^-1/3: Chow (1959), table 5-6, to one digit; for buildings what `manning_n` has unless told.
# Stretched over what one map has, a channel of 0.03 beside fields of 0.035 would look like day and night.
_MARKS = {
    "roughness": (
        Mark(0.015, "콘크리트 (concrete)"),
        Mark(0.03, "자연 하도 (natural channel)"),
        Mark(0.05, "풀·밭 (weeds, crops)"),
        Mark(0.1, "관목·숲 (brush, trees)"),
        Mark(0.3, "건물 (buildings)"),
    ),
    "velocity": (  # m/s
        Mark(0.0, "m/s", True),
        Mark(0.5, "m/s", True),
        Mark(1.0, "m/s", True),
        Mark(2.0, "m/s", True),
        Mark(4.0, "m/s 이상 (and more)", True),
    ),
    "arrival": (  # seconds since the start
        Mark(0.0, "즉시 (at once)", False),
        Mark(600.0, "10분 (10 min)", False),
        Mark(1800.0, "30분 (30 min)", False),
        Mark(3600.0, "1시간 (1 h)", False),
        Mark(10800.0, "3시간 (3 h)", False),
        Mark(21600.0, "6시간 이후 (6 h and later)", False),
    ),
    "duration": (  # seconds
        Mark(0.0, "잠시 (a moment)", False),
        Mark(3600.0, "1시간 (1 h)", False),
        Mark(10800.0, "3시간 (3 h)", False),
        Mark(21600.0, "6시간 (6 h)", False),
        Mark(43200.0, "12시간 (12 h)", False),
        Mark(86400.0, "24시간 이상 (24 h and more)", False),
    ),
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


def ramp_classes(name: str) -> tuple[Mark, ...]:
    """Return at which values the classes of a ramp begin that does not run from colour to colour; else none."""
    return _CLASSES.get(name, ())


def ramp_stops(name: str, span: BandRange) -> list[tuple[float, str]]:
    """Return (value, colour) of a ramp: at its marks, where its classes begin, or spread over a band's stretch."""
    colours = ramp_colours(name)
    if marks := ramp_marks(name) or ramp_classes(name):
        return [(mark.value, colour) for mark, colour in zip(marks, colours, strict=True)]
    low, high = span.stretch
    return [(low + (high - low) * k / (len(colours) - 1), colour) for k, colour in enumerate(colours)]


def palette_colour(value: int) -> str:
    """Return the palette's colour for a class that has none of its own."""
    colours = palette()["content"]
    return colours[value % len(colours)]
