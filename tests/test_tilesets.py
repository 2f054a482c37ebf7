"""Ready-made tilesets become layers: every tile looked at, vector layers renamed, what is not whole refused."""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
from pathlib import Path

import mapbox_vector_tile
import pytest
from PIL import Image

from ingest.reading import ReadOptions, read_file
from ingest.tileset_layers import PackedTiles, encode_tiles
from naru.errors import FileDamaged, NaruError, TooLarge
from naru.pmtiles import PMTilesReader, mapped
from tests.conftest import naru_json

SQUARE = "POLYGON ((0 0, 4096 0, 4096 4096, 0 4096, 0 0))"


def vector_tile(*names: str) -> bytes:
    layers = [{"name": n, "features": [{"geometry": SQUARE, "properties": {"이름": n}}]} for n in names]
    return mapbox_vector_tile.encode(layers)


def picture(colour: str, kind: str = "PNG", side: int = 256) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(out, kind)
    return out.getvalue()


def mbtiles(path: Path, tiles: dict[tuple[int, int, int], bytes], **metadata: str) -> Path:
    """Write an MBTiles file; tiles are by z, x and the row from the south."""
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE metadata (name text, value text)")
        base.execute("CREATE TABLE tiles (zoom_level int, tile_column int, tile_row int, tile_data blob)")
        base.executemany("INSERT INTO metadata VALUES (?, ?)", metadata.items())
        base.executemany("INSERT INTO tiles VALUES (?, ?, ?, ?)", [(*k, v) for k, v in tiles.items()])
    base.close()
    return path


def take(path: Path, workdir: Path, layer: str = "map") -> PackedTiles:
    (read,) = read_file(path, workdir, ReadOptions(), lambda *_: None)
    return encode_tiles(read, layer, workdir, lambda *_: None)


def tile(packed: PackedTiles, z: int, x: int, y: int) -> bytes | None:
    with mapped(packed.path) as file:
        return PMTilesReader(file).get(z, x, y)


def test_rows_of_mbtiles_are_turned_from_the_south(tmp_path: Path) -> None:
    north, south = picture("red"), picture("blue")
    path = mbtiles(tmp_path / "x.mbtiles", {(1, 0, 1): north, (1, 0, 0): south}, bounds="-180,-85,0,85")
    packed = take(path, tmp_path / "out")
    assert (packed.tile_type, packed.tiles, packed.minzoom, packed.maxzoom) == ("png", 2, 1, 1)
    assert (tile(packed, 1, 0, 0), tile(packed, 1, 0, 1)) == (north, south)
    assert packed.bounds == (-180, -85, 0, 85)


def test_the_only_vector_layer_gets_the_name_of_ours(tmp_path: Path) -> None:
    said = json.dumps({"vector_layers": [{"id": "water", "fields": {"이름": "String"}}]})
    packed = take(mbtiles(tmp_path / "x.mbtiles", {(0, 0, 0): vector_tile("water")}, json=said), tmp_path / "out")
    decoded = mapbox_vector_tile.decode(gzip.decompress(tile(packed, 0, 0, 0)))
    assert decoded["map"]["features"][0]["properties"] == {"이름": "water"}
    assert [(v["id"], v["fields"]) for v in packed.vector_layers] == [("map", {"이름": "String"})]


def test_metadata_nested_without_end_is_passed_over(tmp_path: Path) -> None:
    tiles = {(0, 0, 0): vector_tile("water")}
    path = mbtiles(tmp_path / "x.mbtiles", tiles, json="[" * 100_000, bounds="[" * 100_000)
    packed = take(path, tmp_path / "out")
    assert (packed.tiles, packed.bounds[0]) == (1, -180)


def test_several_vector_layers_stay_apart_under_our_name(tmp_path: Path) -> None:
    tiles = {(0, 0, 0): gzip.compress(vector_tile("water", "roads")), (1, 0, 0): vector_tile("water")}
    packed = take(mbtiles(tmp_path / "x.mbtiles", tiles), tmp_path / "out")
    assert set(mapbox_vector_tile.decode(gzip.decompress(tile(packed, 0, 0, 0)))) == {"map--water", "map--roads"}
    assert set(mapbox_vector_tile.decode(gzip.decompress(tile(packed, 1, 0, 1)))) == {"map--water"}
    assert {v["id"] for v in packed.vector_layers} == {"map--water", "map--roads"}


