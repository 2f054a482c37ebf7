"""`naru twin mesh` from outside: what it attaches, what it says, what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydelatin
import pytest
import rasterio
from affine import Affine

from naru.house import House
from naru.pmtiles import PMTilesReader, mapped
from naru.settings import Settings
from naru.work import run_job
from tests import meshes, rasters
from tests.commands import naru_here, naru_here_json
from tests.rasters import Scene, publish_raster
from twin.mesh.archive import MeshOptions, plan_of
from twin.mesh.heights import Heights
from twin.mesh.tiles import nodes_of
from twin.mesh.triangulate import triangulate
from twin.mesh.undulation import stated
from twin.mesh_command import run_mesh_handler


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house with a layer of heights and one of pictures."""
    opened = House.open(Settings.from_environ({}, home=tmp_path / "home"))
    publish_raster(opened, Scene("hills", "hills"))
    publish_raster(opened, Scene("photo", "photo"))
    yield opened
    opened.close()


def home(house: House) -> Path:
    """Return the folder of the house."""
    return house.settings.home


def test_mesh_is_attached_to_the_live_version(house: House) -> None:
    told = naru_here_json("twin", "mesh", "hills", "--geoid-undulation", "23.1", home=home(house))
    assert (told["layer"], told["version"], told["format"]) == ("hills", 1, "quantized-mesh-1.0")
    mesh = house.catalogue.layer("hills").live.assets["mesh"]
    assert mesh.archive.suffix == ".pmtiles" and mesh.about["geoid_undulation_m"] == 23.1
    assert mesh.about["vertical_datum"] == "KVD1964" and mesh.about["extensions"] == ["octvertexnormals"]
    reader = PMTilesReader(mapped(house.storage.path(mesh.archive)))
    assert reader.header.tile_type == 0 and (reader.header.minzoom, reader.header.maxzoom) == (1, 14)
    assert reader.metadata["tile_matrix_set"] == "WorldCRS84Quad"
    tile = meshes.decode(reader.get(14, 13968, 2**13 - 1 - 5805) or b"")
    assert tile.height.min() > 20 + 23 and tile.height.max() < 181 + 24
    house.storage.verify(mesh.archive)


def test_second_mesh_takes_the_place_of_the_first(house: House) -> None:
    for metres in ("0", "23.1"):
        naru_here_json("twin", "mesh", "hills", "--max-error", "2", "--geoid-undulation", metres, home=home(house))
    live = house.catalogue.layer("hills").live
    assert live.number == 1 and live.assets["mesh"].about["geoid_undulation_m"] == 23.1


def test_without_a_geoid_heights_stay_and_that_is_said(house: House) -> None:
    done = naru_here("twin", "mesh", "hills", "--max-error", "2", home=home(house))
    assert done.returncode == 0 and "as if the ellipsoid were its zero" in done.stdout
    about = house.catalogue.layer("hills").live.assets["mesh"].about
    assert about["geoid_undulation_m"] == 0 and about["warnings"]


def test_geoid_grid_is_read_from_a_file(house: House, tmp_path: Path) -> None:
    grid = tmp_path / "geoid.tif"
    place = {"crs": "EPSG:4326", "transform": Affine(0.1, 0, 126.5, 0, -0.1, 38.0)}
    with rasterio.open(grid, "w", driver="GTiff", width=12, height=8, count=1, dtype="float32", **place) as out:
        out.write(np.full((8, 12), 23.4, "f4"), 1)
    told = naru_here_json("twin", "mesh", "hills", "--max-error", "2", "--geoid", str(grid), home=home(house))
    assert told["geoid_undulation_m"] == pytest.approx(23.4, abs=1e-3) and "geoid.tif" in told["geoid"]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("nowhere",), "LAYER_NOT_FOUND", "no layer 'nowhere'"),
        (("photo",), "BAD_INPUT", "only heights make a mesh"),
        (("hills", "--maxzoom", "19"), "OPTION", "finer than the layer"),
        (("hills", "--max-error", "0.001"), "OPTION", "less than the format can keep"),
        (("hills", "--geoid", "/nowhere.tif"), "DATUM", "cannot be read"),
        (("hills", "--geoid", "proj", "--geoid-undulation", "1"), "OPTION", "twice"),
    ],
)
def test_what_cannot_be_is_said_in_a_line_and_nothing_is_attached(
    house: House, words: tuple[str, ...], code: str, says: str
) -> None:
    done = naru_here("twin", "mesh", *words, "--json", home=home(house))
    error = json.loads(done.stdout)["error"]
    assert done.returncode == 1 and error["code"].startswith(code) and error["remedy"]
    assert says in done.stderr and done.stderr.count("\n") == 1
    assert not house.catalogue.layer("hills").live.assets


def test_worker_takes_a_mesh_that_was_left_to_it(house: House) -> None:
    told = naru_here_json("twin", "mesh", "hills", "--max-error", "2", "--queue", home=home(house))
    job = house.jobs.claim("a worker")
    assert job is not None and (job.id, job.kind) == (told["jobs"][0]["id"], "mesh")
    run_job(house, job, run_mesh_handler)
    assert house.jobs.job(job.id).state == "done"
    assert "mesh" in house.catalogue.layer("hills").live.assets
    assert not (home(house) / "jobs" / job.id).exists()


def test_as_few_triangles_as_pydelatin(tmp_path: Path) -> None:
    cog = rasters.write_cog(tmp_path / "hills.tif", rasters.hills()[None], nodata=rasters.NODATA)
    plan = plan_of(MeshOptions(), 13, stated(0.0), (20.0, 180.0))
    with Heights(cog) as heights:
        nodes = nodes_of(heights, plan, (13, 13968, 2**13 - 1 - 5805))
    ours = len(triangulate(nodes, 0.5).corners)
    theirs = len(pydelatin.Delatin(nodes.true.astype("f4"), max_error=0.5).triangles)
    assert ours <= 1.1 * theirs
