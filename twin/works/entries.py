"""Entries of lists in a scenario file, and the points in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twin.fields import Fields
from twin.works.spec import Pairs

_FAR_M = (-1e9, 1e9)  # where coordinates end


def listed(top: Fields, name: str, what: str) -> list[tuple[str, Any]]:
    """Return the entries of a list, each with its path; a single entry is a list of one. Raises BadSpec."""
    given = top.get(name)
    if given is None:
        return []
    if isinstance(given, list):
        return [(f"{top.where(name)}[{number}]", each) for number, each in enumerate(given)]
    if isinstance(given, str | Mapping):
        return [(top.where(name), given)]
    raise top.wrong(name, "is no list", f"Give {what}.")


def group(top: Fields, where: str, given: Any) -> Fields:
    """Return the fields of an entry. Raises BadSpec where it is none."""
    if not isinstance(given, Mapping):
        raise Fields({}, top.file).wrong(where, "is no group of fields", "Give its fields, like `at: [x, y]`.")
    return Fields(given, top.file, where)


def pairs(fields: Fields, name: str, least: int = 1, most: int = 100_000) -> Pairs:
    """Return points: `[x, y]` where one is wanted, else a list of them. Raises BadSpec."""
    given = fields.get(name)
    if given is None:
        return ()
    points = [given] if most == 1 else given
    if not isinstance(points, list) or not all(_is_pair(each) for each in points):
        wanted = "[x, y]" if most == 1 else "a list of [x, y]"
        raise fields.wrong(name, f"is no point such as {wanted}", "Give coordinates as the scenario has them.")
    if not least <= len(points) <= most:
        raise fields.wrong(name, f"has {len(points)} points", f"Give {least} or more.")
    where = [name if most == 1 else f"{name}[{number}]" for number in range(len(points))]
    return tuple(
        (fields.as_number(x, at, *_FAR_M, ""), fields.as_number(y, at, *_FAR_M, ""))
        for at, (x, y) in zip(where, points, strict=True)
    )


def _is_pair(given: Any) -> bool:
    return (
        isinstance(given, list | tuple)
        and len(given) == 2
        and all(isinstance(v, int | float) and not isinstance(v, bool) for v in given)
    )