def test_pictures_of_two_kinds_become_one(tmp_path: Path) -> None:
    tiles = {(1, 0, 0): picture("red", "JPEG"), (1, 1, 0): picture("blue")}
    packed = take(mbtiles(tmp_path / "x.mbtiles", tiles), tmp_path / "out")
    assert packed.tile_type == "webp"
    with Image.open(io.BytesIO(tile(packed, 1, 0, 1))) as image:
        assert image.convert("RGB").getpixel((9, 9)) == pytest.approx((254, 0, 0), abs=4)


@pytest.mark.parametrize(
    ("tiles", "error", "why"),
    [
        ({(0, 0, 0): b"<html>404</html>"}, FileDamaged, "no vector tile"),
        ({(0, 0, 0): picture("red", side=300)}, FileDamaged, "300 × 300"),
        ({(0, 0, 0): picture("red")[:30]}, FileDamaged, "no whole picture"),
        ({(1, 2, 0): picture("red")}, FileDamaged, "outside zooms"),
        ({(60, 0, 0): picture("red")}, FileDamaged, "outside zooms"),
        ({(0, 0, 0): gzip.compress(bytes(20_000_000))}, TooLarge, "unpacks to more"),
        ({(0, 0, 0): gzip.compress(vector_tile("a"))[:-20]}, FileDamaged, "gzip is cut off"),
        ({(0, 0, 0): vector_tile("a")[:-9]}, FileDamaged, "cut off"),
        ({(1, 0, 0): vector_tile("a"), (1, 1, 0): picture("red")}, FileDamaged, "pictures and vector tiles"),
    ],
)
def test_what_is_not_whole_is_refused(tmp_path: Path, tiles, error: type[NaruError], why: str) -> None:
    with pytest.raises(error, match=why) as refused:
        take(mbtiles(tmp_path / "x.mbtiles", tiles), tmp_path / "out")
    assert (refused.value.file, bool(refused.value.remedy)) == ("x.mbtiles", True)


def test_a_view_that_never_ends_is_stopped(tmp_path: Path) -> None:
    path = mbtiles(tmp_path / "x.mbtiles", {})
    with sqlite3.connect(path) as base:
        base.execute("DROP TABLE tiles")
        base.execute(
            "CREATE VIEW tiles AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
            " SELECT 0 AS zoom_level, 0 AS tile_column, 0 AS tile_row, x'00' AS tile_data FROM n WHERE i < 0"
        )
    base.close()
    with pytest.raises(TooLarge, match="first tile takes too long"):
        take(path, tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "kind", "tiles"),
    [
        ("gdal_mbtiles/byte.mbtiles", "png", 1),
        ("gdal_mbtiles/byte_jpeg.mbtiles", "jpg", 1),
        ("gdal_mvt/point_polygon.mbtiles", "mvt", 5),
        ("gdal_pmtiles/ne_10m_admin_0_france.pmtiles", "mvt", 8),
        ("pmtiles/stamen_toner_raster_CC-BY+ODbL_z3.pmtiles", "png", 85),
    ],
)
def test_tilesets_of_the_corpus_are_taken_over(shared, tmp_path: Path, name: str, kind: str, tiles: int) -> None:
    packed = take(shared(f"data/{name}"), tmp_path / "out")
    assert (packed.tile_type, packed.tiles) == (kind, tiles)


def test_an_archive_of_endless_tiles_is_refused(shared, tmp_path: Path) -> None:
    with pytest.raises(TooLarge, match="20,000,000 tiles"):
        take(shared("data/gdal_pmtiles/run_length_max.pmtiles"), tmp_path / "out")


def test_tilesets_and_rasters_go_live_with_a_style(shared, tmp_path: Path, home: Path) -> None:
    vector = mbtiles(tmp_path / "수계.mbtiles", {(0, 0, 0): vector_tile("water", "roads")}, attribution="© 서울시")
    raster = shared("data/raster_made/valley_5186.tif")
    said = naru_json("ingest", str(vector), str(raster), home=home)["layers"]
    assert [(layer["kind"], layer["version"], layer["features_read"]) for layer in said] == [
        ("vector", 1, 0),
        ("raster", 1, 0),
    ]
    assert said[1]["crs"] == "EPSG:5186"
    listed = {layer["id"]: layer for layer in naru_json("layers", "list", home=home)["layers"]}
    assert listed[said[0]["id"]]["attribution"] == "© 서울시"
    assert listed[said[1]["id"]]["maxzoom"] == said[1]["maxzoom"]
