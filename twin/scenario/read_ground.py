"""What lies on the ground of a scenario: the part of the terrain, its roughness, buildings, water, gauges."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast, get_args

from naru.errors import FileMissing
from twin.crs import terrain_crs
from twin.fields import Fields, found_file
from twin.scenario.read_sources import group, items, point, points, raster, raster_of, shapes, shapes_of
from twin.scenario.spec import (
    Box,
    BuildingsSpec,
    DomainSpec,
    InitialArea,
    InitialSpec,
    NamedShapes,
    Points,
    RasterSource,
    RoughnessArea,
    RoughnessSpec,
    Treatment,
)

CELL_M = (1e-4, 10_000.0, "m")
N = (0.0, 10.0, "s·m^-1/3")
STAGE_M = (-12_000.0, 9_000.0, "m")
DEPTH_M = (0.0, 12_000.0, "m")
HEIGHT_M = (0.01, 1_000.0, "m")
_LONGEST_NAME = 100
_RUN_ID = re.compile(r"[0-9a-f]{16}")


def domain(top: Fields) -> DomainSpec:
    """Return the part of the terrain. Raises BadSpec, CrsRefused."""
    given = top.get("domain")
    if given is None:
        return DomainSpec()
    fields = group(top, given, "domain")
    crs = fields.text("crs")
    polygon = shapes(fields, "polygon") if fields.has("polygon") else None
    out = DomainSpec(
        bbox=_bbox(fields) if fields.has("bbox") else None,
        polygon=polygon,
        cell_m=fields.number("cell_m", *CELL_M),
        crs=None if crs is None else terrain_crs(crs, str(top.file)),
    )
    fields.done()
    return out


def _bbox(fields: Fields) -> Box:
    given = fields.needed("bbox")
    if not isinstance(given, list) or len(given) != 4:
        raise fields.wrong("bbox", "is no box", "Write [west, south, east, north].")
    west, south, east, north = (fields.as_number(value, "bbox", -1e9, 1e9, "") for value in given)
    if west >= east or south >= north:
        raise fields.wrong(
            "bbox", f"is empty: {west:g} to {east:g}, {south:g} to {north:g}", "Write [west, south, east, north]."
        )
    return west, south, east, north


# --- roughness --------------------------------------------------------------------------------------


def roughness(top: Fields) -> RoughnessSpec:
    """Return Manning's n: a number, a raster, land cover with a table, or areas over a default. Raises BadSpec."""
    given = top.get("manning_n")
    if given is None:
        return RoughnessSpec()
    if isinstance(given, int | float) and not isinstance(given, bool):
        return RoughnessSpec(default=top.as_number(given, "manning_n", *N))
    if not isinstance(given, Mapping):
        if not isinstance(given, str):
            raise top.wrong("manning_n", "is no number, raster or group", "Write a number such as 0.035.")
        return RoughnessSpec(raster=raster(top, "manning_n"))
    fields = group(top, given, "manning_n")
    default = fields.number("default", *N)
    areas = tuple(_rough_area(item) for item in items(fields, "areas"))
    has_source, table = fields.has("file") or fields.has("layer"), _table(fields)
    source: dict[str, Any] = {}
    if has_source and fields.has("field"):
        source = {"cover": shapes_of(fields, None), "cover_field": fields.text("field")}
    elif has_source:
        source = {"raster": raster_of(fields)}
    if (table or fields.has("field")) and not (table and has_source):
        raise fields.wrong(
            "file" if table else "table", "is missing", "Land cover needs a file or layer and a table."
        )
    if not (has_source or areas or default is not None):
        raise fields.wrong("default", "is missing", "Give a default, a file or a layer, or areas.")
    fields.done()
    return RoughnessSpec(default=default, table=table, areas=areas, **source)


def _rough_area(fields: Fields) -> RoughnessArea:
    area = RoughnessArea(shapes_of(fields, "polygon"), cast(float, fields.number("n", *N, needed=True)))
    fields.done()
    return area


def _table(fields: Fields) -> dict[str, float]:
    given = fields.get("table")
    if given is None:
        return {}
    inner = group(fields, given, "table")
    return {str(name): inner.as_number(value, str(name), *N) for name, value in given.items()}


# --- buildings --------------------------------------------------------------------------------------


def buildings(top: Fields) -> tuple[BuildingsSpec, ...]:
    """Return the buildings, of one source or of several. Raises BadSpec."""
    given = top.get("buildings")
    if given is None:
        return ()
    several = items(top, "buildings") if isinstance(given, list) else [group(top, given, "buildings")]
    return tuple(_buildings(fields) for fields in several)


