"""Filters of style layers: expressions, and the older forms such as ["==", "name", value]."""

from __future__ import annotations

from typing import Any

from tileserver.rendering.expressions import DEEPEST, Feature, Node, Unanswerable, compiled

_COMPARISONS = frozenset(("==", "!=", "<", "<=", ">", ">="))


def compiled_filter(value: Any) -> Node:
    """Return a filter as something to call; where it has no answer, the feature is left out.

    Raises:
        Refused: it is not in the grammar.
    """
    node = compiled(_modern(value, DEEPEST), "boolean")

    def run(feature: Feature, zoom: float) -> bool:
        try:
            return bool(node.run(feature, zoom))
        except Unanswerable:
            return False

    return Node(run, node.varies)


def _modern(value: Any, left: int) -> Any:
    """Return a filter with the older forms in it written as expressions."""
    if not left or not isinstance(value, list | tuple) or not value or not isinstance(value[0], str):
        return value
    name, rest = value[0], list(value[1:])
    if name in ("all", "any", "none"):
        inside = [_modern(item, left - 1) for item in rest]
        return ["!", ["any", *inside]] if name == "none" else [name, *inside]
    if name == "!has" and len(rest) == 1:
        return ["!", ["has", rest[0]]]
    if rest and isinstance(rest[0], str) and not any(isinstance(item, list) for item in rest):
        return _about_a_field(name, _key(rest[0]), rest[1:]) or [name, *rest]
    return [name, *rest]


def _about_a_field(name: str, field: list[Any], values: list[Any]) -> list[Any] | None:
    if name in _COMPARISONS and len(values) == 1:
        return [name, field, ["literal", values[0]]]
    if name == "in":
        return ["in", field, ["literal", values]]
    return ["!", ["in", field, ["literal", values]]] if name == "!in" else None


def _key(name: str) -> list[Any]:
    return {"$type": ["geometry-type"], "$id": ["id"]}.get(name, ["get", name])
