"""The terrain file (design §6), read strictly: `read_spec` answers with a `TerrainSpec` or names the field."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast, get_args

from naru.catalogue import check_layer_id
from naru.errors import BadLayerId, DatumRefused
from twin.bed.records import METHODS
from twin.crs import terrain_crs, usable_crs
from twin.datum import Geoid, canonical
from twin.fields import Fields, found_file
from twin.spec_records import (
    Buildings,
    Drawn,
    GroundSource,
    Roughness,
    Source,
    Stage,
    TerrainSpec,
    Treatment,
    Unit,
)
from twin.spec_stage import read_stage
from twin.strict_yaml import load_yaml

__all__ = ["Buildings", "GroundSource", "Roughness", "Source", "Stage", "TerrainSpec", "read_spec"]

_COLUMNS = {  # what columns mean something in which files
    "sections": ("id", "reach", "station", "x", "y", "z", "depth", "chainage", "code"),
    "points": ("x", "y", "z"),
    "soundings": ("x", "y", "z", "depth"),
    "centreline": ("reach", "downstream"),
    "banks": ("reach", "side"),
    "islands": (),
    "levees": ("crest",),
    "bridges": ("width",),
}
_CELL_M = (0.1, 1000.0)
_HEIGHT_M = (-12_000.0, 9_000.0)  # what heights of the Earth's surface can be
_LAYER_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def read_spec(path: Path) -> TerrainSpec:
    """Read a terrain file.

    Raises:
        BadSpec: a field is unknown, missing, given twice, or has a value that it cannot have.
        FileMissing: the file, or one that it names, is not there.
        CrsRefused: `crs` is none, or not projected in metres.
        DatumRefused: a vertical datum is not known.
        TooLarge: the file is none that people write.
    """
    path = path.resolve()
    top = Fields(load_yaml(path), path)
    spec = TerrainSpec(
        path=path,
        terrain=_layer_id(top),
        ground=_ground(top),
        crs=terrain_crs(str(top.needed("crs")), str(path)),
        vertical_datum=_datum(top, needed=True) or "",
        cell_m=cast(float, top.number("cell_m", *_CELL_M, "m", needed=True)),
        sections=_sources(top, "sections", needed=True),
        title_ko=top.text("title"),
        title_en=top.text("title_en"),
        centreline=_source(top, "centreline"),
        banks=_source(top, "banks"),
        soundings=_sources(top, "soundings"),
        islands=_source(top, "islands"),
        levees=_source(top, "levees"),
        bridges=_source(top, "bridges"),
        method=top.choice("method", ("auto", *METHODS), "auto"),
        bank_blend_m=cast(float, top.number("bank_blend_m", 0, 1000, "m", 5.0)),
        buildings=_buildings(top),
        manning_n=_roughness(top),
        water_stage_m=read_stage(top),
        geoid=_geoid(top),
        height_tolerance_m=cast(float, top.number("height_tolerance_m", 0, 1000, "m", 5.0)),
        visibility=_visibility(top),
        licence=top.text("licence", "") or "",
        attribution=top.text("attribution", "") or "",
    )
    top.done()
    return spec


def _layer_id(top: Fields) -> str:
    value = top.text("terrain", str(top.needed("terrain"))) or ""
    try:
        return check_layer_id(value)
    except BadLayerId as error:
        raise top.wrong("terrain", f"is '{value}', which is no layer id", error.remedy) from error


def _datum(fields: Fields, needed: bool = False) -> str | None:
    name = fields.needed("vertical_datum") if needed else fields.get("vertical_datum")
    if name is None:
        return None
    try:
        return canonical(str(name))
    except DatumRefused as error:
        where = fields.where("vertical_datum")
        raise DatumRefused(error.message, file=str(fields.file), field=where, remedy=error.remedy) from error


def _geoid(top: Fields) -> Geoid | None:
    given = top.get("geoid")
    if given is None:
        return None
    fields = _group(top, given, "geoid")
    undulation = fields.number("undulation_m", -120, 120, "m")
    grid = fields.source_file("file") if fields.has("file") else None
    if (grid is None) == (undulation is None):
        raise fields.wrong("file", "or 'undulation_m' is needed, and not both", "Give one of them.")
    fields.done()
    return Geoid(grid, undulation)


def _visibility(top: Fields) -> str:
    value = top.text("visibility", "public") or "public"
    if not re.fullmatch(r"public|private|group:\S+", value):
        raise top.wrong("visibility", f"is '{value}'", "Say public, private or group:NAME.")
    return value


# --- files ------------------------------------------------------------------------------------------


def _source(top: Fields, name: str) -> Source | None:
    if not top.has(name):
        return None
    found = _sources(top, name)
    if len(found) != 1:
        raise top.wrong(name, f"has {len(found)} files where one is expected", "Put all lines into one file.")
    return found[0]


def _sources(top: Fields, name: str, *, needed: bool = False) -> tuple[Source, ...]:
    """Return the files of a field: a path, a group of fields with `file`, or a list of either."""
    given = top.needed(name) if needed else top.get(name)
    if given is None:
        return ()
    several = given if isinstance(given, list) else [given]
    if not several:
        raise top.wrong(name, "is an empty list", "Name a file.")
    return tuple(
        _one_source(_group(top, each, name, f"[{number}]" if isinstance(given, list) else ""), _COLUMNS[name])
        for number, each in enumerate(several, 1)
    )


def _group(top: Fields, given: Any, name: str, index: str = "") -> Fields:
    """Return a group of fields; a text alone is its `file`."""
    if isinstance(given, str):
        given = {"file": given}
    if not isinstance(given, Mapping):
        raise top.wrong(name + index, "is neither a file nor a group of fields", "Write {file: NAME, …}.")
    return Fields(given, top.file, name + index)


def _one_source(fields: Fields, columns: Sequence[str], file: Path | None = None) -> Source:
    """Read one group. `file` is given where several share its fields."""
    crs = fields.text("crs")
    known = {c: text for c in columns if (text := fields.text(c)) is not None}
    depths = "depth" in columns
    level = fields.number("water_level_m", *_HEIGHT_M, "m") if depths else None
    if "z" in known and "depth" in known:
        raise fields.wrong("depth", "and 'z' are both given", "Heights or depths: name one of them.")
    if "depth" in known and level is None:
        raise fields.wrong("water_level_m", "is missing", "Say which water level the depths are below.")
    if level is not None and "depth" not in known:
        raise fields.wrong("depth", "is missing", "water_level_m means that there are depths: name their column.")
    source = Source(
        file=fields.source_file("file") if file is None else file,
        crs=None if crs is None else usable_crs(crs, str(fields.file), fields.where("crs")),
        vertical_datum=_datum(fields),
        unit=cast(Unit | None, fields.choice("unit", get_args(Unit)) if fields.has("unit") else None),
        encoding=fields.text("encoding"),
        layer=fields.text("layer") if file is None else None,
        columns=known,
        water_level_m=level,
        drawn=_drawn(fields) if "downstream" in columns else None,
        keep_interpolated=_flag(fields, "keep_interpolated") if "station" in columns else False,
    )
    fields.done()
    return source


def _drawn(fields: Fields) -> Drawn | None:
    return cast(Drawn, fields.choice("drawn", get_args(Drawn))) if fields.has("drawn") else None


def _flag(fields: Fields, name: str) -> bool:
    value = fields.get(name, False)
    if not isinstance(value, bool):
        raise fields.wrong(name, "is neither true nor false", "Say true or false.")
    return value


def _ground(top: Fields) -> GroundSource:
    given = top.needed("ground")
    if isinstance(given, str) and found_file(top.file, given) is None and _LAYER_ID.fullmatch(given):
        return GroundSource(layer=given)
    fields = _group(top, given, "ground")
    method = fields.choice("method", ("tin", "grid"), "tin")
    max_edge = fields.number("max_edge_m", 0.01, 100_000, "m")
    margin = fields.number("margin_m", 0, 100_000, "m")
    ways = [name for name in ("layer", "file", "files") if fields.has(name)]
    if len(ways) != 1:
        raise fields.wrong(
            "file",
            f"stands beside {len(ways)} others" if ways else "is missing",
            "Give one of: layer (a layer of heights), file, files.",
        )
    if ways == ["layer"]:
        layer, datum = fields.text("layer"), _datum(fields)
        fields.done()
        stated = () if datum is None else (Source(top.file, vertical_datum=datum),)
        return GroundSource(layer, stated, margin_m=margin)
    sources = tuple(_one_source(_as_file(fields, f), _COLUMNS["points"], f) for f in _files(fields, ways[0]))
    return GroundSource(None, sources, cast(Any, method), max_edge, margin)


def _as_file(fields: Fields, file: Path) -> Fields:
    """Return the ground's fields as those of one of its files."""
    again = Fields(fields._given, fields.file, fields.path)
    for name in ("method", "max_edge_m", "margin_m", "layer", "file", "files"):
        again.has(name)
    return again


