"""Where a scenario's numbers lie; gauges and flow sections on the cells; what went in."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naru.errors import NaruError
from tests.flood_scenarios import NORTH, WEST, made, plain
from twin.crs import Mover
from twin.grid import Frame
from twin.scenario.measuring import crossed_faces


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a slope of 20 × 30 cells of 2 m."""
    plain(tmp_path)
    return tmp_path


def lonlat(x: float, y: float) -> list[float]:
    lon, lat = Mover("EPSG:5186", "EPSG:4326", "")(np.array([x]), np.array([y]))
    return [float(lon[0]), float(lat[0])]


def refused(folder: Path, **fields: Any) -> NaruError:
    with pytest.raises(NaruError) as caught:
        made(folder, **fields)
    return caught.value


@pytest.mark.parametrize("mode", ["auto", "terrain"])
def test_a_gauge_may_stand_in_the_terrain_s_coordinates(folder: Path, mode: str) -> None:
    (gauge,) = made(folder, gauges=[{"name": "a", "at": [WEST + 5, NORTH - 3]}], coordinates=mode).gauges
    assert (gauge.name, gauge.x, gauge.y, gauge.cell) == ("a", WEST + 5, NORTH - 3, 1 * 30 + 2)


@pytest.mark.parametrize("mode", ["auto", "lonlat"])
def test_a_gauge_may_stand_in_longitude_and_latitude(folder: Path, mode: str) -> None:
    at = lonlat(WEST + 5, NORTH - 3)
    (gauge,) = made(folder, gauges=[{"name": "a", "at": at}], coordinates=mode).gauges
    assert gauge.cell == 32
    assert (gauge.x, gauge.y) == pytest.approx((WEST + 5, NORTH - 3), abs=1e-4)


def test_a_gauge_may_stand_in_a_system_that_is_named(folder: Path) -> None:
    x, y = Mover("EPSG:5186", "EPSG:5179", "")(np.array([WEST + 5]), np.array([NORTH - 3]))
    (gauge,) = made(folder, gauges=[{"name": "a", "at": [x[0], y[0]]}], coordinates="EPSG:5179").gauges
    assert gauge.cell == 32


def test_small_numbers_of_a_terrain_that_begins_at_nought_are_its_own(tmp_path: Path) -> None:
    grid = "ncols 60\nnrows 40\nxllcorner 0\nyllcorner 0\ncellsize 1\n" + ("1 " * 60 + "\n") * 40
    (tmp_path / "dem.asc").write_text(grid)
    terrain = {"file": "dem.asc", "crs": "EPSG:5186"}
    gauges = [{"name": name, "at": [20, 30]} for name in "abc"]
    assembled = made(tmp_path, terrain=terrain, gauges=gauges)
    assert assembled.gauges[2].cell == 10 * 60 + 20
    assert sum("could be longitude and latitude" in text for text in assembled.warnings) == 1, "not of each gauge"
    bare = made(tmp_path, terrain="dem.asc", gauges=[{"name": "a", "at": [20, 30]}])
    assert not bare.warnings


def test_an_area_drawn_larger_than_a_flume_is_the_flume_s(tmp_path: Path) -> None:
    grid = "ncols 60\nnrows 40\nxllcorner 0\nyllcorner 0\ncellsize 0.1\n" + ("0 " * 60 + "\n") * 40
    (tmp_path / "flume.asc").write_text(grid)
    reservoir = [[-1, -1], [3, -1], [3, 9], [-1, 9]]  # no corner on the terrain
    assembled = made(
        tmp_path,
        terrain={"file": "flume.asc", "crs": "EPSG:5186"},
        initial={"areas": [{"polygon": reservoir, "depth_m": 0.4}]},
        domain={"bbox": [-1, -1, 7, 5]},
    )
    assert assembled.depth.shape == (40, 60)
    assert (assembled.depth > 0).sum() == 40 * 30
    assert any("could be longitude and latitude" in text for text in assembled.warnings)


def test_a_gauge_outside_is_named_with_where_the_domain_lies(folder: Path) -> None:
    error = refused(folder, gauges=[{"name": "in", "at": [WEST, NORTH]}, {"name": "out", "at": [WEST - 1, NORTH]}])
    assert (error.feature, error.field) == ("out", "gauges[1].at")
    assert "200000 to 200060" in error.remedy


def test_a_gauge_in_a_building_is_taken_with_a_warning(folder: Path) -> None:
    ring = [[WEST, NORTH], [WEST + 4, NORTH], [WEST + 4, NORTH - 4], [WEST, NORTH - 4]]
    house = {"polygons": ring, "as": "block"}
    assembled = made(folder, buildings=house, gauges=[{"name": "a", "at": [WEST + 1, NORTH - 1]}])
    assert assembled.gauges[0].cell == 0
    assert any("gauge 'a'" in text for text in assembled.warnings)


