"""Reads what a scenario file says of structures: `structures`, `overrides`, `levee_breaches`, `drains`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from naru.errors import FileMissing
from naru.export.harmless import harmless
from twin.fields import Fields, found_file
from twin.works.entries import group, listed, pairs
from twin.works.read_drains import read_drains
from twin.works.spec import BreachSpec, Growth, StructureSource, WorksSpec

_SUFFIXES = (".csv", ".txt", ".xlsx", ".geojson", ".json", ".gpkg")
_HEIGHT_M = (-500.0, 9000.0)


def read_works(top: Fields) -> WorksSpec:
    """Read the sections `structures`, `overrides`, `levee_breaches` and `drains` of a scenario file.

    Raises:
        BadSpec: a field is unknown, missing, or has a value that it cannot have.
        FileMissing: a file that it names is not there.
    """
    return WorksSpec(
        file=top.file,
        sources=_sources(top),
        overrides=_overrides(top),
        breaches=_breaches(top),
        drains=read_drains(top),
    )


# --- structures -------------------------------------------------------------------------------------


def _sources(top: Fields) -> tuple[StructureSource, ...]:
    wanted = "a layer's id, a file, or a list of structures"
    return tuple(_source(top, where, each) for where, each in listed(top, "structures", wanted))


def _source(top: Fields, where: str, given: Any) -> StructureSource:
    if isinstance(given, str) and given.strip():
        return _named(top, where, given.strip())
    fields = group(top, where, given)
    if fields.has("layer") or (fields.has("file") and not fields.has("type")):
        if fields.has("layer") and fields.has("file"):
            raise fields.wrong("file", "stands beside 'layer'", "Give one of them.")
        layer = fields.text("layer")
        file = fields.source_file("file") if fields.has("file") else None
        crs = fields.text("crs")
        fields.done()
        return StructureSource(where, layer, file, crs)
    if not isinstance(given, Mapping) or "type" not in given:
        raise fields.wrong("type", "is missing", "Name a layer or a file, or say the type of the structure.")
    return StructureSource(where, inline=dict(given))


def _named(top: Fields, where: str, name: str) -> StructureSource:
    path = found_file(top.file, name)
    if path is not None and path.is_file():
        return StructureSource(where, file=path)
    if Path(name).suffix.lower() in _SUFFIXES:
        raise FileMissing(
            f"there is no file '{name}' beside the scenario",
            file=str(top.file),
            field=where,
            remedy="Paths begin at the folder of the scenario, or are absolute.",
        )
    return StructureSource(where, layer=name)


def _overrides(top: Fields) -> dict[str, dict[str, Any]]:
    given = top.get("overrides", {})
    if not isinstance(given, Mapping) or not all(isinstance(each, Mapping) for each in given.values()):
        raise top.wrong("overrides", "is no group of structures by id", "Write it like {G-1: {opening_m: 1.5}}.")
    return {str(name): dict(each) for name, each in given.items()}


# --- breaches ---------------------------------------------------------------------------------------


def _breaches(top: Fields) -> tuple[BreachSpec, ...]:
    found = [_breach(group(top, where, each), where) for where, each in listed(top, "levee_breaches", "breaches")]
    return tuple(found)


def _breach(fields: Fields, where: str) -> BreachSpec:
    hours = fields.number("start_h", 0, 10_000, "h")
    out = BreachSpec(
        where=where,
        levee=fields.text("levee"),
        line=pairs(fields, "line", least=2),
        at=pairs(fields, "at", most=1),
        between=pairs(fields, "from", most=1) + pairs(fields, "to", most=1),
        name=harmless(name) if (name := fields.text("name")) else None,
        width_m=fields.number("width_m", 0.1, 10_000, "m"),
        bottom_m=fields.number("bottom_elevation_m", *_HEIGHT_M, "EL m"),
        start_s=None if hours is None else hours * 3600.0,
        when_stage_m=fields.number("when_stage_m", *_HEIGHT_M, "EL m"),
        when_over_m=_overtopped(fields),
        growth=_growth(fields),
    )
    fields.done()
    _check_breach(fields, out)
    return out


def _overtopped(fields: Fields) -> float | None:
    given = fields.get("when_overtopped")
    if given is None or given is False:
        return None
    if given is True:
        return 0.0
    return fields.number("when_overtopped", 0, 10, "m over the crest")


def _growth(fields: Fields) -> Growth:
    kind = fields.choice("growth", ("linear", "verheij"), "linear")
    usual = 1.0 if kind == "linear" else 0.1
    hours = fields.number("growth_h", 0, 1000, "h", usual)
    width = fields.number("start_width_m", 0, 10_000, "m", 0.0 if kind == "linear" else 10.0)
    critical = fields.number("critical_velocity_m_s", 0.05, 5, "m/s", 0.2)
    assert hours is not None and width is not None and critical is not None
    return Growth(kind, hours * 3600.0, width, critical)


def _check_breach(fields: Fields, it: BreachSpec) -> None:
    if (it.levee is None) == (not it.line):
        raise fields.wrong("levee", "or 'line' is needed, and not both", "Name the levee, or draw it.")
    if len(it.between) == 1:
        raise fields.wrong("to" if fields.has("from") else "from", "is missing", "Give both ends.")
    if it.at and it.between:
        raise fields.wrong("at", "stands beside 'from' and 'to'", "Give the middle, or both ends.")
    if it.line and it.width_m is None and not it.between:
        raise fields.wrong("width_m", "is missing", "Say how wide the breach becomes, m.")
    if it.line and it.bottom_m is None:
        raise fields.wrong("bottom_elevation_m", "is missing", "Say how deep the breach goes, EL m.")
    triggers = [it.start_s, it.when_stage_m, it.when_over_m]
    if all(each is None for each in triggers):
        raise fields.wrong("start_h", "is missing", "Say when: start_h, when_stage_m or when_overtopped.")
    if it.width_m is not None and it.growth.start_width_m > it.width_m:
        raise fields.wrong("start_width_m", f"is above the width of {it.width_m:g} m", "Correct one of them.")
