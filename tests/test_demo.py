"""`naru demo` from outside: it ingests the sample city, makes a key, and can be run twice."""

from __future__ import annotations

import json
import re
import shutil
import socket
from pathlib import Path

import pytest

from naru.house import House
from naru.settings import Settings
from sample_data.city import CITY
from tests.conftest import naru, naru_json
from twin.facilities.reading import read_facilities
from twin.facilities.writing import to_dict

pytestmark = pytest.mark.timeout(600)  # two demos, perhaps beside other work


@pytest.fixture(scope="module")
def twice(demo: tuple[Path, dict], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict, str]:
    """A home after two demos: the first with --json (in a copy of its home), the second for people."""
    home, first = tmp_path_factory.mktemp("twice") / "home", demo[1]
    house = House.open(Settings.from_environ({}, home=demo[0]))
    with house.database.write():  # nobody writes while it is copied
        shutil.copytree(demo[0], home)
    house.close()
    second = naru("demo", "--home", str(home), "--no-serve", "--quick", home=home)
    assert second.returncode == 0, second.stderr
    return home, first, second.stdout


STORM = {f"sample-river-storm-{what}" for what in ("depth", "max-depth", "max-velocity", "max-hazard")}
STORM |= {"sample-river-storm-arrival", "sample-river-storm-duration"}
RIVER = {"sample-river", "sample-river-depth", "sample-river-roughness", "sample-river-provenance"}


def test_demo_ingests_every_file_of_the_city(twice: tuple[Path, dict, str]) -> None:
    _, first, _ = twice
    city = [layer for layer in first["layers"] if not layer["id"].startswith("sample-river")]
    assert {layer["file"] for layer in city} == {path.name for path in _files(twice[0])}
    assert {layer["id"]: layer["features_published"] for layer in city} == {
        "seoul-gu": 25,
        "seoul-dong": 467,
        "seoul-living-areas": 25,
        "han-bridges": 29,
        "han-gauges": 9,
        "han-weirs": 2,
    }
    assert not any(layer["features_dropped"] for layer in first["layers"])


def test_demo_builds_the_sample_river_and_calls_it_made_up(twice: tuple[Path, dict, str]) -> None:
    river = {layer["id"]: layer for layer in twice[1]["layers"] if layer["id"].startswith("sample-river")}
    assert river.keys() == RIVER | {"sample-river-facilities", "sample-river-buildings"} | STORM
    assert "sample-river-storm-max-depth" in twice[1]["river"]
    assert all("가상" in layer["title"]["ko"] for layer in river.values())
    assert all("synthetic" in layer["title"]["en"].lower() for layer in river.values())
    assert river["sample-river-facilities"]["features_published"] == 15
    house = House.open(Settings.from_environ({}, home=twice[0]))
    assets = {name: set(house.catalogue.layer(name).live.assets) for name in river}
    house.close()
    assert assets["sample-river"] >= {"grid", "river", "bed.glb", "bed.xml"}
    assert assets["sample-river-facilities"] == {"facilities", "models"}
    assert assets["sample-river-buildings"] == {"models"}


def test_facilities_of_the_demo_are_those_of_the_file(twice: tuple[Path, dict, str]) -> None:
    house = House.open(Settings.from_environ({}, home=twice[0]))
    asset = house.catalogue.layer("sample-river-facilities").live.assets["facilities"]
    published = json.loads(house.storage.path(asset.archive).read_text(encoding="utf-8"))
    house.close()
    given = read_facilities(twice[0] / "sample" / "river" / "facilities.csv")
    assert published == json.loads(json.dumps(to_dict(given)))
    assert asset.about["facilities"] == len(given.all)
    assert asset.about["terrain"] == "sample-river"


def test_demo_finds_the_old_shapefiles_datum_and_encoding(twice: tuple[Path, dict, str]) -> None:
    gu = next(layer for layer in twice[1]["layers"] if layer["id"] == "seoul-gu")
    assert gu["crs"] == "EPSG:5174"
    assert gu["crs_how"]
    assert gu["encoding"].upper() == "CP949"
    assert gu["encoding_how"]
    # the boxes of features turn a little between the two grids (20 m); without the datum it would be 360 m
    assert gu["bounds"] == pytest.approx([126.76448, 37.42830, 127.18379, 37.70146], abs=2e-4)


def test_catalogue_has_titles_functions_and_rights(twice: tuple[Path, dict, str]) -> None:
    layers = {layer["id"]: layer for layer in naru_json("layers", "list", home=twice[0])["layers"]}
    for sample in CITY:
        layer = layers[sample.id]
        assert layer["title"] == {"ko": sample.title_ko, "en": sample.title_en}
        assert layer["function"] == sample.function
        assert layer["attribution"] == sample.attribution
        assert layer["licence"] == sample.licence
        assert layer["visibility"] == "public"


def test_second_demo_makes_second_versions_and_a_second_key(twice: tuple[Path, dict, str]) -> None:
    layers = naru_json("layers", "list", home=twice[0])["layers"]
    assert {layer["version"] for layer in layers} == {2}
    keys = [k for k in naru_json("keys", "list", home=twice[0])["keys"] if k["name"] == "demo"]
    assert len(keys) == 2
    assert {tuple(key["functions"]) for key in keys} == {("basemap", "common", "content", "twin")}


def test_demo_tells_people_where_to_look(twice: tuple[Path, dict, str]) -> None:
    text = twice[2]
    assert "서울 자치구" in text
    assert "EPSG:5174" in text
    assert "http://127.0.0.1:8000/" in text
    assert re.search(r"curl .*nru_\w+.*/tiles/seoul-gu/12/3492/1586\.mvt", text)


def test_json_names_the_key_and_a_tile_of_city_hall(twice: tuple[Path, dict, str]) -> None:
    first = twice[1]
    assert first["key"].startswith("nru_")
    assert first["viewer"] == "http://127.0.0.1:8123/"
    assert first["curl"].endswith(
        f"'X-API-Key: {first['key']}' {first['viewer']}tiles/seoul-gu/12/3492/1586.mvt -o tile.mvt"
    )


def test_home_that_cannot_be_written_is_one_line_and_exit_1(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = naru("demo", "--home", str(tmp_path / "file"), "--no-serve", "--json", home=tmp_path / "home")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] in {"SAMPLE", "STORAGE"}
    assert done.stderr.count("\n") == 1


def test_port_that_is_taken_is_said_before_the_work(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = naru("demo", "--home", str(tmp_path), "--port", port, "--json", home=tmp_path)
    error = json.loads(done.stdout)["error"]
    assert done.returncode == 1
    assert error["code"] == "SAMPLE"
    assert "--port" in error["remedy"]
    assert not (tmp_path / "sample").exists()


def test_step_that_fails_is_named_with_its_remedy(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "catalog.sqlite").write_bytes(b"this is no database at all, only text" * 200)
    done = naru("demo", "--home", str(home), "--no-serve", "--quick", "--json", home=home)
    error = json.loads(done.stdout)["error"]
    assert done.returncode == 1
    assert error["code"] == "SAMPLE"
    assert "naru ingest" in error["message"]
    assert error["remedy"]


def _files(home: Path) -> list[Path]:
    return [p for p in (home / "sample").iterdir() if p.suffix in (".shp", ".geojson", ".kml")]
