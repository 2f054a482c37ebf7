"""`naru twin models`: attached to what is live, or refused in words with nothing changed."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from naru.house import House
from naru.records import Asset
from naru.settings import Settings
from tests.commands import naru_here, naru_here_json
from tests.tiles3d_checks import Glb, check_archive


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Publish houses and the ground under them; return the home."""
    folder = tmp_path_factory.mktemp("town")
    houses = [_house(n) for n in range(20)]
    (folder / "houses.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": houses}))
    points = [{**h, "geometry": {"type": "Point", "coordinates": [127.0, 37.5]}} for h in houses[:2]]
    (folder / "points.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": points}))
    place = {"crs": "EPSG:4326", "transform": rasterio.Affine(1e-4, 0, 126.999, 0, -1e-4, 37.505)}
    profile = {"driver": "GTiff", "width": 80, "height": 80, "count": 1, "dtype": "float32"}
    with rasterio.open(folder / "ground.tif", "w", **profile, **place) as raster:
        raster.write(np.full((80, 80), 12.0, "float32"), 1)
    home = folder / "home"
    words = ["--id", "houses", "--title", "가상 건물", "--grids", "web"]
    naru_here_json("ingest", str(folder / "houses.geojson"), *words, home=home)
    naru_here_json("ingest", str(folder / "points.geojson"), "--id", "points", "--grids", "web", home=home)
    naru_here_json("ingest", str(folder / "ground.tif"), "--id", "ground", "--kind", "elevation", home=home)
    return home


@pytest.fixture
def house(town: Path) -> Iterator[House]:
    opened = House.open(Settings.from_environ({}, home=town))
    yield opened
    opened.close()


def _house(number: int) -> dict[str, Any]:
    west, south = 127.0 + 0.0003 * (number % 5), 37.5 + 0.0003 * (number // 5)
    ring = [(0, 0), (1.5e-4, 0), (1.5e-4, 1e-4), (0, 1e-4), (0, 0)]
    shape = {"type": "Polygon", "coordinates": [[[west + x, south + y] for x, y in ring]]}
    return {"type": "Feature", "geometry": shape, "properties": {"이름": f"집 {number}", "floors": number % 6 + 1}}


def _models(house: House) -> Asset | None:
    return house.catalogue.layer("houses").live.assets.get("models")


def test_models_are_attached_to_the_live_version(town: Path, house: House) -> None:
    words = ("twin", "models", "houses", "--terrain", "ground", "--geoid-undulation", "23.1")
    made = naru_here_json(*words, home=town)
    assert (made["features"], made["height_sources"], made["warnings"]) == (20, {"floors": 20}, [])
    assert (made["terrain"], made["vertical_datum"], made["geoid_undulation_m"]) == ("ground", "KVD1964", 23.1)
    asset = _models(house)
    assert asset is not None
    path = house.storage.path(asset.archive)
    assert (path.suffix, check_archive(path)) == (".3tz", [])
    with zipfile.ZipFile(path) as archive:
        tileset = json.loads(archive.read("tileset.json"))
        rows = Glb(archive.read("tiles/0.glb")).table()
    assert tileset["metadata"]["properties"] == {"name": "가상 건물"}
    assert rows[4] == {
        **{"feature": 5, "height_m": 15.0, "height_source": "floors", "ground_m": 12.0, "ground_source": "terrain"},
        **{"name": "집 4", "floors": 5},
    }
    assert {name: asset.about[name] for name in ("features", "classes")} == {
        "features": 20,
        "classes": ["building"],
    }
    again = naru_here_json(*words, "--closed", home=town)
    assert again["bytes"] > made["bytes"]
    assert _models(house) != asset


def test_without_a_word_of_the_geoid_that_is_warned_of(town: Path) -> None:
    made = naru_here_json("twin", "models", "houses", home=town)
    assert made["geoid_undulation_m"] == 0.0
    assert "nothing is known of the geoid" in made["warnings"][0]


def test_models_stand_as_high_as_the_mesh_of_their_terrain(town: Path, house: House, tmp_path: Path) -> None:
    live = house.catalogue.layer("ground").live
    (tmp_path / "mesh.pmtiles").write_bytes(b"mesh")
    mesh = Asset("mesh", house.storage.put(tmp_path / "mesh.pmtiles"), {"geoid_undulation_m": 22.5})
    house.catalogue.attach("ground", live.number, [mesh], lambda _connection: None)
    made = naru_here_json("twin", "models", "houses", "--terrain", "ground", home=town)
    assert (made["geoid_undulation_m"], made["warnings"]) == (22.5, [])
    off = ("--geoid-undulation", "24")
    warned = naru_here_json("twin", "models", "houses", "--terrain", "ground", *off, home=town)
    assert warned["warnings"] == ["the mesh of the terrain stands on 22.5 m: the models are 1.50 m off it"]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["nowhere"], "LAYER_NOT_FOUND", "no layer 'nowhere'"),
        (["points"], "MODELS", "made of polygons, and these are Point"),
        (["ground"], "MODELS", "holds no features"),
        (["houses", "--height", "높이"], "MODELS", "no field '높이'"),
        (["houses", "--terrain", "points"], "MODELS", "no heights to stand on"),
        (["houses", "--geoid-undulation", "23", "--geoid", "proj"], "OPTION", "say the same thing twice"),
        (["houses", "--geoid", "nowhere.tif"], "DATUM", "cannot be read"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changes(
    town: Path, house: House, words: list[str], code: str, told: str
) -> None:
    before = _models(house)
    done = naru_here("twin", "models", *words, "--json", home=town)
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["code"]) == (1, code)
    assert told in error["message"]
    assert error["remedy"]
    assert _models(house) == before


