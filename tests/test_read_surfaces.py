"""Surfaces of faces, heights and measures; the types of shapefiles' and GeoPackages' own attribute tables."""

from __future__ import annotations

import sqlite3
import struct
import subprocess
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyogrio
import pyogrio.raw
import pytest
import shapely

from naru.errors import UnknownFormat
from tests.conftest import naru_json, require_tool
from tests.reading import column, frame, read_one, reasons, shapefile

Position = tuple[float, float, float]
STRIP, FAN, OUTER_RING = 0, 1, 2
FACES = "surface of triangles or faces turned into polygons"
SLOPE = [(127.0, 37.0, 0.0), (127.1, 37.0, 0.0), (127.0, 37.1, 5.0), (127.1, 37.1, 5.0)]
ROOF = [(128.0, 37.0, 0.0), (128.1, 37.0, 1.0), (128.1, 37.1, 2.0), (128.0, 37.1, 3.0)]
WALL = [(127.0, 37.0, 0.0), (127.1, 37.0, 0.0), (127.0, 37.0, 5.0), (127.1, 37.0, 5.0)]
SQUARE = [(129.0, 37.0, 1.0), (129.0, 37.1, 1.0), (129.1, 37.1, 1.0), (129.1, 37.0, 1.0), (129.0, 37.0, 1.0)]


