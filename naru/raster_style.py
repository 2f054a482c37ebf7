"""How a raster layer is drawn on a map, and its legend, from what is known of it."""

from __future__ import annotations

from typing import Any

from naru.ramps import Mark, palette_colour, ramp_classes, ramp_marks, ramp_stops
from naru.raster_facts import BandRange, RasterFacts
from naru.style import StyleLayer

_MOST_CLASSES = 64  # in a legend
_UNKNOWN = BandRange(0.0, 1.0, 0.0, 1.0)
TERRAIN_TYPES = frozenset(("hillshade", "color-relief"))  # style layers that read heights, not pictures
PICTURE_TYPES = TERRAIN_TYPES | {"raster"}


def raster_style(layer_id: str, facts: RasterFacts) -> tuple[StyleLayer, ...]:
    """Return the generated style of a raster layer (MapLibre style specification v8), without `source`.

    Elevation is a picture too, a shaded relief: only pictures can say that a raster has nothing somewhere.
    """
    paint = {"raster-resampling": "nearest" if facts.role == "classes" else "linear"}
    return ({"id": f"{layer_id}--raster", "type": "raster", "paint": paint},)


def legend_type(facts: RasterFacts) -> str:
    """Return "ramp" where the legend's colours run into each other, else "classes"."""
    runs = facts.role in ("elevation", "data") and not ramp_classes(facts.ramp)
    return "ramp" if runs else "classes"


def raster_legend(facts: RasterFacts) -> list[dict[str, str]]:
    """Return the legend, lowest value first: a ramp's stops, or the classes that there are; none for imagery."""
    if facts.role == "imagery":
        return []
    if facts.role == "classes":
        names = facts.class_names
        return [{"label": names.get(value, str(value)), "color": colour} for value, colour in _classes(facts)]
    unit = f" {facts.unit}" if facts.unit else ""
    stops = ramp_stops(facts.ramp or facts.role, _span(facts))
    if marks := ramp_marks(facts.ramp) or ramp_classes(facts.ramp):
        told = zip(marks, stops, strict=True)
        return [{"label": _label(mark), "color": colour} for mark, (_, colour) in told]
    return [{"label": f"{value:.{_digits(stops)}f}{unit}", "color": colour} for value, colour in stops]


def _label(mark: Mark) -> str:
    return f"{mark.value:g} {mark.words}" if mark.numbered else mark.words


def _classes(facts: RasterFacts) -> list[tuple[int, str]]:
    low, high = (facts.ranges[0].low, facts.ranges[0].high) if facts.ranges else (-float("inf"), float("inf"))
    if facts.colormap:
        seen = [(v, c) for v, c in sorted(facts.colormap.items()) if low <= v <= high and c[3]]
        return [(value, "#{:02x}{:02x}{:02x}".format(*colour)) for value, colour in seen[:_MOST_CLASSES]]
    if not facts.ranges or high - low >= _MOST_CLASSES:
        return []
    return [(value, palette_colour(value)) for value in range(int(low), int(high) + 1)]


def _digits(stops: list[tuple[float, Any]]) -> int:
    """Return how many decimals tell neighbouring stops apart."""
    step = stops[1][0] - stops[0][0]
    return 0 if step >= 2 else 1 if step >= 0.2 else 3


def _span(facts: RasterFacts) -> BandRange:
    return facts.ranges[0] if facts.ranges else _UNKNOWN
