"""Default MapLibre styles: every layer is drawn sensibly from its first second, without a word from anyone.

A layer's style is a tuple of MapLibre style layers (style specification v8) without `source`, which the server
adds; they are named `<layer>--fill`, `--line`, `--circle`, `--label`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

StyleLayer = dict[str, Any]
Style = Sequence[Mapping[str, Any]]
LABELS_SUFFIX = "--label"  # tiles carry one label point a polygon in a layer of this name behind the layer's own

# What people call the field that names a thing, best first; matched on the whole name, case-folded.
_NAME_FIELDS = (
    r"이름|명칭|명",
    r"name:ko|name_ko|nm_ko|.*kor_nm",
    r"name|nm|title",
    r".*(동명|구명|시설명|건물명|도로명|하천명|교량명|역명|지명|명칭|이름)",
    r".*(_nm|_name|name)",
    r".*명",
)


@cache
def palette() -> Mapping[str, list[str]]:
    """Return the colours by function."""
    loaded: dict[str, list[str]] = json.loads((files("styles") / "palette.json").read_text("utf-8"))
    return loaded


@cache
def empty_map() -> str:
    """Return the style of a map without layers, as JSON text."""
    return (files("styles") / "map.json").read_text("utf-8")


def label_field(fields: Mapping[str, str]) -> str | None:
    """Return the field that names the features, if one of the text fields looks like it.

    >>> label_field({"SIG_CD": "String", "SIG_KOR_NM": "String"})
    'SIG_KOR_NM'
    """
    text = [name for name, kind in fields.items() if kind == "String"]
    for pattern in _NAME_FIELDS:
        for name in text:
            if re.fullmatch(pattern, name, re.IGNORECASE):
                return name
    return None


def choose_colour(layer_id: str, function: str, styles: Mapping[str, Style]) -> str:
    """Return the colour for a layer: the one that it has, else the function's first that fewest others have.

    `styles` are those of all layers there are, by id.
    """
    if present := colour_of(styles.get(layer_id, ())):
        return present
    used = Counter(colour_of(style) for style in styles.values())
    colours = palette().get(function) or palette()["content"]
    return min(colours, key=lambda colour: used[colour])


@dataclass(frozen=True)
class Look:
    """What a generated style is made from. `geometry` is point, line, polygon or mixed."""

    geometry: str
    colour: str
    name_field: str | None = None  # what labels say
    label_points: bool = False  # the tiles have a layer of label points for the polygons
    quiet: bool = False  # lies under others: base maps


def default_style(layer_id: str, look: Look) -> tuple[StyleLayer, ...]:
    """Return the generated style of a vector layer."""
    mixed = look.geometry == "mixed"
    parts = [
        part
        for kind in ("polygon", "line", "point")
        if mixed or look.geometry == kind
        for part in _PAINTERS[kind](_Pen(layer_id, look.colour, mixed, look.quiet))
    ]
    return (*parts, *(_labels(layer_id, look, look.name_field) if look.name_field else ()))


@dataclass(frozen=True)
class _Pen:
    """What the painters of one layer have in common."""

    layer_id: str
    colour: str
    mixed: bool
    quiet: bool


def _part(layer_id: str, role: str, kind: str, only: str | None, paint: Mapping[str, Any]) -> StyleLayer:
    part: StyleLayer = {"id": f"{layer_id}--{role}", "type": kind, "source-layer": layer_id, "paint": dict(paint)}
    if only:
        part["filter"] = ["==", ["geometry-type"], only]
    return part


def _by_zoom(*stops: float) -> list[Any]:
    return ["interpolate", ["linear"], ["zoom"], *stops]


def _polygon(pen: _Pen) -> list[StyleLayer]:
    only = "Polygon" if pen.mixed else None
    width = _by_zoom(8, 0.6, 12, 1.2, 16, 2.0)
    outline = {"line-color": pen.colour, "line-width": width, "line-opacity": 0.7 if pen.quiet else 0.9}
    fill = {"fill-color": pen.colour, "fill-opacity": 0.16 if pen.quiet else _by_zoom(8, 0.22, 14, 0.14)}
    return [
        _part(pen.layer_id, "fill", "fill", only, fill),
        _part(pen.layer_id, "outline" if pen.mixed else "line", "line", only, outline),
    ]


def _line(pen: _Pen) -> list[StyleLayer]:
    paint = {"line-color": pen.colour, "line-width": _by_zoom(8, 0.8, 12, 1.8, 16, 4.0)}
    part = _part(pen.layer_id, "line", "line", "LineString" if pen.mixed else None, paint)
    return [part | {"layout": {"line-cap": "round", "line-join": "round"}}]


def _point(pen: _Pen) -> list[StyleLayer]:
    paint = {
        "circle-color": pen.colour,
        "circle-radius": _by_zoom(8, 2.5, 12, 4.5, 16, 7.0),
        "circle-stroke-color": "#ffffff",
        "circle-stroke-width": 1.2,
    }
    return [_part(pen.layer_id, "circle", "circle", "Point" if pen.mixed else None, paint)]


_PAINTERS = {"polygon": _polygon, "line": _line, "point": _point}


def _labels(layer_id: str, look: Look, name: str) -> list[StyleLayer]:
    """Return the labels: of polygons at their label points if there are any, of all else where it lies."""
    if not look.label_points:
        return [_label(layer_id, look.geometry, name)]
    areas = _label(layer_id, "polygon", name) | {"source-layer": layer_id + LABELS_SUFFIX}
    if look.geometry == "polygon":
        return [areas]
    others = _label(layer_id, look.geometry, name) | {"filter": ["!=", ["geometry-type"], "Polygon"]}
    return [areas | {"id": f"{layer_id}--area-label"}, others]


def _label(layer_id: str, geometry: str, name: str) -> StyleLayer:
    paint = {"text-color": "#2b2f36", "text-halo-color": "#ffffff", "text-halo-width": 1.4}
    layout: dict[str, Any] = {
        "text-field": ["to-string", ["get", name]],
        "text-size": _by_zoom(9, 11, 14, 14),
        "text-max-width": 8,
    }
    if geometry == "line":
        layout["symbol-placement"] = "line"
    if geometry == "point":
        layout |= {"text-anchor": "top", "text-offset": [0, 0.7], "text-optional": True}
    return _part(layer_id, "label", "symbol", None, paint) | {"layout": layout}


def colour_of(style: Style) -> str | None:
    """Return the colour that stands for a layer in a legend: its first plain paint colour."""
    for part in style:
        for role in ("fill-color", "line-color", "circle-color"):
            colour = part.get("paint", {}).get(role)
            if isinstance(colour, str):
                return colour
    return None