def multipatch(path: Path, *parts: tuple[int, list[Position]]) -> Path:
    """Write a shapefile of one MultiPatch (ESRI Shapefile Technical Description, July 1998, p. 20)."""
    places = [p for _, part in parts for p in part]
    xs, ys, zs = zip(*places, strict=True)
    starts = [sum(len(part) for _, part in parts[:n]) for n in range(len(parts))]
    box = [min(xs), min(ys), max(xs), max(ys)]
    content = struct.pack("<i4d2i", 31, *box, len(parts), len(places))
    content += struct.pack(f"<{2 * len(parts)}i", *starts, *(kind for kind, _ in parts))
    content += b"".join(struct.pack("<2d", x, y) for x, y, _ in places)
    content += struct.pack(f"<{2 + len(zs)}d", min(zs), max(zs), *zs)

    def head(length: int) -> bytes:
        return struct.pack(">i20xi", 9994, length // 2) + struct.pack("<2i4d32x", 1000, 31, *box)

    path.write_bytes(head(108 + len(content)) + struct.pack(">2i", 1, len(content) // 2) + content)
    path.with_suffix(".shx").write_bytes(head(108) + struct.pack(">2i", 50, len(content) // 2))
    return path


def test_a_multipatch_is_drawn_as_the_polygons_of_its_faces_and_counted(tmp_path: Path) -> None:
    path = multipatch(tmp_path / "지붕.shp", (STRIP, SLOPE), (FAN, ROOF), (OUTER_RING, SQUARE))
    layer = read_one(path, tmp_path / "out", crs="EPSG:4326")
    assert (layer.features_kept, layer.geometry, reasons(layer.repaired)[FACES]) == (1, "polygon", 1)
    shape = frame(layer).geometry[0]
    assert shape.area == pytest.approx(3 * 0.01)
    assert shape.has_z


def test_upright_walls_of_a_multipatch_have_no_area_and_the_rest_stays(tmp_path: Path) -> None:
    layer = read_one(
        multipatch(tmp_path / "x.shp", (STRIP, WALL), (OUTER_RING, SQUARE)), tmp_path / "o", crs="EPSG:4326"
    )
    assert frame(layer).geometry[0].area == pytest.approx(0.01)


SURFACES = {
    "TIN": "TIN Z (((127 37 0,127.1 37 0,127 37.1 5,127 37 0)),((127.1 37 0,127 37.1 5,127.1 37.1 5,127.1 37 0)))",
    "POLYHEDRALSURFACE": "POLYHEDRALSURFACE Z (((127 37 0,127.1 37 0,127.1 37.1 0,127 37.1 0,127 37 0)))",
}


def surfaces(folder: Path, kind: str, suffix: str, driver: str) -> Path:
    """Write a layer that declares surfaces as its type, with Debian's ogr2ogr."""
    (folder / "원본.csv").write_text(f'이름,WKT\n"가","{SURFACES[kind]}"\n', "utf-8")
    options = ["-nlt", f"{kind}Z", "-a_srs", "EPSG:4326", "-nln", "지형", "-oo", "GEOM_POSSIBLE_NAMES=WKT"]
    command = [require_tool("ogr2ogr"), "-f", driver, f"x{suffix}", "원본.csv", *options]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    return folder / f"x{suffix}"


@pytest.mark.parametrize("kind", SURFACES)
def test_a_geopackage_of_surfaces_is_drawn_as_polygons(tmp_path: Path, kind: str) -> None:
    layer = read_one(surfaces(tmp_path, kind, ".gpkg", "GPKG"), tmp_path / "out")
    assert (layer.name, layer.crs, layer.geometry) == ("지형", "EPSG:4326", "polygon")
    assert reasons(layer.repaired)[FACES] == 1
    assert frame(layer).geometry[0].area == pytest.approx(0.01)
    assert column(layer, "이름") == ["가"]


def test_surfaces_in_a_flatgeobuf_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(UnknownFormat, match="of a kind that we do not draw"):
        read_one(surfaces(tmp_path, "TIN", ".fgb", "FlatGeobuf"), tmp_path / "out")


# --- attribute tables -------------------------------------------------------------------------------


def typed_dbf(fields: list[tuple[bytes, bytes, int, int]], rows: list[list[bytes]]) -> bytes:
    """Return a dBASE table; `fields` are name, type, width and decimals."""
    length, start = 1 + sum(width for _, _, width, _ in fields), 33 + 32 * len(fields)
    out = struct.pack("<4BIHH20x", 3, 126, 1, 1, len(rows), start, length)
    for name, kind, width, decimals in fields:
        out += name.ljust(11, b"\0") + kind + b"\0" * 4 + bytes([width, decimals]) + b"\0" * 14
    body = b"".join(
        b" " + b"".join(v.rjust(f[2]) if f[1] == b"N" else v.ljust(f[2]) for v, f in zip(row, fields, strict=True))
        for row in rows
    )
    return out + b"\r" + body + b"\x1a"


def test_dbf_fields_have_the_types_that_other_formats_have(tmp_path: Path) -> None:
    fields = [(b"used", b"L", 1, 0), (b"built", b"D", 8, 0), (b"count", b"N", 10, 0), (b"h", b"N", 12, 3)]
    fields += [(b"pnu", b"N", 19, 0), (b"code", b"C", 4, 0)]
    rows = [
        [b"T", b"20240105", b"2147483648", b"12.500", b"1168010100108250000", b"0042"],
        [b"F", b"20231231", b"-7", b"0.125", b"1168010100108250001", b"0043"],
        [b"?", b"", b"", b"", b"", b""],
    ]
    places = [(126.9 + n / 100, 37.5) for n in range(3)]
    layer = read_one(shapefile(tmp_path / "x", places, typed_dbf(fields, rows)), tmp_path / "out")
    assert column(layer, "used") == [True, False, None]
    assert column(layer, "built") == [date(2024, 1, 5), date(2023, 12, 31), None]
    assert column(layer, "count") == [2147483648, -7, None]
    assert column(layer, "h") == [12.5, 0.125, None]
    assert column(layer, "pnu") == [1168010100108250000, 1168010100108250001, None]
    assert column(layer, "code") == ["0042", "0043", None]


def test_moments_of_a_geopackage_are_in_utc_whatever_zone_they_were_written_in(tmp_path: Path) -> None:
    path = tmp_path / "x.gpkg"
    pyogrio.raw.write(
        path,
        shapely.to_wkb([shapely.Point(127, 37), shapely.Point(127, 38)]),
        [np.array(["2024-01-05T03:00:00"] * 2, dtype="datetime64[ms]")],
        ["t"],
        geometry_type="Point",
        crs="EPSG:4326",
        driver="GPKG",
    )
    with sqlite3.connect(path) as connection:
        connection.executescript(_without_triggers(connection))
        connection.execute("UPDATE x SET t = '2024-01-05T12:00:00+09:00' WHERE fid = 1")
        connection.execute("UPDATE x SET t = '2024-01-05T03:00:00.000Z' WHERE fid = 2")
    connection.close()
    assert column(read_one(path, tmp_path / "out"), "t") == [datetime(2024, 1, 5, 3, tzinfo=UTC)] * 2


def _without_triggers(connection: sqlite3.Connection) -> str:
    """Return what drops the triggers, which call functions that only GDAL has."""
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
    return "".join(f'DROP TRIGGER "{name}";' for (name,) in names)


def test_heights_of_a_shapefile_come_out_again(tmp_path: Path, home: Path) -> None:
    lines = [
        shapely.LineString([(127, 37, 1.5), (127.1, 37.1, 2.5)]),
        shapely.LineString([(127, 38, 0), (128, 38, -3)]),
    ]
    source = tmp_path / "등고선.shp"
    pyogrio.raw.write(source, shapely.to_wkb(lines), [], [], geometry_type="LineString Z", crs="EPSG:4326")
    naru_json("ingest", str(source), "--id", "x", home=home)
    naru_json("export", "x", "--format", "shp", "-o", str(tmp_path / "x.zip"), home=home)
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        archive.extractall(tmp_path / "out")
    (found,) = (tmp_path / "out").rglob("*.shp")
    assert [g.wkt for g in pyogrio.read_dataframe(found).geometry] == [line.wkt for line in lines]
