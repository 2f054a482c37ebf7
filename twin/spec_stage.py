"""The water's surface in a terrain file: a number, a list along the river, or a table of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twin.fields import Fields
from twin.spec_records import Stage
from twin.text import read_table

_HEIGHT_M = (-500.0, 9_000.0)
_LENGTH_M = (0.0, 10_000_000.0)


def read_stage(top: Fields) -> Stage | None:
    """Return what `water_stage_m` says, metres above the terrain's datum. Raises BadSpec, FileMissing."""
    given = top.get("water_stage_m")
    if given is None:
        return None
    if isinstance(given, str):
        given = {"file": given}
    if isinstance(given, Mapping):
        return _listed(top, _from_table(Fields(given, top.file, "water_stage_m")))
    if isinstance(given, list):
        return _listed(top, given)
    return Stage(constant_m=top.as_number(given, "water_stage_m", *_HEIGHT_M, "m"))


def _from_table(fields: Fields) -> list[Mapping[str, Any]]:
    """Return the rows of a table with columns `chainage_m` or `section`, `stage_m`, and `reach` where needed."""
    path = fields.source_file("file")
    names = {c: fields.text(c, c) or c for c in ("chainage_m", "section", "stage_m", "reach")}
    table = read_table(path, fields.text("encoding"))
    fields.done()
    there = {meaning: name for meaning, name in names.items() if name in table.header}
    rows: list[Mapping[str, Any]] = []
    for row in range(len(table.rows)):
        found: dict[str, Any] = {m: text for m, n in there.items() if (text := table.text(row, n))}
        for meaning in {"chainage_m", "stage_m"} & found.keys():
            found[meaning] = table.number(row, there[meaning])
        rows.append(found)
    return rows


def _listed(top: Fields, rows: list[Any]) -> Stage:
    along: list[tuple[str | None, float, float]] = []
    at_sections: list[tuple[str | None, str, float]] = []
    for number, given in enumerate(rows, 1):
        path = f"water_stage_m[{number}]"
        pair = isinstance(given, list) and len(given) == 2
        row = {"chainage_m": given[0], "stage_m": given[1]} if pair else given
        if not isinstance(row, Mapping):
            raise top.wrong(
                path, "is no pair", "Write {chainage_m: 0, stage_m: 2.5} or {section: A1, stage_m: 2.5}."
            )
        fields = Fields(row, top.file, path)
        stage = fields.number("stage_m", *_HEIGHT_M, "m", needed=True)
        reach, section = fields.text("reach"), fields.text("section")
        assert stage is not None
        if section is not None:
            at_sections.append((reach, section, stage))
        else:
            chainage = fields.number("chainage_m", *_LENGTH_M, "m", needed=True)
            assert chainage is not None
            along.append((reach, chainage, stage))
        fields.done()
    if not rows:
        raise top.wrong("water_stage_m", "is an empty list", "Give a number, or stages along the river.")
    return Stage(by_chainage=tuple(sorted(along, key=lambda a: (a[0] or "", a[1]))), by_section=tuple(at_sections))
