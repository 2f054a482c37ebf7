"""Groups and lists of a scenario's sections, so that every fault is named by its path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, cast

from naru.errors import BadSpec
from twin.fields import Fields


def group(outer: Fields, name: str, value: Any = None) -> Fields:
    """Return the fields inside a field (`value`: those given instead). Raises BadSpec where it is no group."""
    given = outer.needed(name) if value is None else value
    if not isinstance(given, Mapping):
        raise outer.wrong(
            name, f"is {shown(given)} where a group of fields is expected", "Give it as {field: value}."
        )
    return Fields(given, outer.file, outer.where(name))


def groups(outer: Fields, name: str) -> list[Fields]:
    """Return the entries of a list of groups; one group alone is a list of one, nothing is none. Raises BadSpec."""
    given = outer.get(name)
    if given is None or given == "none":
        return []
    if isinstance(given, Mapping):
        return [group(outer, name, given)]
    if not isinstance(given, list):
        raise outer.wrong(name, f"is {shown(given)} where a list of groups is expected", "Give it as [{…}, {…}].")
    return [group(outer, f"{name}[{number}]", entry) for number, entry in enumerate(given)]


def only_one(fields: Fields, names: Sequence[str], what: str) -> str:
    """Return which one of several fields is there. Raises BadSpec where there is none, or more than one."""
    found = [name for name in names if fields.has(name)]
    if len(found) == 1:
        return found[0]
    said = f"has {' and '.join(found)}" if found else f"has {', '.join(fields.names) or 'no fields'}"
    close = [near for given in fields.names for near in get_close_matches(given.lower(), names, n=1)]
    meant = f"Did you mean '{close[0]}'? " if close and not found else ""
    raise BadSpec(
        f"field '{fields.path}' {said}",
        file=str(fields.file),
        field=fields.path,
        remedy=f"{meant}{what}: give one of {', '.join(names)}.",
    )


def number(
    fields: Fields, name: str, within: tuple[float, float], unit: str, default: float | None = None
) -> float:
    """Return a number, needed where there is no default. Raises BadSpec."""
    return cast(float, fields.number(name, *within, unit, default, needed=default is None))


def point(fields: Fields, name: str) -> tuple[float, float]:
    """Return a point [x, y] as it is written. Raises BadSpec."""
    return pair(fields, name, fields.needed(name))


def points(fields: Fields, name: str, least: int) -> list[tuple[float, float]]:
    """Return a list of points as it is written. Raises BadSpec."""
    given = fields.needed(name)
    if not isinstance(given, list) or len(given) < least:
        raise fields.wrong(name, f"is {shown(given)} where at least {least} points are expected", "[[x, y], …].")
    return [pair(fields, f"{name}[{n}]", value) for n, value in enumerate(given)]


def pair(fields: Fields, name: str, value: Any) -> tuple[float, float]:
    """Return two numbers. Raises BadSpec."""
    if not isinstance(value, list) or len(value) != 2:
        raise fields.wrong(name, f"is {shown(value)} where a point [x, y] is expected", "Give two numbers.")
    x, y = (fields.as_number(v, name, -1e8, 1e8, "(a coordinate)") for v in value)
    return x, y


def shown(value: Any) -> str:
    """Return a value in a message."""
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "a group of fields" if isinstance(value, Mapping) else f"'{str(value)[:60]}'"
