"""A file becomes a map, looked at from outside: the command, the archives, tiles decoded by others' code."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely

from ingest.options import IngestOptions
from ingest.pipeline import ingest_file
from naru.errors import JobLost
from naru.house import House
from naru.settings import Settings
from naru.style import colour_of
from naru.terminal import progress_bar
from tests.conftest import NARU, clean_environ, naru, naru_json
from tests.decode import features_at, header_of, tiles_of, whole

DEGREE_M = 111_320.0
COS_SEOUL = 0.7927  # cos 37.56°


def archive(home: Path, layer: str, suffix: str = ".pmtiles") -> Path:
    """Return the live archive of a layer."""
    shown = naru_json("layers", "show", layer, home=home)
    live = next(v for v in shown["versions"] if v["live"])
    name = live["tilesets"][0]["archive"] if suffix == ".pmtiles" else live["source"]
    return home / "archives" / name


@pytest.fixture(scope="module")
def gu(tmp_path_factory: pytest.TempPathFactory, shared: Callable[[str], Path]) -> tuple[Path, dict]:
    """A home with the 25 gu from a CP949 shapefile in EPSG:5186, and what the command said."""
    home = tmp_path_factory.mktemp("gu") / "home"
    said = naru_json(
        "ingest", str(shared("data/korea_crs/gu_5186_cp949/gu_5186_cp949.shp")), "--id", "seoul-gu", home=home
    )
    return home, said["layers"][0]


def test_the_report_has_the_contracts_members(gu: tuple[Path, dict]) -> None:
    assert list(gu[1]) == [
        *("id", "kind", "features_read", "features_published", "features_dropped", "features_repaired"),
        *("crs_claimed", "crs", "crs_how", "encoding", "encoding_how", "bounds", "minzoom", "maxzoom"),
        *("tiles", "bytes", "warnings", "version"),
    ]
    assert (gu[1]["features_read"], gu[1]["features_published"], gu[1]["version"]) == (25, 25, 1)
    assert gu[1]["features_repaired"]
    assert (gu[1]["crs"], gu[1]["encoding"]) == ("EPSG:5186", "CP949")


def test_every_feature_is_at_the_top_zoom_with_its_korean_name(
    gu: tuple[Path, dict], shared: Callable[[str], Path]
) -> None:
    home, said = gu
    truth = gpd.read_file(shared("data/korea_crs/gu_5186_cp949/gu_5186_cp949.shp"), encoding="CP949")
    found = features_at(archive(home, "seoul-gu"), said["maxzoom"], "seoul-gu")
    assert sorted(found) == list(range(1, 26))
    for number, pieces in found.items():
        row = truth.iloc[number - 1].drop("geometry")
        assert pieces[0]["properties"] == {name: value for name, value in row.items() if value is not None}


def test_tiles_lie_within_five_metres_of_the_source(gu: tuple[Path, dict], shared: Callable[[str], Path]) -> None:
    """Compare with the WGS 84 edition of the same boundaries, which took no part."""
    home, said = gu
    truth = gpd.read_file(shared("data/seoul_juso2015/seoul_municipalities.shp"), encoding="CP949")
    found = features_at(archive(home, "seoul-gu"), said["maxzoom"], "seoul-gu")
    for number, pieces in found.items():
        here, there = whole(pieces).centroid, truth.geometry.iloc[number - 1].centroid
        assert abs(here.x - there.x) * DEGREE_M * COS_SEOUL < 5
        assert abs(here.y - there.y) * DEGREE_M < 5
        assert whole(pieces).area == pytest.approx(truth.geometry.iloc[number - 1].area, rel=2e-3)


def test_gdal_reads_archive_and_tiles(gu: tuple[Path, dict], tmp_path: Path) -> None:
    home, said = gu
    path = archive(home, "seoul-gu")
    frame = gpd.read_file(path, layer="seoul-gu", engine="pyogrio", ZOOM_LEVEL=str(said["maxzoom"]))
    assert set(frame["SIG_KOR_NM"]) >= {"강남구", "종로구", "영등포구"}
    (z, x, y), data = next(tiles_of(path, said["maxzoom"]))
    tile = tmp_path / f"{x}.pbf"
    tile.write_bytes(data)
    one = pyogrio.read_dataframe(tile, layer="seoul-gu", X=x, Y=y, Z=z)
    assert len(one) >= 1
    assert one["SIG_KOR_NM"].str.endswith("구").all()
    header = header_of(path)
    assert (header["min_zoom"], header["max_zoom"], header["clustered"]) == (said["minzoom"], said["maxzoom"], True)
    assert header["addressed_tiles_count"] == said["tiles"]


def test_the_source_is_kept_as_geoparquet(gu: tuple[Path, dict], shared: Callable[[str], Path]) -> None:
    path = archive(gu[0], "seoul-gu", ".parquet")
    kept = gpd.read_parquet(path)
    truth = gpd.read_file(shared("data/korea_crs/gu_5186_cp949/gu_5186_cp949.shp"), encoding="CP949")
    assert kept.crs.to_epsg() == 5186
    assert list(kept["SIG_KOR_NM"]) == list(truth["SIG_KOR_NM"])
    assert kept.geometry.area.sum() == pytest.approx(truth.geometry.make_valid().area.sum(), rel=1e-9)
    assert "covering" in json.loads(pq.read_metadata(path).metadata[b"geo"])["columns"]["geometry"]
    assert len(gpd.read_parquet(path, bbox=(198000, 551000, 199000, 552000))) < 25


def test_a_bessel_prj_without_name_is_put_right(home: Path, shared: Callable[[str], Path]) -> None:
    said = naru_json(
        "ingest", str(shared("data/seoul_kostat2013_bessel/seoul_municipalities.shp")), "--id", "kostat", home=home
    )["layers"][0]
    assert said["crs"] == "EPSG:5174"
    truth = gpd.read_file(shared("data/seoul_juso2015/seoul_municipalities.shp"), encoding="CP949")
    centres = dict(zip(truth["SIG_KOR_NM"], shapely.centroid(truth.geometry.values), strict=True))
    found = features_at(archive(home, "kostat"), said["maxzoom"], "kostat")
    east, north = [], []
    for pieces in found.values():
        name = next(v for v in pieces[0]["properties"].values() if v in centres)
        here = whole(pieces).centroid
        east.append((here.x - centres[name].x) * DEGREE_M * COS_SEOUL)
        north.append((here.y - centres[name].y) * DEGREE_M)
    assert len(east) == 25
    assert abs(sum(east) / 25) < 60
    assert abs(sum(north) / 25) < 60


def test_a_dry_run_says_the_same_and_publishes_nothing(
    home: Path, shared: Callable[[str], Path], gu: tuple[Path, dict]
) -> None:
    source = str(shared("data/korea_crs/gu_5186_cp949/gu_5186_cp949.shp"))
    said = naru_json("ingest", source, "--id", "seoul-gu", "--dry-run", home=home)["layers"][0]
    assert said == {name: value for name, value in gu[1].items() if name != "version"}
    assert naru_json("layers", "list", home=home) == {"layers": []}
    assert not list((home / "archives").glob("*.*"))
    assert not list((home / "jobs").iterdir())


def test_the_same_file_makes_the_same_bytes(
    home: Path, shared: Callable[[str], Path], gu: tuple[Path, dict]
) -> None:
    naru_json(
        "ingest", str(shared("data/korea_crs/gu_5186_cp949/gu_5186_cp949.shp")), "--id", "seoul-gu", home=home
    )
    assert archive(home, "seoul-gu").name == archive(gu[0], "seoul-gu").name


def test_a_second_file_keeps_what_was_said_of_the_layer(home: Path, tmp_path: Path) -> None:
    file = points(tmp_path / "a.geojson", 3)
    words = ("--id", "sites", "--title", "현장", "--title-en", "Sites", "--function", "basemap")
    naru_json("ingest", str(file), *words, "--visibility", "private", "--licence", "CC0-1.0", home=home)
    second = naru_json("ingest", str(points(tmp_path / "b.geojson", 5)), "--id", "sites", home=home)
    assert second["layers"][0]["version"] == 2
    layer = naru_json("layers", "show", "sites", home=home)
    assert layer["title"] == {"ko": "현장", "en": "Sites"}
    assert (layer["function"], layer["visibility"], layer["licence"]) == ("basemap", "private", "CC0-1.0")
    assert (layer["version"], layer["features"]) == (2, 5)
    assert naru_json("layers", "rollback", "sites", home=home)["version"] == 1
    assert naru_json("layers", "show", "sites", home=home)["features"] == 3


@pytest.mark.parametrize("driver", ["GPKG", "FlatGeobuf", "parquet", "zip"])
def test_other_formats_carry_the_same_layer(
    driver: str, home: Path, tmp_path: Path, shared: Callable[[str], Path]
) -> None:
    source = shared("data/korea_crs/gu_5186_cp949/gu_5186_cp949.shp")
    frame = gpd.read_file(source, encoding="CP949")
    path = tmp_path / f"자치구.{ {'GPKG': 'gpkg', 'FlatGeobuf': 'fgb'}.get(driver, driver) }"
    if driver == "parquet":
        frame.to_parquet(path)
    elif driver == "zip":
        with zipfile.ZipFile(path, "w") as packed:
            for part in source.parent.iterdir():
                packed.write(part, f"자료/{part.name}")
    else:
        frame.to_file(path, driver=driver, engine="pyogrio")
    said = naru_json("ingest", str(path), "--maxzoom", "10", home=home)["layers"][0]
    assert (said["features_read"], said["features_published"], said["crs"]) == (25, 25, "EPSG:5186")
    names = {
        p[0]["properties"]["SIG_KOR_NM"] for p in features_at(archive(home, said["id"]), 10, said["id"]).values()
    }
    assert names == set(frame["SIG_KOR_NM"])


def test_layers_of_one_file_come_out_beside_each_other(home: Path, shared: Callable[[str], Path]) -> None:
    said = naru_json("ingest", str(shared("data/zip_hostile/two_layers.zip")), "--maxzoom", "8", home=home)
    assert [layer["id"] for layer in said["layers"]] == ["two-layers-a", "two-layers-b"]
    assert all(layer["features_published"] == 25 for layer in said["layers"])
    house = House.open(Settings.from_environ({}, home=home))
    one, other = (colour_of(layer.style) for layer in house.catalogue.layers())
    house.close()
    assert one != other


REFUSED = {
    "data/truncated/cut.geojson": "FILE_DAMAGED",
    "data/truncated/html_error_page.geojson": "FORMAT",
    "data/truncated/not_a_shapefile.zip": "ZIP",
    "data/zip_hostile/symlink_to_etc_passwd.zip": "ZIP",
    "data/zip_hostile/bomb_deflate_512m.zip": "TOO_LARGE",
    "data/geojson_made/swapped_latlon.geojson": "CRS_REFUSED",
    "data/gdal_shp/empty.shp": "NO_FEATURES",
}


@pytest.mark.parametrize(("name", "code"), REFUSED.items(), ids=REFUSED)
def test_bad_input_gets_one_line_with_a_remedy_and_changes_nothing(
    name: str, code: str, home: Path, shared: Callable[[str], Path]
) -> None:
    path = shared(name)
    done = naru("ingest", str(path), "--json", home=home)
    assert done.returncode == 1
    error = json.loads(done.stdout)["error"]
    assert list(error) == ["code", "message", "file", "layer", "feature", "field", "remedy"]
    assert error["code"] == code, error
    assert error["file"] == path.name
    assert error["remedy"]
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr
    assert naru_json("layers", "list", home=home) == {"layers": []}
    assert not list((home / "archives" / "incoming").iterdir())
    assert not list((home / "jobs").iterdir())


def test_a_disguised_file_is_not_what_it_says(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "map.geojson"
    path.write_text("<OGRVRTDataSource><OGRVRTLayer name='x'><SrcDataSource>/etc/passwd</SrcDataSource>")
    done = naru("ingest", str(path), "--json", home=home)
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "FORMAT"


def test_a_missing_file_is_said_to_be_missing(home: Path) -> None:
    done = naru("ingest", "nowhere.shp", home=home)
    assert done.returncode == 1
    assert "nowhere.shp" in done.stderr
    assert len(done.stderr.splitlines()) <= 2


def test_a_bad_file_leaves_the_live_layer_as_it_was(
    home: Path, tmp_path: Path, shared: Callable[[str], Path]
) -> None:
    naru_json("ingest", str(points(tmp_path / "a.geojson", 3)), "--id", "sites", home=home)
    before = naru_json("layers", "show", "sites", home=home)
    done = naru("ingest", str(shared("data/truncated/cut.geojson")), "--id", "sites", home=home)
    assert done.returncode == 1
    assert naru_json("layers", "show", "sites", home=home) == before
    assert archive(home, "sites").exists()


def test_one_bad_file_of_several_keeps_no_other_off_the_map(home: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.geojson").write_text("no map")
    files = [points(tmp_path / "a.geojson", 1), tmp_path / "bad.geojson", points(tmp_path / "b.geojson", 1)]
    done = naru("ingest", *map(str, files), "--json", home=home)
    said = json.loads(done.stdout)
    assert done.returncode == 1
    assert [layer["id"] for layer in said["layers"]] == ["a", "b"]
    assert said["errors"] == [said["error"]]
    assert said["error"]["file"] == "bad.geojson"
    assert [line for line in done.stderr.splitlines() if line.startswith("naru:")] == done.stderr.splitlines()


def test_the_progress_bar_shows_names_with_brackets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_bar("하천[/b].shp") as progress:
        progress(0.5, "layer '[/red]'")
    assert "하천[/b].shp" in capsys.readouterr().err


def test_a_full_disk_is_not_the_files_fault(home: Path, tmp_path: Path) -> None:
    naru_json("ingest", str(points(tmp_path / "a.geojson", 3)), home=home)
    words = shlex.join(
        [*NARU, "--home", str(home), "ingest", str(points(tmp_path / "b.geojson", 20_000)), "--json"]
    )
    limited = f"ulimit -f 400; {words}"  # files of 400 KiB at most: the disk refuses as a full one does
    done = subprocess.run(["bash", "-c", limited], env=clean_environ(), capture_output=True, text=True, check=False)
    error = json.loads(done.stdout)["error"]
    assert (error["code"], "naru doctor" in error["remedy"]) == ("STORAGE", True)
    assert [layer["id"] for layer in naru_json("layers", "list", home=home)["layers"]] == ["a"]


def test_an_error_after_reading_still_names_the_users_file(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "pole.geojson"
    path.write_text('{"type": "Point", "coordinates": [10, 87]}')
    error = json.loads(naru("ingest", str(path), "--json", home=home).stdout)["error"]
    assert (error["code"], error["file"]) == ("NO_FEATURES", "pole.geojson")


def test_a_title_in_another_encoding_is_understood(home: Path, tmp_path: Path) -> None:
    title = os.fsdecode("하천 정비".encode("cp949"))
    naru_json("ingest", str(points(tmp_path / "a.geojson", 1)), "--title", title, home=home)
    assert naru_json("layers", "show", "a", home=home)["title"]["ko"] == "하천 정비"


@pytest.mark.parametrize(
    "words",
    [
        ("--id", "Seoul Gu"),
        ("--id", "../x"),
        ("--visibility", "secret"),
        ("--visibility", "group:"),
        ("--crs", "http://example.org"),
        ("--encoding", "klingon"),
    ],
)
def test_options_that_cannot_be_are_refused_with_a_remedy(
    words: tuple[str, ...], home: Path, tmp_path: Path
) -> None:
    done = naru("ingest", str(points(tmp_path / "a.geojson", 1)), *words, "--json", home=home)
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["remedy"]


@pytest.mark.parametrize("words", [(), ("a", "b", "--id", "x"), ("a", "--minzoom", "9", "--maxzoom", "3")])
def test_wrong_use_exits_with_two(words: tuple[str, ...], home: Path) -> None:
    assert naru("ingest", *words, home=home).returncode == 2


def test_a_job_cancelled_at_the_last_moment_publishes_nothing(home: Path, tmp_path: Path) -> None:
    house = House.open(Settings.from_environ({}, home=home))
    job = house.jobs.submit("ingest", {}, claim_as="me")

    def cancel_late(fraction: float, _message: str) -> None:
        if fraction == 1.0:  # all that is left to do is the transaction
            house.jobs.cancel(job.id)

    file = points(tmp_path / "sites.geojson", 3)
    with pytest.raises(JobLost):
        ingest_file(house, file, IngestOptions(), tmp_path / "work", cancel_late, job=job)
    assert house.catalogue.layers() == []
    house.close()


def test_a_folder_is_a_shapefile(home: Path, tmp_path: Path, shared: Callable[[str], Path]) -> None:
    folder = tmp_path / "행정구역"
    shutil.copytree(shared("data/korea_crs/gu_5186_cp949"), folder)
    said = naru_json("ingest", str(folder), "--maxzoom", "8", home=home)
    assert said["layers"][0]["features_published"] == 25


def points(path: Path, count: int) -> Path:
    """Write `count` points in Seoul as GeoJSON."""
    features = [
        {
            "type": "Feature",
            "properties": {"이름": f"지점 {n}", "n": n},
            "geometry": {"type": "Point", "coordinates": [126.9 + n / 100, 37.5 + n / 200]},
        }
        for n in range(count)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False))
    return path
