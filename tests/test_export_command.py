"""`naru export` from outside: files, tiles, pixels, exit codes; no half file."""

from __future__ import annotations

import gzip
import json
import os
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import mapbox_vector_tile
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from pmtiles.reader import MmapSource, Reader, all_tiles

from tests.commands import naru_here, naru_here_json
from tests.conftest import NARU, clean_environ, naru, require_tool
from tests.exporting import make_layer, open_house

POINTS = [(126.9 + n / 1000, 37.5) for n in range(200)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with a layer in two versions, and a raster."""
    folder = tmp_path_factory.mktemp("export")
    made = folder / "home"
    for version, count in ((1, 150), (2, 200)):
        features = [
            {
                "type": "Feature",
                "properties": {"이름": f"점 {n}", "층수": n, "구": "중구" if n % 2 else None},
                "geometry": {"type": "Point", "coordinates": place},
            }
            for n, place in enumerate(POINTS[:count])
        ]
        file = folder / f"점{version}.geojson"
        file.write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
        words = ("--id", "dots", "--title", "점들", "--licence", "공공누리 1유형", "--attribution", "서울특별시")
        naru_here_json("ingest", str(file), *words, "--maxzoom", "8", home=made)
    picture = np.arange(3 * 200 * 300, dtype="uint8").reshape(3, 200, 300)
    place = Affine(10.0, 0.0, 198_000.0, 0.0, -10.0, 550_000.0)
    profile = {"driver": "GTiff", "width": 300, "height": 200, "count": 3, "dtype": "uint8", "crs": "EPSG:5186"}
    with rasterio.open(folder / "photo.tif", "w", transform=place, **profile) as raster:
        raster.write(picture)
    naru_here_json("ingest", str(folder / "photo.tif"), "--id", "photo", "--licence", "CC-BY", home=made)
    return made


def test_the_command_tells_what_it_wrote(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "점.geojson"
    told = naru_here_json("export", "dots", "--format", "geojson", "-o", str(target), home=home)
    assert told.pop("seconds") > 0
    assert told == {
        "layer": "dots",
        "version": 2,
        "format": "geojson",
        "file": str(target),
        "bytes": target.stat().st_size,
        "features": 200,
        "crs": "OGC:CRS84",
        "notes": [],
        "beside": None,
    }
    assert [path.name for path in tmp_path.iterdir()] == ["점.geojson"]


def test_options_choose_features_fields_and_version(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    words = ["--bbox", "126.9,37,127.0,38", "--where", "층수>=90", "--where", "구=중구", "--fields", "층수"]
    naru_here_json("export", "dots", "--format", "csv", "-o", str(target), *words, "--version", "1", home=home)
    lines = target.read_text("utf-8-sig").splitlines()
    assert lines[0] == '"층수","lon","lat"'
    assert [line.split(",")[0] for line in lines[1:]] == ["91", "93", "95", "97", "99"]
    old = naru_here_json("export", "dots", "--format", "csv", "-o", str(target), "--version", "1", home=home)
    assert (old["version"], old["features"]) == (1, 150)


def test_a_csv_has_its_licence_beside_it(home: Path, tmp_path: Path) -> None:
    told = naru_here_json("export", "dots", "--format", "csv", "-o", str(tmp_path / "a.csv"), home=home)
    document = json.loads(Path(told["beside"]).read_text("utf-8"))
    assert told["beside"].endswith("a.csv-metadata.json")
    assert (document["url"], document["dc:license"], document["dc:source"]) == (
        "a.csv",
        "공공누리 1유형",
        "서울특별시",
    )
    kinds = {column["titles"]: column["datatype"] for column in document["tableSchema"]["columns"]}
    assert kinds == {"이름": "string", "층수": "integer", "구": "string", "lon": "double", "lat": "double"}


def test_the_file_goes_to_stdout_where_asked(home: Path, tmp_path: Path) -> None:
    words = [*NARU, "--home", str(home), "export", "dots", "--format", "shp", "-o", "-"]
    done = subprocess.run(words, capture_output=True, env=clean_environ(), timeout=60, check=True)
    naru_here_json("export", "dots", "--format", "shp", "-o", str(tmp_path / "a.zip"), home=home)
    assert done.stdout == (tmp_path / "a.zip").read_bytes()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("dots", "--format", "shp", "--where", "없음=1"), 1, "there is no field '없음'"),
        (("dots", "--format", "csv", "--bbox", "1,2,3"), 1, "no bounding box"),
        (("dots", "--format", "shp", "--encoding", "latin1"), 1, "no encoding of ours"),
        (("dots", "--format", "csv", "--encoding", "cp949"), 2, "--encoding is for shp"),
        (("dots", "--format", "pmtiles", "--bbox", "1,2,3,4"), 1, "tiles are given whole"),
        (("photo", "--format", "shp"), 1, "a raster has no features"),
        (("photo", "--format", "tif", "--where", "a=1"), 1, "pixels have no fields"),
        (("photo", "--format", "tif", "--bbox", "1,2,3,4"), 1, "does not meet the raster"),
        (("dots", "--format", "csv", "--version", "9"), 1, "there is no version 9"),
        (("dots", "--format", "csv", "-o", "-", "--json"), 2, "cannot both go to stdout"),
        (("dots", "--format", "csv", "-o", "/nonexistent/a.csv"), 1, "could not be stored"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(
    home: Path, tmp_path: Path, words: tuple[str, ...], code: int, message: str
) -> None:
    output = () if "-o" in words else ("-o", str(tmp_path / "out"))
    done = naru_here("export", *words, *output, home=home)
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_there_stays_when_the_export_fails(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.zip"
    target.write_bytes(b"before")
    done = naru("export", "dots", "--format", "shp", "--crs", "EPSG:2", "-o", str(target), home=home)
    assert (done.returncode, "names no coordinate reference system" in done.stderr) == (1, True), done.stderr
    assert target.read_bytes() == b"before"
    naru_here_json("export", "dots", "--format", "shp", "-o", str(target), home=home)
    assert target.read_bytes().startswith(b"PK")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_export_leaves_no_half_file(tmp_path: Path, how: signal.Signals) -> None:
    home = tmp_path / "home"
    house = open_house(home)
    make_layer(house, "big", shapely.points(np.linspace(126, 127, 60_000), 37))
    house.close()
    (out := tmp_path / "out").mkdir()
    words = [*NARU, "--home", str(home), "export", "big", "--format", "xlsx", "-o", str(out / "a.xlsx")]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean_environ())
    deadline = time.monotonic() + 60
    while not any((home / "jobs").glob("export-*/sheets-*/*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, how)
    assert process.wait(30) == 1
    assert list(out.iterdir()) == []
    assert list((home / "jobs").iterdir()) == []


# --- tiles ----------------------------------------------------------------------------------------


def test_pmtiles_are_the_tiles_with_their_licence(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "dots.pmtiles"
    naru_here_json("export", "dots", "--format", "pmtiles", "-o", str(target), home=home)
    with target.open("rb") as stream:
        source = MmapSource(stream)
        metadata = Reader(source).metadata()
        tiles = dict(all_tiles(source))
    assert (metadata["license"], metadata["attribution"], metadata["name"]) == (
        "공공누리 1유형",
        "서울특별시",
        "점들",
    )
    assert tiles
    assert all("dots" in mapbox_vector_tile.decode(gzip.decompress(data)) for data in tiles.values())
    done = naru_here("export", "dots", "--format", "mbtiles", "-o", str(tmp_path / "dots.mbtiles"), home=home)
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(tmp_path / "dots.mbtiles")) as database:
        rows = database.execute("SELECT zoom_level, tile_column, tile_row, tile_data FROM tiles").fetchall()
    assert {(z, x, (1 << z) - 1 - y): data for z, x, y, data in rows} == tiles


def test_gdal_reads_the_mbtiles(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "dots.mbtiles"
    naru_here_json("export", "dots", "--format", "mbtiles", "-o", str(target), home=home)
    words = [require_tool("ogrinfo"), "-ro", "-al", "-so", str(target)]
    told = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "Layer name: dots" in told
    assert "Feature Count: 200" in told
    assert "이름: String" in told
    with closing(sqlite3.connect(target)) as database:
        metadata = dict(database.execute("SELECT name, value FROM metadata"))
    assert (metadata["format"], metadata["license"], metadata["maxzoom"]) == ("pbf", "공공누리 1유형", "8")
    assert json.loads(metadata["json"])["vector_layers"][0]["id"] == "dots"


# --- pixels ---------------------------------------------------------------------------------------


def test_a_whole_raster_is_the_archive_with_its_licence_beside(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "photo.tif"
    told = naru_here_json("export", "photo", "--format", "tif", "-o", str(target), home=home)
    assert told["beside"] == f"{target}.aux.xml"
    (archive,) = (home / "archives").glob("*.tif")
    assert target.read_bytes() == archive.read_bytes()
    with rasterio.open(target) as raster:
        assert raster.tags()["TIFFTAG_COPYRIGHT"] == "CC-BY"


def test_a_part_of_a_raster_keeps_its_pixels(home: Path, tmp_path: Path) -> None:
    whole, part = tmp_path / "whole.tif", tmp_path / "part.tif"
    naru_here_json("export", "photo", "--format", "tif", "-o", str(whole), home=home)
    box = "126.985,37.537,126.995,37.543"
    naru_here_json("export", "photo", "--format", "tif", "--bbox", box, "-o", str(part), home=home)
    with rasterio.open(whole) as all_of_it, rasterio.open(part) as cut:
        window = all_of_it.window(*cut.bounds)
        assert (cut.crs, cut.tags(ns="IMAGE_STRUCTURE")["LAYOUT"]) == (all_of_it.crs, "COG")
        assert 50 < cut.width < all_of_it.width
        assert np.array_equal(cut.read(), all_of_it.read(window=window))


@pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")  # rasterio's use of affine
def test_a_raster_in_another_system_covers_the_same_ground(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "photo.tif"
    naru_here_json("export", "photo", "--format", "tif", "--crs", "EPSG:5186", "-o", str(target), home=home)
    with rasterio.open(target) as raster:
        assert raster.crs.to_epsg() == 5186
        assert raster.bounds == pytest.approx((198_000, 548_000, 201_000, 550_000), abs=40)
        assert raster.read(4).mean() > 240  # opaque nearly everywhere: no margin