def test_a_job_that_waits_is_run_by_a_worker(town: Path, house: House) -> None:
    queued = naru_here_json("twin", "models", "houses", "--queue", home=town)["jobs"][0]
    from naru.work import run_job
    from twin.models_command import run_models_handler

    job = house.jobs.claim("test")
    assert job is not None
    assert (job.id, job.kind) == (queued["id"], "models")
    assert run_job(house, job, run_models_handler)["features"] == 20
    assert house.jobs.job(job.id).state == "done"


def test_people_are_told_what_was_made(town: Path) -> None:
    done = naru_here("twin", "models", "houses", "--ground", "30", home=town)
    assert "houses has models (version 1): 20 features in 1 tiles" in done.stdout
    assert "from 30 to 48 m" in done.stdout
    assert "height: 20 by their floors" in done.stdout


def test_a_terrains_own_grid_goes_before_its_pictures(town: Path, house: House, tmp_path: Path) -> None:
    place = {"crs": "EPSG:4326", "transform": rasterio.Affine(2e-5, 0, 126.999, 0, -2e-5, 37.505)}
    profile = {"driver": "GTiff", "width": 400, "height": 400, "count": 2, "dtype": "float32", "nodata": np.nan}
    bed, provenance = np.full((400, 400), 17.0, "float32"), np.zeros((400, 400), "float32")
    bed[249, 50:54], provenance[249, 50:54] = 3.0, 5.0  # within the first house: raised, so no ground
    with rasterio.open(tmp_path / "grid.tif", "w", **profile, **place) as raster:
        raster.write(np.stack([bed, provenance]))
    about = {"bands": ["bed_elevation", "provenance"], "vertical_datum": "KVD1964"}
    grid = Asset("grid", house.storage.put(tmp_path / "grid.tif"), about)
    live = house.catalogue.layer("ground").live
    house.catalogue.attach("ground", live.number, [grid], lambda _connection: None)
    made = naru_here_json(
        "twin", "models", "houses", "--terrain", "ground", "--geoid-undulation", "22.5", home=town
    )
    assert made["height_range_m"] == [17.0, 35.0]
