"""A zip of shapefiles: one for each kind of geometry, with the whole field names, the licence and the encoding."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely

from naru.errors import BadSelection
from naru.export.dbf import Column, Planner, TableWriter
from naru.export.formats import FIELDS_HEADER, FIELDS_TABLE, README
from naru.export.job import Export
from naru.export.shp_records import Family, ShapeWriter
from naru.export.table import harmless
from naru.features.place import Geometries
from naru.features.source import Batch

ENCODINGS = ("utf-8", "cp949")
_CODE_PAGE = {"utf-8": "UTF-8", "cp949": "949"}  # as .cpg files say it
_FAMILIES: dict[str, Family] = {
    "Point": "point",
    "MultiPoint": "multipoint",
    "LineString": "line",
    "MultiLineString": "line",
    "Polygon": "polygon",
    "MultiPolygon": "polygon",
}
_OF_TYPE: tuple[Family, ...] = ("point", "line", "line", "polygon", "multipoint", "line", "polygon")  # by GEOS id
_LEVEL = 3  # of deflate


def check_encoding(text: str) -> str:
    """Return `utf-8` or `cp949`, however it is spelt.

    Raises:
        BadSelection: neither.
    """
    plain = text.strip().lower().replace("_", "-")
    name = {"utf8": "utf-8", "euc-kr": "cp949", "euckr": "cp949", "949": "cp949", "ms949": "cp949"}.get(
        plain, plain
    )
    if name not in ENCODINGS:
        raise BadSelection(f"'{text[:40]}' is no encoding of ours", remedy="Write utf-8 or cp949.")
    return name


def write(export: Export, path: Path) -> None:
    """Write the zip to `path`; the shapefiles are made in a folder beside it first.

    Raises:
        ExportLimit: too large, too many fields, or letters that the encoding has not.
    """
    columns = _planned(export)
    folder = path.with_suffix(".parts")
    folder.mkdir()
    try:
        _write_parts(export, columns, folder)
        _pack(export, columns, folder, path)
    finally:
        shutil.rmtree(folder)


def _planned(export: Export) -> list[Column]:
    planner = Planner(export.fields, export.encoding)
    if export.fields:
        for batch in export.source.select(export.selection, bare=True):
            planner.look(batch)
    columns = planner.columns()
    for column in columns:
        if column.note:
            export.notes[f"field '{column.source}': {column.note}"] += 1
    return columns


def _write_parts(export: Export, columns: list[Column], folder: Path) -> None:
    """Write .shp, .shx and .dbf of each family."""
    with ExitStack() as stack:
        parts: dict[Family, _Part] = {}
        points = _point_family(export.source.geometry_types)
        solid = any(" Z" in name for name in export.source.geometry_types)
        for batch in export.batches():
            for family, index, geometries in _by_family(batch, points, export):
                if family not in parts:
                    parts[family] = stack.enter_context(_Part(export, columns, folder, family, solid=solid))
                parts[family].write(batch, index, geometries)
        if not parts:  # nothing was selected: an empty file that programs open
            family = _FAMILIES.get(export.source.geometry_types[0].removesuffix(" Z"), "polygon")
            stack.enter_context(_Part(export, columns, folder, family, solid=solid))


class _Part:
    """One shapefile being written."""

    def __init__(self, export: Export, columns: list[Column], folder: Path, family: Family, *, solid: bool) -> None:
        stem = folder / family
        self._streams = [stem.with_suffix(s).open("wb") for s in (".shp", ".shx", ".dbf")]
        self._shapes = ShapeWriter(family, solid, self._streams[0], self._streams[1])
        self._table = TableWriter(columns, self._streams[2], export.encoding, export.about.created.date())

    def write(self, batch: Batch, index: npt.NDArray[np.intp], geometries: Geometries) -> None:
        self._shapes.write(geometries)
        self._table.write(batch.attributes, index)

    def __enter__(self) -> _Part:
        return self

    def __exit__(self, *_: object) -> None:
        self._shapes.close()
        self._table.close()
        for stream in self._streams:
            stream.close()


def _point_family(types: tuple[str, ...]) -> Family:
    """Return the family of points: one that may get several a row takes single ones too."""
    return "multipoint" if any(name.startswith(("MultiPoint", "Geometry")) for name in types) else "point"


def _by_family(
    batch: Batch, points: Family, export: Export
) -> Iterator[tuple[Family, npt.NDArray[np.intp], Geometries]]:
    """Yield the batch's geometries by family, with their rows in it; collections are taken apart."""
    kinds = shapely.get_type_id(batch.geometries)
    index, geometries = np.arange(len(kinds)), batch.geometries
    mixed = kinds == 7
    if mixed.any():
        export.notes["collections of points, lines and polygons were taken apart by kind"] += int(mixed.sum())
        index, geometries = _apart(index, geometries, mixed)
        kinds = shapely.get_type_id(geometries)
    families = np.array([points if kind in (0, 4) else _OF_TYPE[kind] for kind in kinds.tolist()])
    for family in np.unique(families).tolist():
        mine = families == family
        yield family, index[mine], geometries[mine]


