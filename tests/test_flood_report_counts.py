"""What a report counts under water, against sums made by hand on ten by ten cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from twin.grid import Frame
from twin.report.affected import Things, buildings_hit, flooded_area, regions_of, roads_hit
from twin.report.classes import DEPTH, HAZARD, classify

FRAME = Frame(0.0, 100.0, 10.0, 10, 10, "EPSG:5186")  # x from 0 to 100, y from 0 to 100
NOWHERE = regions_of(None, FRAME)
WEST_EAST = ("신사동", "압구정동")


def things(*shapes: Any, names: tuple[str, ...] | None = None) -> Things:
    return Things(np.array(shapes, object), names or tuple(f"#{n}" for n in range(len(shapes))))


def halves() -> Any:
    """Return two regions: the west's first four columns, the east's next four; two columns lie beyond."""
    west, east = shapely.box(0, 0, 40, 100), shapely.box(40, 0, 80, 100)
    return regions_of(things(west, east, names=WEST_EAST), FRAME)


def water(*parts: tuple[Any, float]) -> Any:
    """Return depths that are NaN but in slices of rows and columns."""
    depth = np.full((10, 10), np.nan)
    for where, value in parts:
        depth[where] = value
    return depth


def test_a_class_begins_at_its_bound() -> None:
    assert classify(np.array([np.nan, 0.0, 1e-6, 0.4999, 0.5, 1.0, 2.0, 5.0, 90.0]), DEPTH).tolist() == [
        *(-1, -1, 0, 0, 1, 2, 3, 4, 4)
    ]
    assert classify(np.array([0.7, 0.75, 1.25, 2.0]), HAZARD).tolist() == [0, 1, 2, 3]


def test_area_is_told_by_region_and_class() -> None:
    depth = water((np.s_[0:2, :], 0.3), (np.s_[2, 3:5], 1.5))
    area = flooded_area(depth, halves(), FRAME.cell_m)
    assert area.regions == (*WEST_EAST, "")
    assert area.values.tolist() == [[800, 0, 100, 0, 0], [800, 0, 100, 0, 0], [400, 0, 0, 0, 0]]
    assert area.total.sum() == np.count_nonzero(depth > 0) * 100.0


def test_parts_of_one_name_are_one_region() -> None:
    parts = things(shapely.box(0, 0, 20, 100), shapely.box(60, 0, 80, 100), names=("섬동", "섬동"))
    region = regions_of(parts, FRAME)
    assert region.names == ("섬동",)
    assert flooded_area(water((np.s_[:, :], 0.2)), region, 10.0).values[:, 0].tolist() == [4000, 6000]


def test_water_at_the_walls_of_a_raised_building_counts_as_its_own() -> None:
    house = shapely.box(30, 30, 60, 60)  # rows 4 to 6, columns 3 to 5: dry inside, for they are raised
    depth = water((np.s_[:, 6], 0.7), (np.s_[0:2, :], 3.0))
    assert buildings_hit(depth, things(house), FRAME, NOWHERE).total.tolist() == [0, 1, 0, 0, 0]


def test_water_two_cells_away_does_not_count() -> None:
    house = shapely.box(30, 30, 60, 60)
    assert buildings_hit(water((np.s_[:, 7], 0.7)), things(house), FRAME, NOWHERE).total.sum() == 0


def test_a_building_smaller_than_a_cell_has_the_water_that_it_stands_in() -> None:
    shed = shapely.box(31, 31, 33, 33)
    depth = water((np.s_[6, 3], 2.5), (np.s_[6, 4], 9.0))
    assert buildings_hit(depth, things(shed), FRAME, NOWHERE).total.tolist() == [0, 0, 0, 1, 0]


def test_a_building_under_another_in_a_cell_is_counted_too() -> None:
    sheds = [shapely.box(31 + n, 31, 31.5 + n, 33) for n in range(8)]
    counted = buildings_hit(water((np.s_[6, 3], 0.2)), things(*sheds), FRAME, NOWHERE)
    assert counted.total.tolist() == [8, 0, 0, 0, 0]


def test_buildings_outside_the_domain_do_not_count() -> None:
    far, across = shapely.box(200, 200, 210, 210), shapely.box(95, 95, 130, 130)
    counted = buildings_hit(water((np.s_[:, :], 0.2)), things(far, across), FRAME, NOWHERE)
    assert counted.total.sum() == 1


def test_buildings_are_told_by_the_region_that_they_stand_in() -> None:
    houses = things(shapely.box(5, 45, 15, 55), shapely.box(45, 45, 55, 55), shapely.box(85, 45, 95, 55))
    counted = buildings_hit(water((np.s_[:, :], 0.6)), houses, FRAME, halves())
    assert counted.values[:, 1].tolist() == [1, 1, 1]


def test_roads_are_measured_along_their_lines() -> None:
    depth = water((np.s_[:, 0:3], 0.3), (np.s_[:, 3:5], 1.2))
    length, surface = roads_hit(depth, things(shapely.LineString([(-50, 55), (150, 55)])), FRAME, halves())
    assert length.values.tolist() == [[30, 0, 10, 0, 0], [0, 0, 10, 0, 0], [0, 0, 0, 0, 0]]
    assert surface.values.sum() == 0


def test_roads_drawn_as_areas_have_an_area() -> None:
    road = shapely.box(0, 40, 100, 60)  # two rows
    length, surface = roads_hit(water((np.s_[5, :], 0.6)), things(road), FRAME, halves())
    assert surface.values[:, 1].tolist() == [400, 400, 200]
    assert length.values.sum() == 0


@pytest.mark.parametrize("count", [buildings_hit, roads_hit])
def test_nothing_there_counts_nothing(count: Any) -> None:
    found = count(water((np.s_[:, :], 1.0)), things(), FRAME, halves())
    for each in found if isinstance(found, tuple) else (found,):
        assert each.values.shape == (3, 5) and each.values.sum() == 0


POINT = st.tuples(st.floats(-50, 150), st.floats(-50, 150))


@given(st.lists(POINT, min_size=2, max_size=6, unique=True))
def test_a_road_all_under_water_is_as_long_as_what_of_it_lies_in_the_domain(
    points: list[tuple[float, float]],
) -> None:
    line = shapely.LineString(points)
    inside = shapely.intersection(line, shapely.box(*FRAME.bounds))
    length, _ = roads_hit(water((np.s_[:, :], 0.2)), things(line), FRAME, NOWHERE)
    assert length.total.sum() == pytest.approx(inside.length, abs=1e-6)
