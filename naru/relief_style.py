"""How contour lines are drawn on a map."""

from __future__ import annotations

from typing import Any

from naru.style import StyleLayer

_BROWN, _DARK = "#a9794a", "#7d5128"
_FINE_ZOOMS = 3  # before the last zoom with tiles, from which on all lines are shown


def contour_style(layer_id: str, maxzoom: int) -> tuple[StyleLayer, ...]:
    """Return the generated style of contours (MapLibre style specification v8), without `source`.

    Every fifth line, a major one, is stronger and says its height; the others appear a few zooms before `maxzoom`,
    the last of the tiles.
    """
    major = ["==", ["get", "major"], True]
    fine = _line(layer_id, "line", ["!", major], _BROWN, [9, 0.4, 16, 1.0]) | {
        "minzoom": max(0, maxzoom - _FINE_ZOOMS)
    }
    return fine, _line(layer_id, "major", major, _DARK, [9, 0.7, 16, 1.7]), _label(layer_id, major)


def _line(layer_id: str, role: str, which: list[Any], colour: str, width: list[float]) -> StyleLayer:
    return {
        "id": f"{layer_id}--{role}",
        "type": "line",
        "source-layer": layer_id,
        "filter": which,
        "layout": {"line-cap": "round", "line-join": "round"},
        "paint": {"line-color": colour, "line-width": ["interpolate", ["linear"], ["zoom"], *width]},
    }


def _label(layer_id: str, which: list[Any]) -> StyleLayer:
    layout = {
        "symbol-placement": "line",
        "text-field": ["to-string", ["get", "elevation_m"]],
        "text-size": 11,
        "text-padding": 12,
    }
    paint = {"text-color": _DARK, "text-halo-color": "#ffffff", "text-halo-width": 1.4}
    return {
        "id": f"{layer_id}--label",
        "type": "symbol",
        "source-layer": layer_id,
        "filter": which,
        "layout": layout,
        "paint": paint,
    }
