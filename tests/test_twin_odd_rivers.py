"""Rivers as surveys have them, not as one would draw them: rounded, scattered, bent, skewed, narrow sections."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
import yaml
from affine import Affine

from naru.errors import BadSurvey
from naru.house import House
from naru.settings import Settings
from twin.bed.interpolate import interpolate_bed, parted
from twin.bed.records import Bed
from twin.grid import Frame
from twin.spec import read_spec
from twin.survey.load import load_survey
from twin.survey.records import Floats, Survey
from twin.terrain import load

WEST, NORTH = 190_000.0, 550_000.0
LENGTH, HALF, DEEP = 600.0, 20.0, 4.0


def centre(s: Floats) -> tuple[Floats, Floats]:
    """Return the middle of a river that swings about the east; s is measured eastwards."""
    return WEST + s, NORTH + 40 * np.sin(s / 120)


def true_bed(s: Floats, u: Floats) -> Floats:
    """Return EL metres of a bed that is deepest in the middle; the banks fall by a metre a kilometre."""
    bed: Floats = 10 - s / 1000 - DEEP * np.cos(np.pi * np.clip(u, -1, 1) / 2)
    return bed


def section(at: float, points: int = 15, skew: float = 0.0, scatter: float = 0.0) -> Floats:
    """Return x, y, z (points, 3) from the left bank to the right, rounded to millimetres."""
    x, y = centre(np.array([at]))
    slope = 40 / 120 * np.cos(at / 120)
    way = np.array([1.0, slope]) / np.hypot(1.0, slope)
    across = np.array([way[1], -way[0]])
    u = np.linspace(-1, 1, points)
    beside = np.random.default_rng(int(at)).normal(0, scatter, points) + u * HALF * np.tan(np.radians(skew))
    place = np.stack((x, y), axis=-1) + u[:, None] * HALF * across + beside[:, None] * way
    return np.round(np.column_stack((place, true_bed(np.full(points, at), u))), 3)


def survey(folder: Path, sections: dict[str, Floats], **more: object) -> Survey:
    """Read sections as a table of the terrain file that names them."""
    rows = [f"{name},{x:.3f},{y:.3f},{z:.3f}" for name, points in sections.items() for x, y, z in points]
    (folder / "s.csv").write_text("\n".join(["section,x,y,z", *rows]))
    spec = {"terrain": "odd", "ground": "g.tif", "crs": "EPSG:5186", "vertical_datum": "KVD1964", "cell_m": 2}
    (folder / "t.yaml").write_text(yaml.safe_dump({**spec, "sections": "s.csv", **more}))
    (folder / "g.tif").touch()
    return load_survey(read_spec(folder / "t.yaml"))


def bed_of(found: Survey, cell_m: float = 2.0, method: str = "linear") -> Bed:
    frame = Frame(WEST - 50, NORTH + 100, cell_m, int(200 / cell_m), int(700 / cell_m), "EPSG:5186")
    return interpolate_bed(found, frame, method)


@pytest.mark.parametrize("scatter", [0.0, 0.3])
@pytest.mark.parametrize("skew", [0.0, 30.0])
@pytest.mark.parametrize("points", [3, 15, 300])
def test_every_point_of_the_outermost_sections_counts(
    tmp_path: Path, points: int, skew: float, scatter: float
) -> None:
    cut = {f"S{n:02d}": section(50.0 * n, points, skew, scatter) for n in range(1, 9)}
    found = survey(tmp_path, cut)
    (part,) = parted(found)
    assert part.numbers == tuple(range(8))
    for place, number in enumerate(part.numbers):
        inner = len(part.shapes.points(place)[0])
        assert inner >= 0.98 * len(found.sections[number].x) - 2, number  # but for points at the banks
    bed = bed_of(found)
    assert bed.deviation_m < 0.01
    assert bed.warnings == ()


def rmse(bed: Bed, first: float, last: float) -> float:
    """Return how far a bed is off the true one at the cells well inside the banks, between two chainages."""
    frame = bed.elevation.frame
    x, y = np.meshgrid(frame.x, frame.y)
    line = np.stack(centre(np.arange(0.0, LENGTH, 0.5)), axis=-1)
    nearest = np.array([np.hypot(*(line - place).T).argmin() for place in np.stack((x, y), axis=-1).reshape(-1, 2)])
    s = line[nearest, 0] - WEST
    slope = 40 / 120 * np.cos(s / 120)
    away = np.stack((x, y), axis=-1).reshape(-1, 2) - line[nearest]
    beside = (away[:, 0] * slope - away[:, 1]) / np.hypot(1.0, slope)
    inside = (np.abs(beside) < 0.95 * HALF) & (s > first) & (s < last)
    error = bed.elevation.values.ravel()[inside] - true_bed(s, beside / HALF)[inside]
    assert not np.isnan(error).any()
    return float(np.sqrt(np.mean(error**2)))


@pytest.mark.parametrize("skews", [(35.0, -35.0), (35.0,), (0.0,), (30.0, -10.0, 0.0, 35.0, -25.0)])
def test_bed_follows_the_river_however_askew_its_sections_stand(tmp_path: Path, skews: tuple[float, ...]) -> None:
    cut = {f"S{n:02d}": section(55.0 * n, 15, skews[n % len(skews)]) for n in range(1, 11)}
    assert rmse(bed_of(survey(tmp_path, cut), 4.0), 90, 510) < 0.12


def write_lines(file: Path, lines: list[Floats]) -> None:
    """Write lines (points, 2) as GeoJSON in EPSG:5186."""
    shapes = [{"type": "LineString", "coordinates": points.tolist()} for points in lines]
    named = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::5186"}}
    features = [{"type": "Feature", "properties": {}, "geometry": shape} for shape in shapes]
    file.write_text(json.dumps({"type": "FeatureCollection", "crs": named, "features": features}))


def test_sections_that_cross_in_the_flood_plain_are_no_fault_where_banks_are_given(tmp_path: Path) -> None:
    inner = {f"S{n:02d}": section(60.0 * n) for n in range(1, 10)}
    cut = {}
    for name, points in inner.items():
        out = (points[0] - points[-1]) / (2 * HALF) * 700
        far_left, far_right = points[0] + out, points[-1] - out / 10
        far_left[2] = far_right[2] = points[0, 2] + 1
        cut[name] = np.concatenate((far_left[None], points, far_right[None]))
    with pytest.raises(BadSurvey, match="cross each other"):
        survey(tmp_path, cut)
    banks = [np.array([inner[name][end, :2] for name in inner]) for end in (0, -1)]
    write_lines(tmp_path / "banks.geojson", banks)
    found = survey(tmp_path, cut, banks="banks.geojson")
    assert any("cross outside the banks" in warning for warning in found.warnings)
    assert [section.banks for section in found.sections] == [(1, 15)] * 9
    middle = np.stack(centre(np.array([60.0, 540.0])), axis=-1)
    assert np.hypot(*(found.reaches[0].centreline[[0, -1]] - middle).T).max() < 1.0


@pytest.mark.parametrize(("cell_m", "warned"), [(5.0, False), (10.0, True)])
def test_cells_too_large_for_a_river_are_remarked(tmp_path: Path, cell_m: float, warned: bool) -> None:
    house = House.open(Settings.from_environ({}, home=tmp_path / "home"))
    survey(tmp_path, {f"S{n:02d}": section(60.0 * n) for n in range(1, 10)}, cell_m=cell_m)
    ground = np.full((60, 80), 10.0, np.float32)
    place = Affine(10, 0, WEST - 100, 0, -10, NORTH + 300)
    size = {"width": 80, "height": 60, "count": 1, "dtype": "float32", "crs": "EPSG:5186", "transform": place}
    with rasterio.open(tmp_path / "g.tif", "w", driver="GTiff", **size) as raster:
        raster.write(ground, 1)
    warnings = load(house, read_spec(tmp_path / "t.yaml"), lambda *_: None).warnings
    house.close()
    assert any("is 40 m wide, 4 cells of 10 m" in warning for warning in warnings) is warned


@pytest.mark.parametrize(
    ("apart", "given", "warned"), [(60.0, False, False), (190.0, False, True), (190.0, True, False)]
)
def test_a_bend_whose_course_is_guessed_is_remarked(
    tmp_path: Path, apart: float, given: bool, warned: bool
) -> None:
    write_lines(tmp_path / "centre.geojson", [np.stack(centre(np.arange(0.0, LENGTH, 5.0)), axis=-1)])
    more = {"centreline": "centre.geojson"} if given else {}
    cut = {f"S{n}": section(at) for n, at in enumerate(np.arange(20.0, LENGTH, apart))}
    assert (
        any("its course there is guessed" in warning for warning in survey(tmp_path, cut, **more).warnings)
        is warned
    )


@pytest.mark.parametrize(("end", "warned"), [(30.0, False), (90.0, True)])
def test_a_tributary_that_ends_before_the_river_is_remarked(tmp_path: Path, end: float, warned: bool) -> None:
    rows = [("main", f"S{n}", point) for n in range(1, 10) for point in section(60.0 * n)]
    x, y = centre(np.array([300.0]))
    for n, away in enumerate((end + 160, end + 80, end)):
        rows += [("brook", f"B{n}", (x[0] + u * 5, y[0] + away, 9 + away / 100 + u * u)) for u in (-1, 0, 1)]
    lines = [f"{reach},{name},{p[0]:.3f},{p[1]:.3f},{p[2]:.3f}" for reach, name, p in rows]
    survey(tmp_path, {"S": section(60.0)} | {"T": section(120.0)})
    (tmp_path / "s.csv").write_text("\n".join(["reach,section,x,y,z", *lines]))
    found = load_survey(read_spec(tmp_path / "t.yaml"))
    assert {reach.id: reach.downstream for reach in found.reaches} == {"main": None, "brook": "main"}
    assert any("is led there the shortest way" in warning for warning in found.warnings) is warned
