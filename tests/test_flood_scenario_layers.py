"""Scenarios over layers of a house, and over the public cases where their files are at hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from naru.errors import NaruError
from naru.house import House
from tests.exporting import make_layer, open_house
from tests.flood_scenarios import NORTH, WEST, mapping, write_raster
from tests.rasters import Scene, publish_raster
from tests.terrains import attach
from twin.crs import Mover
from twin.scenario.assemble import assemble
from twin.scenario.read import read_mapping
from twin.scenario.records import Assembled

SHARED = Path(__file__).parent.parent.parent / "shared"
MEREWETHER = SHARED / "data" / "dem_merewether"
FLOODS = SHARED / "flood"
needs_cases = pytest.mark.skipif(not FLOODS.is_dir(), reason="the public flood cases are not beside the repository")
needs_merewether = pytest.mark.skipif(not MEREWETHER.is_dir(), reason="Merewether is not beside the repository")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house with a river, its hills and its buildings."""
    home = tmp_path_factory.mktemp("home")
    opened = open_house(home)
    publish_raster(opened, Scene("hills", kind="hills"))
    publish_raster(opened, Scene("river", kind="hills"))
    bands = ("bed_elevation", "water_depth", "manning_n", "provenance")
    ones = np.ones((10, 15))
    stack = np.stack([3 * ones, 0.5 * ones, 0.05 * ones, ones])
    grid = write_raster(home / "grid.tif", stack, bands=bands)
    attach(opened, "river", {"grid": (grid, {"bands": list(bands), "vertical_datum": "EGM96"})})
    corners = np.array([[4.0, 8], [8, 8], [8, 4], [4, 4]])
    lon, lat = Mover("EPSG:5186", "EPSG:4326", "")(WEST + corners[:, 0], NORTH - corners[:, 1])
    make_layer(opened, "houses", [shapely.Polygon(np.column_stack([lon, lat]))], {"높이": [6.0]})
    yield opened
    opened.close()


def made(house: House, **fields: Any) -> Assembled:
    return assemble(read_mapping(mapping(**fields), house.settings.home / "scenario.yaml"), house)


def test_a_river_s_terrain_runs_on_its_own_grid_with_its_own_roughness_and_water(house: House) -> None:
    assembled = made(house, terrain="river", manning_n=None, initial="terrain")
    domain = assembled.domain
    assert (domain.frame.crs, domain.frame.cell_m, domain.bed.shape) == ("EPSG:5186", 2.0, (10, 15))
    assert domain.vertical_datum == "EGM96"
    assert np.all(domain.bed == 3)
    assert np.allclose(domain.manning_n, 0.05)
    assert np.all(assembled.depth == 0.5)
    told = {item["role"]: item for item in assembled.inputs}
    assert (told["terrain"]["layer"], told["terrain"]["version"]) == ("river", 1)
    assert told["manning_n"]["value"] == "the terrain's own"


def test_a_band_of_a_layer_is_found_by_its_name(house: House) -> None:
    initial = {"depth_m": {"layer": "river", "band": "water_depth"}}
    assert np.all(made(house, terrain="river", initial=initial).depth == 0.5)
    with pytest.raises(NaruError) as caught:
        made(house, terrain="river", initial={"depth_m": {"layer": "river", "band": "snow"}})
    assert caught.value.field == "band"
    assert "water_depth" in caught.value.remedy


def test_a_layer_of_heights_is_brought_into_metres_of_the_place(house: House) -> None:
    assembled = made(house, terrain="hills", domain={"cell_m": 20})
    assert assembled.domain.frame.crs == "EPSG:5186"
    assert assembled.domain.active.mean() > 0.5
    assert any("Web Mercator" in text for text in assembled.warnings)


def test_buildings_of_a_layer_have_their_own_height(house: House) -> None:
    domain = made(house, terrain="river", buildings={"layer": "houses", "as": "raise"}).domain
    assert np.allclose(domain.bed[2:4, 2:4], 9.0)
    assert (domain.bed > 3).sum() == 4


def test_layers_of_another_kind_are_refused(house: House) -> None:
    for fields in ({"terrain": "houses"}, {"terrain": "river", "buildings": {"layer": "river", "as": "block"}}):
        with pytest.raises(NaruError) as caught:
            made(house, **fields)
        assert caught.value.code == "SPEC"
        assert caught.value.layer in ("houses", "river")


# --- public cases -------------------------------------------------------------------------------------


def case(**fields: Any) -> Assembled:
    return assemble(read_mapping(mapping(**fields), SHARED / "scenario.yaml"), None)


@needs_cases
def test_three_humps_begin_behind_the_dam() -> None:
    humps = FLOODS / "three_humps"
    assembled = case(terrain=str(humps / "humps.dem"), initial={"depth_m": str(humps / "humps_db_orig.wd")})
    assert assembled.domain.bed.shape == (30, 75)
    stage = (assembled.depth + assembled.domain.bed)[assembled.depth > 0]
    assert stage.size > 400
    assert np.isclose(stage, 1.875, rtol=0, atol=1e-3).mean() > 0.9  # the dam's own column is half full in the file


@needs_cases
def test_the_25_blocks_are_read_through_gzip() -> None:
    blocks = FLOODS / "blocks25"
    depth = {"depth_m": str(blocks / "25_blocks.start.raw.gz")}
    assembled = case(terrain=str(blocks / "25_blocks.dem.raw.gz"), initial=depth)
    assert (assembled.domain.bed.shape, assembled.domain.frame.cell_m) == ((180, 1790), 0.02)
    assert assembled.depth.max() == pytest.approx(0.4)


@needs_cases
def test_rain_on_newcastle_is_read_from_an_erdas_grid() -> None:
    rain = FLOODS / "newcastle_rain"
    assembled = case(
        terrain=str(rain / "NewcastleCentreDEM_2m.img"),
        rain={"hyetograph": str(rain / "rainfall.csv"), "interpolation": "linear"},
        infiltration={"method": "none", "drain_loss_mm_h": 12},
        gauges=[{"name": "a", "at": [-1.6130, 54.982]}],
        duration_s=7200,
    )
    assert assembled.domain.frame.crs == "EPSG:27700"
    assert assembled.domain.bed.shape == (195, 342)
    assert len(assembled.actors) == 1


@needs_merewether
def test_merewether_comes_from_a_zip_and_tables_of_vertices() -> None:
    assembled = case(
        terrain={"file": str(MEREWETHER / "topography1.zip"), "crs": "EPSG:32756"},
        domain={"polygon": str(MEREWETHER / "extent.csv")},
        manning_n={"default": 0.04, "areas": [{"file": str(MEREWETHER / "Road" / "RoadPolygon.csv"), "n": 0.02}]},
        buildings={"file": str(MEREWETHER / "houses"), "as": "block"},
        inflows=[{"name": "culvert", "at": [382265, 6354280], "radius_m": 10, "discharge_m3_s": 19.7}],
        boundaries=[{"edge": "north", "type": "open"}, {"edge": "east", "type": "open"}],
        gauges={"file": str(MEREWETHER / "Observations" / "ObservationPoints.csv"), "name": "ID"},
    )
    domain = assembled.domain
    assert domain.bed.shape == (416, 321)
    assert 0.9 < domain.active.mean() < 0.999
    assert set(np.unique(domain.manning_n)) == {np.float32(0.02), np.float32(0.04)}
    assert sorted(gauge.name for gauge in assembled.gauges) == ["0", "1", "2", "3", "4"]
    assert assembled.boundary.names == ("north", "east")
