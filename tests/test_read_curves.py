"""Curves become lines and polygons; repairs are counted by their kind; intricate rings stay bounded."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
import shapely

from bench.watching import family
from ingest.coarse import coarse
from ingest.curves import arc
from tests.conftest import require_tool
from tests.reading import column, frame, geojson, read_one, reasons

HALF = "CIRCULARSTRING (126 37, 127 38, 128 37)"
ROUND = "CIRCULARSTRING (126 37, 127 38, 128 37, 127 36, 126 37)"
CURVED = {
    HALF: np.pi,
    f"COMPOUNDCURVE ({HALF}, (128 37, 129 37))": np.pi + 1,
    f"CURVEPOLYGON ({ROUND})": 2 * np.pi,
    f"MULTISURFACE (CURVEPOLYGON ({ROUND}), ((130 37, 131 37, 131 38, 130 37)))": 2 * np.pi + 2 + np.sqrt(2),
    f"MULTICURVE ({HALF}, (128 37, 129 37))": np.pi + 1,
    "TRIANGLE ((126 37, 127 37, 127 38, 126 37))": 2 + np.sqrt(2),
}


@pytest.fixture
def curves(tmp_path: Path) -> Path:
    """A GeoPackage of curved geometries, written by Debian's GDAL."""
    table = tmp_path / "curves.csv"
    table.write_text("id,WKT\n" + "".join(f'{n},"{wkt}"\n' for n, wkt in enumerate(CURVED)))
    options = ["-a_srs", "EPSG:4326", "-oo", "GEOM_POSSIBLE_NAMES=WKT", "-oo", "AUTODETECT_TYPE=YES"]
    target = tmp_path / "curves.gpkg"
    command = [require_tool("ogr2ogr"), "-q", "-f", "GPKG", str(target), str(table), *options]
    subprocess.run(command, check=True, capture_output=True)
    return target


def test_curves_of_a_geopackage_become_lines_and_polygons(curves: Path, tmp_path: Path) -> None:
    layer = read_one(curves, tmp_path / "out")
    assert reasons(layer.repaired)["curve turned into lines"] == len(CURVED) - 1
    assert reasons(layer.repaired)["surface of triangles or faces turned into polygons"] == 1  # the triangle
    lengths = dict(zip(column(layer, "id"), shapely.length(frame(layer).geometry.to_numpy()), strict=True))
    assert [lengths[n] for n in range(len(CURVED))] == pytest.approx(list(CURVED.values()), rel=2e-4)


@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize("angle", [0.3, 2.0, 4.0, 6.2])
def test_no_chord_leaves_its_arc_by_more_than_is_promised(turn: int, angle: float) -> None:
    at = [(5 + 100 * np.cos(turn * a), 100 * np.sin(turn * a)) for a in (0, angle / 2, angle)]
    found = arc(*at)
    middles = (found[1:] + found[:-1]) / 2
    assert np.abs(np.hypot(*(found - [5, 0]).T) - 100).max() < 1e-9
    assert np.abs(np.hypot(*(middles - [5, 0]).T) - 100).max() < 0.00016 * 100
    assert (found[[0, -1]] == [at[0], at[2]]).all()


def test_heights_follow_an_arc() -> None:
    assert arc((0, 0, 10), (1, 1, 20), (2, 0, 40))[[0, -1], 2].tolist() == [10, 40]


SQUARE = [[127, 37], [127.1, 37], [127.1, 37.1], [127, 37.1], [127, 37]]
FAR_HOLE = [[128, 37], [128.1, 37], [128.1, 37.1], [128, 37]]
INNER = [[127.02, 37.02], [127.08, 37.02], [127.08, 37.08], [127.02, 37.08], [127.02, 37.02]]
INNERMOST = [[127.04, 37.04], [127.06, 37.04], [127.06, 37.06], [127.04, 37.04]]
PINCHED = [[127, 37], [127.1, 37], [127.1, 37.1], [127.05, 37], [127, 37.1], [127, 37]]


@pytest.mark.parametrize(
    ("kind", "coordinates", "reason"),
    [
        ("Polygon", [PINCHED], "ring touching itself repaired"),
        ("Polygon", [SQUARE, FAR_HOLE], "hole outside its polygon left out"),
        ("Polygon", [SQUARE, INNER, INNERMOST], "holes in holes merged"),
        ("MultiPolygon", [[SQUARE], [INNER]], "parts inside other parts merged"),
    ],
)
def test_each_kind_of_repair_is_counted_by_itself(tmp_path: Path, kind: str, coordinates, reason: str) -> None:
    path = geojson(tmp_path / "x.geojson", {"type": kind, "coordinates": coordinates})
    layer = read_one(path, tmp_path / "out")
    assert reasons(layer.repaired) == {reason: 1}
    assert frame(layer).geometry[0].is_valid


def star(points: int, step: int) -> shapely.Polygon:
    angle = 2 * np.pi * np.arange(points) * step / points
    return shapely.Polygon(np.column_stack([np.cos(angle), np.sin(angle)]))


def test_a_coarse_drawing_covers_the_polygon_and_little_more() -> None:
    ring = star(400, 1)
    hole = shapely.Polygon(shapely.get_coordinates(ring), [shapely.get_coordinates(ring) * 0.5])
    drawn = coarse(hole)
    assert drawn.is_valid
    assert drawn.covers(hole)
    assert drawn.area == pytest.approx(hole.area, rel=0.01)


@pytest.mark.parametrize("points", [3001, 100_001])
def test_a_star_that_crosses_itself_at_every_turn_becomes_the_disc_that_it_fills(points: int) -> None:
    drawn = coarse(star(points, points // 2))
    assert drawn.is_valid
    assert drawn.area == pytest.approx(np.pi, rel=0.03)
    assert shapely.get_num_coordinates(drawn) < 20_000


@pytest.mark.parametrize("step", [50_000, 33_333])
def test_a_ring_of_100_000_crossings_is_read_within_bounds(tmp_path: Path, step: int) -> None:
    places = shapely.get_coordinates(star(100_001, step)) / 2 + [127, 37]
    path = geojson(tmp_path / "x.geojson", {"type": "Polygon", "coordinates": [places.tolist()]})
    with watched_children() as seen:
        layer = read_one(path, tmp_path / "out")
    assert sum(reasons(layer.repaired).values()) == 1
    assert seen, "no reader was seen"
    assert max(seconds for seconds, _ in seen.values()) < 5  # of processor time
    assert max(peak for _, peak in seen.values()) < 2**30


@contextmanager
def watched_children() -> Iterator[dict[int, tuple[float, int]]]:
    """Yield what each process that begins below this one uses until the end: processor seconds and peak bytes."""
    seen: dict[int, tuple[float, int]] = {}
    stop, tick, before = threading.Event(), os.sysconf("SC_CLK_TCK"), set(family([os.getpid()]))

    def watch() -> None:
        while not stop.wait(0.01):
            for pid in set(family([os.getpid()])) - before:
                with suppress(OSError, IndexError):  # it has ended since it was named
                    spent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
                    mark = Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0]
                    seen[pid] = sum(map(int, spent)) / tick, int(mark) * 1024

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()