def _files(fields: Fields, name: str) -> list[Path]:
    if name == "file":
        return [fields.source_file("file")]
    given = fields.needed("files")
    if not isinstance(given, list) or not given:
        raise fields.wrong("files", "is no list of files", "Write [a.tif, b.tif].")
    each = Fields({f"files[{n}]": value for n, value in enumerate(given, 1)}, fields.file, fields.path)
    return [each.source_file(f"files[{n}]") for n in range(1, len(given) + 1)]


# --- what is on the ground --------------------------------------------------------------------------


def _buildings(top: Fields) -> Buildings | None:
    given = top.get("buildings")
    if given is None:
        return None
    fields = _group(top, given, "buildings")
    treatment = fields.choice("as", get_args(Treatment))
    height, floors = fields.text("height"), fields.text("floors")
    height_m = fields.number("height_m", 0.1, 1000, "m")
    layer, file = fields.text("layer"), fields.source_file("file") if fields.has("file") else None
    crs = fields.text("crs")
    if layer is None and file is None:
        raise fields.wrong("layer", "is missing", "Name a layer of footprints, or a file of them.")
    source = None
    if file is not None:
        known = None if crs is None else usable_crs(crs, str(top.file), "buildings.crs")
        source = Source(file, crs=known, encoding=fields.text("encoding"), layer=layer)
    fields.done()
    return Buildings(
        None if file is not None else layer, source, cast(Treatment, treatment), height_m, height, floors
    )


def _roughness(top: Fields) -> Roughness:
    given = top.get("manning_n")
    if given is None:
        return Roughness()
    low, high, unit = 0.005, 1.0, "s·m^-1/3"
    if not isinstance(given, Mapping):
        n = top.as_number(given, "manning_n", low, high, unit)
        return Roughness(channel=n, floodplain=n)
    fields = Fields(given, top.file, "manning_n")
    default = Roughness()
    found = Roughness(
        *(
            cast(float, fields.number(name, low, high, unit, getattr(default, name)))
            for name in ("channel", "floodplain", "buildings")
        )
    )
    fields.done()
    return found
