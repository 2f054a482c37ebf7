"""Where a scenario file gets rasters and shapes from: files, layers, or points written in the file itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from naru.errors import DatumRefused
from twin.crs import usable_crs
from twin.datum import canonical
from twin.fields import Fields, found_file
from twin.scenario.spec import Points, RasterSource, ShapeSource
from twin.spec_records import Unit

LAYER_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MOST_POINTS = 100_000
_MOST_BANDS = 10_000


def group(top: Fields, given: Any, name: str) -> Fields:
    """Return a field's value as fields of its own. Raises BadSpec where it is no group."""
    if not isinstance(given, Mapping):
        raise top.wrong(name, "is no group of fields", "docs/planners.md shows how it is written.")
    return Fields(given, top.file, top.where(name))


def items(top: Fields, name: str) -> list[Fields]:
    """Return the fields of each item of a list; none where the field is not given. Raises BadSpec."""
    given = top.get(name)
    if given is None:
        return []
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise top.wrong(name, "is no list", "Write a list: each item begins with `- `.")
    return [group(top, item, f"{name}[{number}]") for number, item in enumerate(given)]


# --- rasters ----------------------------------------------------------------------------------------


def raster(top: Fields, name: str) -> RasterSource:
    """Return the raster that a field names: a file, a layer's id, or `{file | layer, member, band, …}`.

    Raises BadSpec, FileMissing, CrsRefused, DatumRefused.
    """
    given = top.needed(name)
    if isinstance(given, str):
        return _named_raster(top, name, given.strip())
    fields = group(top, given, name)
    source = raster_of(fields)
    fields.done()
    return source


def raster_of(fields: Fields) -> RasterSource:
    """Return the raster that a group of fields names; the group may have other fields."""
    layer, has_file = fields.text("layer"), fields.has("file")
    if (layer is None) == (not has_file):
        raise fields.wrong(
            "file",
            "and 'layer' are both given" if has_file else "or 'layer' is missing",
            "Name one: a raster file, or the id of a layer.",
        )
    crs = fields.text("crs")
    return RasterSource(
        file=fields.source_file("file") if has_file else None,
        layer=layer,
        member=fields.text("member"),
        band=_band(fields),
        crs=None if crs is None else usable_crs(crs, str(fields.file), fields.where("crs")),
        vertical_datum=datum(fields),
        unit=fields.choice("unit", get_args(Unit)) if fields.has("unit") else None,
    )


def _named_raster(top: Fields, name: str, text: str) -> RasterSource:
    if found_file(top.file, text) is None and LAYER_ID.fullmatch(text):
        return RasterSource(layer=text)
    return RasterSource(file=top.source_file(name))


def _band(fields: Fields) -> int | str | None:
    given = fields.get("band")
    if given is None or (isinstance(given, str) and given.strip()):
        return given
    number = fields.as_number(given, "band", 1, _MOST_BANDS, "")
    if not number.is_integer():
        raise fields.wrong("band", f"is {number:g} where a whole number is expected", "Bands count from 1.")
    return int(number)


def datum(fields: Fields, name: str = "vertical_datum") -> str | None:
    """Return the canonical name of a vertical datum; None where none is given. Raises DatumRefused."""
    given = fields.text(name)
    if given is None:
        return None
    try:
        return canonical(given)
    except DatumRefused as error:
        where = fields.where(name)
        raise DatumRefused(error.message, file=str(fields.file), field=where, remedy=error.remedy) from error


# --- shapes -----------------------------------------------------------------------------------------


def shapes(top: Fields, name: str, columns: Sequence[str] = ()) -> ShapeSource:
    """Return the shapes that a field names: points in the file, a file or folder, a layer, or a group.

    `columns` are what columns of a file can mean besides x and y: each is a field of the group.
    """
    given = top.needed(name)
    where = top.where(name)
    if isinstance(given, str):
        text = given.strip()
        if found_file(top.file, text) is None and LAYER_ID.fullmatch(text):
            return ShapeSource(layer=text, where=where)
        return ShapeSource(file=_file_or_folder(top, name), where=where)
    if isinstance(given, Mapping):
        fields = group(top, given, name)
        source = shapes_of(fields, None, columns)
        fields.done()
        return source
    return ShapeSource(inline=rings(top, name, given), where=where)


def shapes_of(fields: Fields, inline: str | None, columns: Sequence[str] = ()) -> ShapeSource:
    """Return the shapes that a group of fields names, which may have other fields too.

    `inline` is the field in which points are written ("polygon"), if it may have one; `layer` beside `file` is
    the file's.
    """
    written = inline is not None and fields.has(inline)
    layer, has_file = fields.text("layer"), fields.has("file")
    ways = written + (has_file or layer is not None)
    if ways != 1:
        names = ", ".join([*([inline] if inline else []), "file", "layer"])
        first = inline or "file"
        what = "is given beside a file or layer" if ways else "is missing"
        raise fields.wrong(first, what, f"Give one of: {names}.")
    crs = fields.text("crs")
    known = {c: text for c in ("x", "y", *columns) if (text := fields.text(c)) is not None}
    where = fields.where(inline if written and inline else "file" if has_file else "layer")
    if written and inline:
        given = fields.get(inline)
        if isinstance(given, str | Mapping):
            return shapes(fields, inline)
        return ShapeSource(inline=rings(fields, inline, given), where=where)
    return ShapeSource(
        file=_file_or_folder(fields, "file") if has_file else None,
        layer=layer,
        crs=None if crs is None else usable_crs(crs, str(fields.file), fields.where("crs")),
        columns=known,
        where=where,
    )


def _file_or_folder(fields: Fields, name: str) -> Path:
    given = fields.needed(name)
    path = found_file(fields.file, given.strip()) if isinstance(given, str) and "\x00" not in given else None
    if path is not None and path.is_dir():
        return path
    return fields.source_file(name)


def rings(top: Fields, name: str, given: Any, fewest: int = 3) -> tuple[Points, ...]:
    """Return one list of points, or several, as written in the file. Raises BadSpec."""
    if not isinstance(given, list) or not given:
        raise top.wrong(name, "is no list of points", "Write [[x, y], [x, y], …].")
    several = isinstance(given[0], list) and bool(given[0]) and isinstance(given[0][0], list)
    lists = given if several else [given]
    names = [f"{name}[{number}]" for number in range(len(lists))] if several else [name]
    return tuple(points(top, each, given, fewest) for each, given in zip(names, lists, strict=True))


def points(top: Fields, name: str, given: Any, fewest: int) -> Points:
    """Return a list of points, [x, y] or [longitude, latitude] each. Raises BadSpec."""
    if not isinstance(given, list):
        raise top.wrong(name, "is no list of points", "Write [[x, y], [x, y], …].")
    if not fewest <= len(given) <= _MOST_POINTS:
        raise top.wrong(
            name,
            f"has {len(given)} points where {fewest} to {_MOST_POINTS} are expected",
            "Put long ones in a file.",
        )
    return tuple(point(top, f"{name}[{number}]", item) for number, item in enumerate(given))


def point(top: Fields, name: str, given: Any) -> tuple[float, float]:
    """Return a point. Raises BadSpec."""
    if not isinstance(given, list) or len(given) != 2:
        raise top.wrong(name, "is no point", "Write [x, y], or [longitude, latitude].")
    x, y = (top.as_number(value, name, -1e9, 1e9, "") for value in given)
    return x, y