def test_gauges_come_from_a_table(folder: Path) -> None:
    (folder / "g.csv").write_text(f"x, y, ID, stage\n{WEST + 5},{NORTH - 3},4,2\n{WEST + 7},{NORTH - 3},3,2\n")
    assert [(g.name, g.cell) for g in made(folder, gauges="g.csv").gauges] == [("4", 32), ("3", 33)]
    (folder / "twice.csv").write_text(f"x,y,name\n{WEST},{NORTH},a\n{WEST},{NORTH},a\n")
    assert refused(folder, gauges="twice.csv").feature == "a"


def test_gauges_come_from_geojson(folder: Path) -> None:
    at = {"type": "Point", "coordinates": lonlat(WEST + 5, NORTH - 3)}
    feature = {"type": "Feature", "properties": {"name": "다리"}, "geometry": at}
    (folder / "g.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    assert [(g.name, g.cell) for g in made(folder, gauges="g.geojson").gauges] == [("다리", 32)]


# --- sections -----------------------------------------------------------------------------------------


def test_a_section_from_left_to_right_bank_counts_downstream_positive(folder: Path) -> None:
    across = [[WEST + 20, NORTH], [WEST + 20, NORTH - 40]]  # the slope falls eastwards: the left bank is north
    (section,) = made(folder, sections=[{"name": "s", "line": across}]).sections
    assert section.x_faces.tolist() == [row * 31 + 10 for row in range(20)]
    assert set(section.x_signs) == {1.0}
    assert not section.y_faces.size


def test_a_section_that_crosses_no_face_is_named(folder: Path) -> None:
    line = [[WEST + 20.1, NORTH - 9.9], [WEST + 20.2, NORTH - 9.8]]
    assert refused(folder, sections=[{"name": "s", "line": line}]).feature == "s"


POINTS = st.tuples(st.floats(0.2, 11.8), st.floats(0.2, 7.8))


@given(POINTS, POINTS)
def test_a_uniform_flow_through_a_section_is_its_width_times_the_flow(
    start: tuple[float, float], end: tuple[float, float]
) -> None:
    frame = Frame(0.0, 8.0, 1.0, 8, 12, "")
    section = crossed_faces("s", np.array([start, end]), frame)
    corners = np.array([[np.floor(x + 0.5), 8 - np.floor(8.5 - y)] for x, y in (start, end)])
    across, along = corners[1] - corners[0]
    # through a staircase between two corners passes what passes through the straight line between them
    assert section.x_signs.sum() == -along  # eastward flow of 1 m²/s, towards the left-hand side
    assert section.y_signs.sum() == -across  # southward flow of 1 m²/s
    assert len(np.unique(section.x_faces)) == len(section.x_faces)


@given(st.lists(POINTS, min_size=3, max_size=6))
def test_what_comes_into_a_closed_section_leaves_it(ring: list[tuple[float, float]]) -> None:
    frame = Frame(0.0, 8.0, 1.0, 8, 12, "")
    section = crossed_faces("s", np.array([*ring, ring[0]]), frame)
    assert section.x_signs.sum() == 0
    assert section.y_signs.sum() == 0


# --- inputs -------------------------------------------------------------------------------------------


def test_every_input_has_its_source(folder: Path) -> None:
    (folder / "scenario.yaml").write_text("scenario: test\n")
    ring = f"{WEST},{NORTH}\n{WEST + 9},{NORTH}\n{WEST + 9},{NORTH - 9}\n"
    (folder / "road.csv").write_text(ring)
    assembled = made(folder, manning_n={"default": 0.04, "areas": [{"file": "road.csv", "n": 0.02}]})
    told = {(i["role"], i.get("file") or i.get("value")): i for i in assembled.inputs}
    assert told[("manning_n", "road.csv")]["sha256"] == hashlib.sha256(ring.encode()).hexdigest()
    assert told[("terrain", "dem.tif")]["sha256"] == hashlib.sha256((folder / "dem.tif").read_bytes()).hexdigest()
    assert ("manning_n", "0.04 s·m^-1/3") in told
    assert ("scenario", "scenario.yaml") in told


def test_a_layer_without_a_house_is_unknown(folder: Path) -> None:
    error = refused(folder, terrain="no-such-layer")
    assert (error.code, error.layer) == ("LAYER_NOT_FOUND", "no-such-layer")
