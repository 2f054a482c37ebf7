"""The JSON Schema (draft 2020-12) of the scenario file: what editors offer, with the ranges that the reader holds.

A test holds it to the reader: every field that one knows the other knows. What only a reader can see (which fields
exclude each other, whether a file is there) the schema leaves to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from twin.flood.schemes import BACKENDS, SCHEMES
from twin.scenario.read_ground import CELL_M, DEPTH_M, HEIGHT_M, STAGE_M, N
from twin.scenario.read_hazard import DEPTH_M as DEBRIS_DEPTH_M
from twin.scenario.read_hazard import FACTOR, LAND_USES
from twin.scenario.read_running import LIMITS, LONGEST_S, OUTPUTS
from twin.scenario.schema_forcing import forcing, series_group
from twin.scenario.schema_words import any_of, choice, flag, group, items, number, ref, text
from twin.scenario.schema_works import WORKS
from twin.scenario.spec import Treatment
from twin.spec_records import Unit

Schema = Mapping[str, Any]


def schema(*, posted: bool = False) -> dict[str, Any]:
    """Return the schema of the scenario file; `posted`: of `POST /api/scenarios`, which holds its tables.

    >>> sorted(schema())[:3]
    ['$defs', '$id', '$schema']
    """
    fields = {**_running(), **_ground(), **forcing(), **WORKS}
    if posted:
        texts = {"type": "object", "additionalProperties": {"type": "string"}}
        fields["files"] = texts | {"description": "tables by name: the text of each"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:naru:scenario",
        "title": "A flood scenario",
        **group(fields, needed=("scenario", "terrain")),
        "anyOf": [{"required": [f"duration_{unit}"]} for unit in ("h", "min", "s")],
        "$defs": dict(_defs()),
    }


def _time(what: str, shortest_s: float) -> dict[str, Any]:
    per = {"h": 3600.0, "min": 60.0, "s": 1.0}
    return {unit: number(shortest_s / s, LONGEST_S / s, unit, what) for unit, s in per.items()}


def _running() -> dict[str, Any]:
    """Return how a scenario runs and is shown."""
    numbers = {
        "cfl": "Courant number of the steps",
        "theta": "of the inertial scheme: weight of a face's own flow (de Almeida et al. 2012)",
        "dry_m": "depth below which nothing flows",
        "eddy_viscosity": "of the full scheme: mixing by eddies, as a multiple of shear velocity and depth",
        "threads": "0: as many as are worth it",
        "longest_step_s": "no step is longer",
        "threshold_m": "depth at which water counts as arrived",
        "gauge_every_s": "how often gauges and sections are written",
    }
    return {
        "scenario": text("id of the scenario and beginning of its layers' ids", r"^[a-z0-9]+(-[a-z0-9]+)*$"),
        **{name: text(f"{name.replace('_', ' ')} on the map") for name in ("title", "title_ko", "title_en")},
        "visibility": text("public, private or group:NAME", r"^(public|private|group:\S+)$"),
        "licence": text("of the results"),
        "attribution": text("of the results"),
        **{f"duration_{unit}": one for unit, one in _time("how long the run is", 1e-3).items()},
        **{f"output_every_{unit}": one for unit, one in _time("how often the state is written", 1e-6).items()},
        "start": text("clock time of second 0 with its zone, such as 2022-08-08T18:00:00+09:00"),
        "coordinates": text("auto, lonlat, terrain or EPSG:code: what numbers in this file are"),
        "scheme": choice(SCHEMES, "inertial: fast; full: shallow-water equations"),
        "precision": choice(("float32", "float64"), "of the state"),
        "order": {**number(1, 2, "", "of the scheme 'full'"), "type": "integer"},
        "backend": choice(BACKENDS, "what computes"),
        **{name: number(*LIMITS[name], what) for name, what in numbers.items()},
        "limits": group({"volume_error": number(*LIMITS["volume_error"], "a run stops above it")}),
        "hazard": _hazard(),
        "report": group(
            {
                "buildings": ref("shapes", "counted by class of depth; the scenario's own buildings if left out"),
                "roads": ref("shapes", "lines or areas, measured by class of depth"),
                "regions": ref("shapes", "areas by which all is told, such as administrative dong"),
            }
        ),
        "outputs": {
            "type": "array",
            "items": choice(OUTPUTS, ""),
            "description": "what is written; all if left out",
        },
        "vary": any_of(
            {"type": "object", "additionalProperties": {"type": "array", "minItems": 1}},
            items(group({"name": text("of the member"), "set": {"type": "object"}}, needed=("name",))),
            what="paths to lists of values (all combinations), or a list of named variants",
        ),
    }


def _hazard() -> Schema:
    up_to = number(*DEBRIS_DEPTH_M, "m", "up to which the factor holds; left out in the last class")
    debris = group({"depth_to_m": up_to, "factor": number(*FACTOR, "", "DF")}, needed=("factor",))
    return group({"land_use": choice(tuple(LAND_USES), "whose debris factors hold"), "debris": items(debris)})


def _ground() -> dict[str, Any]:
    """Return what lies on the ground."""
    n = number(*N, "Manning's n")
    area = group({**_shape("polygon"), "n": n}, needed=("n",))
    cover = {"type": "object", "additionalProperties": n, "description": "land-cover class to n"}
    rough = {"default": n, "areas": items(area), "field": text("field with the class"), "table": cover}
    building = group(
        {
            **_shape("polygons"),
            "as": choice(get_args(Treatment), "what they do to the water's way"),
            "height_m": number(*HEIGHT_M, "where no field says it; 3"),
            "field": text("field with the height above ground, m"),
            "n": number(*N, "with as: roughness; 0.3"),
        },
        needed=("as",),
    )
    return {
        "terrain": ref("raster", "heights: a layer's id, a file, or a group"),
        "domain": group(
            {
                "bbox": {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4},
                "polygon": ref("shapes", "cells whose centre lies in it"),
                "cell_m": number(*CELL_M, "side of a cell; the terrain's own if left out"),
                "crs": text("system in metres to bring the terrain into"),
            }
        ),
        "manning_n": any_of(n, {"type": "string"}, group({**_raster(), **_columns(), **rough}), what="Manning's n"),
        "buildings": any_of(building, items(building), what="footprints"),
        "initial": any_of(choice(("terrain", "dry"), ""), _initial(), what="the water at the start"),
        "gauges": _named("at", ref("point", "where")),
        "sections": _named("line", ref("line", "from bank to bank, left to right looking downstream")),
    }


def _initial() -> Schema:
    stage = number(*STAGE_M, "the water's surface")
    depth = number(*DEPTH_M, "the water's depth")
    return group(
        {
            "stage_m": any_of(stage, ref("raster", "stages, m"), what="stage"),
            "depth_m": any_of(depth, ref("raster", "depths, m"), what="depth"),
            "stage": any_of(stage, ref("raster", "stages, EL m"), what="the same as stage_m"),
            "depth": any_of(depth, ref("raster", "depths, m"), what="the same as depth_m"),
            "terrain": flag("the terrain's own water_depth"),
            "warm_start": text("folder or id of a finished run: its final stage"),
            "areas": items(group({**_shape("polygon"), "stage_m": stage, "depth_m": depth})),
        }
    )


def _named(shape: str, where: Schema) -> Schema:
    one = group({"name": text("of its own", "."), shape: where}, needed=("name", shape))
    file = group({**_file(), **_columns(), "name": text("column with the names")})
    return any_of(items(one), {"type": "string"}, file, what="a list, a file or a layer")


def _raster() -> dict[str, Any]:
    return {
        "file": text("path of a raster"),
        "layer": text("id of a layer"),
        "member": text("of a zip with several rasters"),
        "band": {"type": ["integer", "string"], "description": "number from 1, or name"},
        "crs": text("of the cells, where the file does not say it"),
        "vertical_datum": text("of heights: KVD1964 (EL), EGM96 …"),
        "unit": choice(get_args(Unit), "of the numbers"),
    }


def _file() -> dict[str, Any]:
    return {
        "file": text("path of shapes, of a table with x and y, or of a folder of tables"),
        "layer": text("id of a layer; beside `file` a layer of the file"),
        "crs": text("of the file's coordinates"),
    }


def _columns() -> dict[str, Any]:
    return {"x": text("column with x or longitude"), "y": text("column with y or latitude")}


def _shape(inline: str) -> dict[str, Any]:
    return {inline: ref("shapes", "points, a file or a layer"), **_file(), **_columns()}


def _defs() -> dict[str, Schema]:
    ring = {"type": "array", "items": ref("point", ""), "minItems": 3}
    return {
        "point": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
        "line": {"type": "array", "items": ref("point", ""), "minItems": 2},
        "raster": any_of({"type": "string"}, group(_raster()), what="a path, a layer's id, or a group"),
        "shapes": any_of(
            {"type": "string"}, ring, items(ring), group({**_file(), **_columns()}), what="points, a path or an id"
        ),
        "series": series_group(),
    }
