"""What crosses the 180th meridian is split there, and nothing else is touched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import shapely

from tests.reading import frame, geojson, point, read_one, reasons

SPLIT = "split at the 180th meridian"
PLAIN = ["almost-180", "cw-only", "issues-174", "issues-187", "issues-230", "latitude-band", "multi-split"]
CASES = [*PLAIN, "over-180", "point-on-antimeridian", "simple", "split", "multi-line"]
ROUND_POLES = ["complex-split", "extra-crossing", "great-circle", "issues-164"]


def read_geometry(path: Path, workdir: Path) -> shapely.Geometry:
    return frame(read_one(path, workdir)).geometry[0]


@pytest.mark.parametrize("case", CASES)
def test_the_split_is_the_reference_libraries(shared, tmp_path: Path, case: str) -> None:
    ours = read_geometry(shared(f"data/antimeridian/input/{case}.json"), tmp_path / "a")
    reference = read_geometry(shared(f"data/antimeridian/expected/{case}.json"), tmp_path / "b")
    assert ours.is_valid
    assert ours.symmetric_difference(reference).area < 1e-9
    assert ours.hausdorff_distance(reference) < 1e-6


@pytest.mark.parametrize("case", ROUND_POLES)
def test_what_crosses_itself_or_rounds_a_pole_covers_what_the_reference_covers(shared, tmp_path, case: str) -> None:
    ours = read_geometry(shared(f"data/antimeridian/input/{case}.json"), tmp_path / "a")
    reference = json.loads(shared(f"data/antimeridian/expected/{case}.json").read_text())
    expected = shapely.make_valid(shapely.from_geojson(json.dumps(reference.get("geometry", reference))))
    assert ours.is_valid
    assert ours.symmetric_difference(expected).area < 1e-9


def test_a_hole_across_the_meridian_stays_a_hole(shared, tmp_path: Path) -> None:
    ours = read_geometry(shared("data/antimeridian/input/one-ccw-hole.json"), tmp_path)
    assert ours.area == pytest.approx(20 * 20 - 10 * 10)
    assert not ours.contains(shapely.Point(179, 50))


def test_fiji_is_four_degrees_wide(shared, tmp_path: Path) -> None:
    layer = read_one(shared("data/geojson_made/antimeridian_fiji.geojson"), tmp_path)
    parts = frame(layer).geometry[0].geoms
    assert sum(p.bounds[2] - p.bounds[0] for p in parts) == pytest.approx(4)
    assert reasons(layer.repaired) == {SPLIT: 1}


def test_longitudes_up_to_360_are_turned_round(tmp_path: Path) -> None:
    layer = read_one(geojson(tmp_path / "x.geojson", point(200, 10), point(127, 37)), tmp_path / "out")
    assert list(frame(layer).geometry.x) == [-160, 127]


def test_a_polygon_round_the_world_stays_as_it_is(tmp_path: Path) -> None:
    world = {"type": "Polygon", "coordinates": [[[-180, -80], [180, -80], [180, 80], [-180, 80], [-180, -80]]]}
    layer = read_one(geojson(tmp_path / "x.geojson", world), tmp_path / "out")
    assert (frame(layer).geometry[0].area, layer.repaired) == (360 * 160, ())