def _apart(
    index: npt.NDArray[np.intp], geometries: Geometries, mixed: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.intp], Geometries]:
    """Return collections as one multi-geometry a kind, rows repeated."""
    rows, out = index[~mixed].tolist(), list(geometries[~mixed])
    for row in index[mixed].tolist():
        leaves = _leaves(geometries[row])
        for kinds, gather in ((0, shapely.multipoints), (1, shapely.multilinestrings), (3, shapely.multipolygons)):
            mine = leaves[shapely.get_type_id(leaves) == kinds]
            if len(mine):
                rows.append(row)
                out.append(gather(mine))
    order = np.argsort(rows, kind="stable")
    return np.array(rows)[order], np.array(out, dtype=object)[order]


def _leaves(geometry: shapely.Geometry) -> Geometries:
    parts = np.array([geometry], dtype=object)
    while (shapely.get_type_id(parts) >= 4).any():
        parts = shapely.get_parts(parts)
    return parts


def _pack(export: Export, columns: list[Column], folder: Path, path: Path) -> None:
    """Put everything into the zip: by name, which dates members 1980, so the same data give the same bytes."""
    families = sorted(file.stem for file in folder.glob("*.shp"))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for family in families:
            stem = export.about.id if len(families) == 1 else f"{export.about.id}_{family}"
            for suffix in (".shp", ".shx", ".dbf"):
                _add_file(archive, f"{stem}{suffix}", folder / f"{family}{suffix}")
            _add_text(archive, f"{stem}.prj", export.crs.to_wkt("WKT1_ESRI"))
            _add_text(archive, f"{stem}.cpg", _CODE_PAGE[export.encoding])
        _add_text(archive, FIELDS_TABLE, _fields_table(columns))
        _add_text(archive, README, _readme(export))


def _add_file(archive: zipfile.ZipFile, name: str, file: Path) -> None:
    with file.open("rb") as source, archive.open(name, "w", force_zip64=True) as target:
        shutil.copyfileobj(source, target, 1 << 20)
    file.unlink()


def _add_text(archive: zipfile.ZipFile, name: str, text: str) -> None:
    with archive.open(name, "w") as target:
        target.write(text.encode())


def _fields_table(columns: list[Column]) -> str:
    """Return the table of names: what a field is called, what in the .dbf, and what became of it."""
    rows = [FIELDS_HEADER, *((c.source, c.name, c.note) for c in columns)]
    cells = [harmless(pa.array(list(row))).to_pylist() for row in rows]
    lines = (",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in cells)
    return "\ufeff" + "\r\n".join(lines) + "\r\n"


def _readme(export: Export) -> str:
    lines = [f"{label}: {text}" for label, text in export.rows()]
    lines += [f"- {note}" + (f": {count}" if count > 1 else "") for note, count in export.notes.items()]
    return "\ufeff" + "\r\n".join(lines) + "\r\n"
