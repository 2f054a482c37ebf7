"""Style layers made ready for drawing: each property compiled, with its default from the specification."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any

from tileserver.rendering.expressions import (
    NOTHING,
    Feature,
    Node,
    Refused,
    Unanswerable,
    Want,
    compiled,
)
from tileserver.rendering.filters import compiled_filter

log = logging.getLogger("naru.rendering")
KINDS = ("fill", "line", "circle", "symbol")
_FARTHEST = 30.0  # zoom


def _opacity(kind: str) -> dict[str, tuple[Want, Any]]:
    return {f"{kind}-opacity": ("number", 1.0)}


def _colour(name: str, default: str | None) -> dict[str, tuple[Want, Any]]:
    return {name: ("color", default)}


# What is drawn, by kind of layer (MapLibre style specification v8): name, type, default.
PROPERTIES: Mapping[str, Mapping[str, tuple[Want, Any]]] = MappingProxyType(
    {
        "fill": _colour("fill-color", "#000000") | _colour("fill-outline-color", None) | _opacity("fill"),
        "line": _colour("line-color", "#000000")
        | _opacity("line")
        | {
            "line-width": ("number", 1.0),
            "line-cap": ("string", "butt"),
            "line-join": ("string", "miter"),
            "line-dasharray": ("numbers", []),
        },
        "circle": _colour("circle-color", "#000000")
        | _colour("circle-stroke-color", "#000000")
        | _opacity("circle")
        | _opacity("circle-stroke")
        | {"circle-radius": ("number", 5.0), "circle-stroke-width": ("number", 0.0)},
        "symbol": _colour("text-color", "#000000")
        | _colour("text-halo-color", "rgba(0,0,0,0)")
        | _opacity("text")
        | {
            "text-field": ("string", ""),
            "text-size": ("number", 16.0),
            "text-halo-width": ("number", 0.0),
            "text-max-width": ("number", 10.0),
            "text-line-height": ("number", 1.2),
            "text-anchor": ("string", "center"),
            "text-offset": ("numbers", [0.0, 0.0]),
            "text-padding": ("number", 2.0),
            "text-transform": ("string", "none"),
            "text-allow-overlap": ("boolean", False),
            "text-ignore-placement": ("boolean", False),
            "symbol-placement": ("string", "point"),
            "symbol-spacing": ("number", 250.0),
            "symbol-sort-key": ("number", 0.0),
        },
    }
)
_WITHOUT_EFFECT = frozenset(("text-optional", "text-font", "visibility", "fill-antialias", "text-justify"))


@dataclass(frozen=True)
class Sheet:
    """One style layer, ready to be drawn."""

    id: str
    kind: str
    source_layer: str
    minzoom: float
    maxzoom: float
    filter: Node | None
    nodes: Mapping[str, Node]
    settled: dict[tuple[str, float], Any] = field(default_factory=dict, compare=False)  # what varies by zoom alone

    def shows(self, zoom: float) -> bool:
        """Tell whether it is drawn at a zoom."""
        return self.minzoom <= zoom < self.maxzoom

    def keeps(self, feature: Feature, zoom: float) -> bool:
        """Tell whether a feature passes the filter."""
        return self.filter is None or bool(self.filter.run(feature, zoom))

    def value(self, name: str, feature: Feature, zoom: float) -> Any:
        """Return a property's value for a feature; the default where its expression has none."""
        node = self.nodes.get(name)
        if node is None:
            return default(self.kind, name)
        if node.varies:
            return self._asked(name, node, feature, zoom)
        if (name, zoom) not in self.settled:
            self.settled[name, zoom] = self._asked(name, node, feature, zoom)
        return self.settled[name, zoom]

    def _asked(self, name: str, node: Node, feature: Feature, zoom: float) -> Any:
        try:
            return node.run(feature, zoom)
        except Unanswerable:
            return default(self.kind, name)

    def varies(self, *names: str) -> bool:
        """Tell whether one of these properties, or the filter, depends on the feature."""
        return self.filter is not None or self.depends(*names)

    def depends(self, *names: str) -> bool:
        """Tell whether one of these properties depends on the feature."""
        return any(node.varies for name in names if (node := self.nodes.get(name)) is not None)

    def constant(self, name: str, zoom: float) -> Any:
        """Return a property's value where no feature is at hand."""
        return self.value(name, NOTHING, zoom)


@cache
def default(kind: str, name: str) -> Any:
    """Return a property's default, as its expression would give it."""
    want, plain = PROPERTIES[kind][name]
    return plain if plain is None else compiled(plain, want).run(NOTHING, 0.0)


def sheets(style: Sequence[Mapping[str, Any]]) -> tuple[Sheet, ...]:
    """Return the style layers that can be drawn, lowest first; what is left out is logged."""
    return tuple(sheet for part in style if (sheet := _sheet(part)) is not None)


def _sheet(part: Mapping[str, Any]) -> Sheet | None:
    name, kind = str(part.get("id")), str(part.get("type"))
    layout = _mapping(part.get("layout"))
    if kind not in PROPERTIES or not isinstance(part.get("source-layer"), str):
        log.warning("style layer %s is left out of pictures: type %s", name, kind)
        return None
    if layout.get("visibility") == "none":
        return None
    try:
        chosen = compiled_filter(part["filter"]) if "filter" in part else None
    except Refused as refusal:
        log.warning("style layer %s is left out of pictures: its filter: %s", name, refusal)
        return None
    nodes = _nodes(name, kind, _mapping(part.get("paint")) | layout)
    low, high = _zoom(part.get("minzoom"), -1.0), _zoom(part.get("maxzoom"), _FARTHEST)
    return Sheet(name, kind, part["source-layer"], low, high, chosen, nodes)


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _zoom(value: Any, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) else otherwise


def _nodes(layer: str, kind: str, said: Mapping[str, Any]) -> dict[str, Node]:
    nodes = {}
    for name, value in said.items():
        if name not in PROPERTIES[kind]:
            if name not in _WITHOUT_EFFECT:
                log.warning("style layer %s: pictures do not know %s", layer, name)
            continue
        try:
            nodes[name] = compiled(_tokens(value) if name == "text-field" else value, PROPERTIES[kind][name][0])
        except Refused as refusal:
            log.warning("style layer %s: %s is drawn as usual: %s", layer, name, refusal)
    return nodes


def _tokens(value: Any) -> Any:
    """Return "{name} ({code})", the older form of a text from fields, as an expression."""
    if not isinstance(value, str) or "{" not in value:
        return value
    parts: list[Any] = ["concat"]
    for piece in value.split("{"):
        field, closed, rest = piece.partition("}")
        parts += [["to-string", ["get", field]], rest] if closed else [piece]
    return parts
