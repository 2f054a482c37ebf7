"""The words of which the scenario's JSON Schema is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]


def number(low: float, high: float, unit: str, what: str) -> dict[str, Any]:
    """Return a number from `low` to `high`, both allowed."""
    told = f"{what}, {unit}" if unit and what else what or unit
    return {"type": "number", "minimum": low, "maximum": high, "description": told}


def text(what: str, pattern: str | None = None) -> dict[str, Any]:
    """Return a text; numbers are taken as they are written."""
    kind: dict[str, Any] = {"type": ["string", "number"], "description": what}
    return kind | ({"pattern": pattern} if pattern else {})


def choice(words: Sequence[str], what: str) -> dict[str, Any]:
    """Return one of several words."""
    return {"enum": list(words)} | ({"description": what} if what else {})


def flag(what: str) -> dict[str, Any]:
    """Return true or false."""
    return {"type": "boolean", "description": what}


def group(fields: Mapping[str, Schema], needed: Sequence[str] = ()) -> dict[str, Any]:
    """Return a group of fields; others are errors. An empty field (null) counts as left out."""
    properties = {name: one if name in needed else nullable(one) for name, one in fields.items()}
    out: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return out | ({"required": list(needed)} if needed else {})


def nullable(one: Schema) -> dict[str, Any]:
    """Return the same, or nothing."""
    if "type" in one:
        kinds = one["type"] if isinstance(one["type"], list) else [one["type"]]
        return {**one, "type": [*kinds, "null"]}
    if "enum" in one:
        return {**one, "enum": [*one["enum"], None]}
    if "anyOf" in one:
        return {**one, "anyOf": [*one["anyOf"], {"type": "null"}]}
    return {"anyOf": [dict(one), {"type": "null"}]}


def items(one: Schema) -> dict[str, Any]:
    """Return a list."""
    return {"type": "array", "items": dict(one)}


def any_of(*ways: Schema, what: str) -> dict[str, Any]:
    """Return one of several ways to say it."""
    return {"anyOf": [dict(way) for way in ways], "description": what}


def ref(name: str, what: str) -> dict[str, Any]:
    """Return what `$defs` has under a name."""
    return {"$ref": f"#/$defs/{name}"} | ({"description": what} if what else {})
