"""What the tests of reading share: small files made in code, and a short way to read one."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path

import geopandas
import pyarrow.parquet as pq
from pyproj import CRS

from ingest.reading import ReadLayer, ReadOptions, read_file


def read(path: Path, workdir: Path, **options: object) -> list[ReadLayer]:
    """Read a file into layers below `workdir`."""
    return read_file(path, workdir, ReadOptions(**options), lambda *_: None)  # type: ignore[arg-type]


def read_one(path: Path, workdir: Path, **options: object) -> ReadLayer:
    """Read a file that holds one layer."""
    (layer,) = read(path, workdir, **options)
    return layer


def frame(layer: ReadLayer) -> geopandas.GeoDataFrame:
    """Open a layer's GeoParquet with an independent reader."""
    return geopandas.read_parquet(layer.parquet)


def column(layer: ReadLayer, name: str) -> list[object]:
    """Return one attribute of a layer."""
    return pq.read_table(layer.parquet, columns=[name]).column(0).to_pylist()


def reasons(counts: Sequence[object]) -> dict[str, int]:
    """Return counts as a dictionary."""
    return {c.reason: c.count for c in counts}  # type: ignore[attr-defined]


def geojson(path: Path, *geometries: object, **members: object) -> Path:
    """Write a FeatureCollection of these geometries; `members` are added to it."""
    features = [{"type": "Feature", "properties": {"n": n}, "geometry": g} for n, g in enumerate(geometries)]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features, **members}), "utf-8")
    return path


def point(x: float = 126.978, y: float = 37.5665) -> dict[str, object]:
    """Return a GeoJSON point; Seoul's City Hall unless told."""
    return {"type": "Point", "coordinates": [x, y]}


def dbf(names: Sequence[bytes], rows: Sequence[Sequence[bytes]], language_id: int = 0, width: int = 40) -> bytes:
    """Return a dBASE III table of character fields, bytes as given."""
    header = 32 + 32 * len(names) + 1
    out = struct.pack("<B3BIHH17xBxx", 3, 126, 1, 1, len(rows), header, 1 + width * len(names), language_id)
    for name in names:
        out += name[:10].ljust(11, b"\0") + b"C" + b"\0" * 4 + bytes([width]) + b"\0" * 15
    body = b"".join(b" " + b"".join(v[:width].ljust(width) for v in row) for row in rows)
    return out + b"\r" + body + b"\x1a"


def shapefile(
    stem: Path, points: Sequence[tuple[float, float]], table: bytes, prj: str | None = "EPSG:4326"
) -> Path:
    """Write a shapefile of points with the attribute table `table`; `prj` is WKT, a code, or None for none."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    box = [min(xs), min(ys), max(xs), max(ys)]
    records = [struct.pack(">ii", n + 1, 10) + struct.pack("<idd", 1, x, y) for n, (x, y) in enumerate(points)]
    index = b"".join(struct.pack(">ii", (100 + 28 * n) // 2, 10) for n in range(len(points)))

    def head(length: int) -> bytes:
        return struct.pack(">i20xi", 9994, length // 2) + struct.pack("<ii4d32x", 1000, 1, *box)

    stem.parent.mkdir(parents=True, exist_ok=True)
    stem.with_suffix(".shp").write_bytes(head(100 + 28 * len(points)) + b"".join(records))
    stem.with_suffix(".shx").write_bytes(head(100 + len(index)) + index)
    stem.with_suffix(".dbf").write_bytes(table)
    if prj is not None:
        text = CRS.from_user_input(prj).to_wkt("WKT1_ESRI") if prj.startswith("EPSG:") else prj
        stem.with_suffix(".prj").write_text(text)
    return stem.with_suffix(".shp")