def _buildings(fields: Fields) -> BuildingsSpec:
    has = fields.has("polygons")
    out = BuildingsSpec(
        shapes=shapes_of(fields, "polygons") if has else shapes_of(fields, None),
        treatment=cast(Treatment, fields.choice("as", get_args(Treatment))),
        height_m=cast(float, fields.number("height_m", *HEIGHT_M, 3.0)),
        height_field=fields.text("field"),
        n=cast(float, fields.number("n", *N, 0.3)),
    )
    fields.done()
    return out


# --- water at the start -----------------------------------------------------------------------------


def initial(top: Fields) -> InitialSpec:
    """Return the water at second 0. Raises BadSpec."""
    given = top.get("initial")
    if given is None:
        return InitialSpec()
    if given == "terrain":
        return InitialSpec(terrain=True)
    if given == "dry":
        return InitialSpec()
    fields = group(top, given, "initial")
    names = ("stage_m", "stage", "depth_m", "depth", "terrain", "warm_start")  # a raster's unit is its own affair
    ways = [name for name in names if fields.has(name)]
    if len(ways) > 1:
        raise fields.wrong(ways[1], f"is given beside '{ways[0]}'", "Give one of them; areas may stand over it.")
    stage_m, stage = _number_or_raster(fields, "stage" if "stage" in ways else "stage_m", STAGE_M)
    depth_m, depth = _number_or_raster(fields, "depth" if "depth" in ways else "depth_m", DEPTH_M)
    out = InitialSpec(
        stage_m=stage_m,
        depth_m=depth_m,
        stage=stage,
        depth=depth,
        terrain=_flag(fields, "terrain"),
        warm_start=_warm_start(fields),
        areas=tuple(_wet_area(item) for item in items(fields, "areas")),
    )
    fields.done()
    return out


def _number_or_raster(
    fields: Fields, name: str, limits: tuple[float, float, str]
) -> tuple[float | None, RasterSource | None]:
    given = fields.get(name)
    if given is None:
        return None, None
    if isinstance(given, str | Mapping):
        return None, raster(fields, name)
    return fields.as_number(given, name, *limits), None


def _wet_area(fields: Fields) -> InitialArea:
    area = InitialArea(
        shapes_of(fields, "polygon"), fields.number("stage_m", *STAGE_M), fields.number("depth_m", *DEPTH_M)
    )
    if (area.stage_m is None) == (area.depth_m is None):
        raise fields.wrong("stage_m", "or 'depth_m' is needed, and not both", "Give one of them.")
    fields.done()
    return area


def _warm_start(fields: Fields) -> Path | str | None:
    text = fields.text("warm_start")
    if text is None:
        return None
    folder = found_file(fields.file, text)
    if folder is not None and folder.is_dir():
        return folder
    if _RUN_ID.fullmatch(text):
        return text
    raise FileMissing(
        f"there is no folder '{text[:100]}'",
        file=str(fields.file),
        field=fields.where("warm_start"),
        remedy="Give the folder of a finished run, from the folder of the scenario on, or the run's id.",
    )


def _flag(fields: Fields, name: str) -> bool:
    value = fields.get(name, False)
    if not isinstance(value, bool):
        raise fields.wrong(name, "is neither true nor false", "Say true or false.")
    return value


# --- gauges and sections ----------------------------------------------------------------------------


def gauges(top: Fields) -> NamedShapes:
    """Return the gauges: `{name, at}` each, or a file of points. Raises BadSpec."""
    return _named(top, "gauges", "at")


def sections(top: Fields) -> NamedShapes:
    """Return the flow sections: `{name, line}` each, or a file of lines. Raises BadSpec."""
    return _named(top, "sections", "line")


def _named(top: Fields, name: str, shape: str) -> NamedShapes:
    given = top.get(name)
    if given is None:
        return NamedShapes()
    if isinstance(given, str | Mapping):
        return NamedShapes(source=shapes(top, name, ("name",)))
    found: dict[str, Points] = {}
    for fields in items(top, name):
        called = fields.text("name", str(fields.needed("name"))) or ""
        if called in found:
            raise fields.wrong("name", f"is '{called[:60]}', as is another's", "Give each its own name.")
        if len(called) > _LONGEST_NAME or not called.isprintable():
            raise fields.wrong("name", "is no name", f"Take up to {_LONGEST_NAME} characters that can be read.")
        where = fields.needed(shape)
        found[called] = (point(fields, "at", where),) if shape == "at" else points(fields, "line", where, 2)
        fields.done()
    return NamedShapes(named=tuple(found.items()))
