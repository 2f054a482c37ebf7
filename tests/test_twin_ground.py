"""Ground under a survey: rasters, layers, points; frames, nodata, datums, units; and ground that is not its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.transform import array_bounds
from rasterio.warp import Resampling, reproject, transform_bounds

from naru.errors import BadSurvey, NaruError
from naru.house import House
from naru.settings import Settings
from tests.beds import straight
from tests.commands import naru_here_json
from tests.surveys import EAST, FALL, NORTH, TOP, made_sections, moved, write_csv, write_spec
from tests.terrains import attach
from twin.grid import Frame, Grid
from twin.ground import load_ground
from twin.heights import check_heights
from twin.spec import read_spec
from twin.survey.load import load_survey

SECTIONS = made_sections(turn=0.0)  # along y = NORTH, from EAST + 100 to EAST + 2800
WEST, TOPMOST, CELL = EAST - 100.0, NORTH + 200.0, 5.0
SHAPE = (80, 620)
HERE = Affine(CELL, 0, WEST, 0, -CELL, TOPMOST)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    opened = House.open(Settings.from_environ({}, home=tmp_path / "home"))
    yield opened
    opened.close()


def heights(shape: tuple[int, int] = SHAPE, cell: float = CELL) -> NDArray[np.float32]:
    """Return a valley floor that falls with the river, and rises by 1 m to each side."""
    x = WEST + (np.arange(shape[1]) + 0.5) * cell
    y = TOPMOST - (np.arange(shape[0]) + 0.5) * cell
    away = np.maximum(np.abs(y - NORTH) - 30, 0) / 170
    return (TOP - (x[None, :] - EAST) * FALL + away[:, None]).astype("float32")


def write(path: Path, values: NDArray[Any], **options: Any) -> Path:
    about = {"crs": "EPSG:5186", "transform": Affine(CELL, 0, WEST, 0, -CELL, TOPMOST), "nodata": -9999.0} | options
    unit = about.pop("unit", None)
    rows, columns = values.shape
    with rasterio.open(
        path, "w", driver="GTiff", width=columns, height=rows, count=1, dtype=values.dtype, **about
    ) as file:
        file.write(values, 1)
        if unit:
            file.units = (unit,)
    return path


def ground(house: House, ground: str = "dem.tif", **fields: str) -> tuple[Grid, list[str]]:
    """Return the ground under the straight river, and what was said of it."""
    folder = house.settings.home.parent
    write_csv(folder / "sections.csv", SECTIONS)
    spec = read_spec(write_spec(folder, ground=ground, **({"cell_m": "5"} | fields)))
    said: list[str] = []
    return load_ground(house, spec, load_survey(spec), said.append), said


def refused(house: House, name: str = "dem.tif", **fields: str) -> NaruError:
    with pytest.raises(NaruError) as caught:
        ground(house, name, **fields)
    return caught.value


def test_a_raster_of_the_same_cells_keeps_its_numbers(house: House, tmp_path: Path) -> None:
    values = heights()
    values[3, 5] = -9999
    write(tmp_path / "dem.tif", values)
    grid, said = ground(house)
    assert (grid.frame.west, grid.frame.north, grid.frame.rows, grid.frame.columns) == (WEST, TOPMOST, *SHAPE)
    assert np.isnan(grid.values[3, 5])
    assert np.array_equal(np.nan_to_num(grid.values, nan=-9999), values)
    assert (grid.vertical_datum, said) == ("KVD1964", [])


def test_a_margin_cuts_the_frame_on_the_raster_s_cells(house: House, tmp_path: Path) -> None:
    values = heights()
    write(tmp_path / "dem.tif", values)
    grid, _ = ground(house, "{file: dem.tif, margin_m: 40}")
    row, column = round((TOPMOST - grid.frame.north) / CELL), round((grid.frame.west - WEST) / CELL)
    assert grid.frame.bounds == (EAST + 60, NORTH - 70, EAST + 2840, NORTH + 70)
    assert np.array_equal(grid.values, values[row : row + grid.frame.rows, column : column + grid.frame.columns])


def test_other_cells_are_resampled_between_their_centres(house: House, tmp_path: Path) -> None:
    write(tmp_path / "dem.tif", heights())
    grid, _ = ground(house, cell_m="2")
    inside = (slice(20, -20), slice(20, -20))
    x, y = np.meshgrid(grid.frame.x, grid.frame.y)
    truth = TOP - (x - EAST) * FALL + np.maximum(np.abs(y - NORTH) - 30, 0) / 170
    np.testing.assert_allclose(grid.values[inside], truth[inside], atol=0.02)
    assert grid.frame.west % 2 == 0  # of cells that count from the system's origin


def test_much_finer_cells_are_averaged(house: House, tmp_path: Path) -> None:
    rough = heights() + np.where(np.indices(SHAPE).sum(axis=0) % 2, 1, -1).astype("float32")
    write(tmp_path / "dem.tif", rough)
    grid, _ = ground(house, cell_m="20")
    x, y = np.meshgrid(grid.frame.x, grid.frame.y)
    truth = TOP - (x - EAST) * FALL + np.maximum(np.abs(y - NORTH) - 30, 0) / 170
    assert np.nanmax(np.abs(grid.values - truth)[1:-1, 1:-1]) < 0.1


@pytest.mark.parametrize("code", [5179, 5174, 4326, 3857])
def test_a_raster_in_another_system_is_brought_into_the_terrain_s(house: House, tmp_path: Path, code: int) -> None:
    source = heights()
    west, south, east, north = transform_bounds("EPSG:5186", f"EPSG:{code}", *array_bounds(*SHAPE, HERE))
    width, height = 800, 120
    transform = Affine((east - west) / width, 0, west, 0, -(north - south) / height, north)
    values = np.full((height, width), -9999, "float32")
    there = {"dst_transform": transform, "dst_crs": f"EPSG:{code}", "dst_nodata": -9999}
    reproject(source, values, src_transform=HERE, src_crs="EPSG:5186", resampling=Resampling.bilinear, **there)
    write(tmp_path / "dem.tif", values, crs=f"EPSG:{code}", transform=transform)
    grid, _ = ground(house, "{file: dem.tif, margin_m: 50}")
    x, y = np.meshgrid(grid.frame.x, grid.frame.y)
    truth = TOP - (x - EAST) * FALL + np.maximum(np.abs(y - NORTH) - 30, 0) / 170
    assert np.isfinite(grid.values).all()
    np.testing.assert_allclose(grid.values, truth, atol=0.05)


def test_an_ascii_grid_is_taken_to_be_in_the_terrain_s_system_with_a_word(house: House, tmp_path: Path) -> None:
    values = heights()
    south = TOPMOST - SHAPE[0] * CELL
    text = f"ncols {SHAPE[1]}\nnrows {SHAPE[0]}\nxllcorner {WEST}\nyllcorner {south}\ncellsize {CELL}\n"
    lines = "\n".join(" ".join(f"{v:.4f}" for v in row) for row in values)
    (tmp_path / "dem.asc").write_text(f"{text}NODATA_value -9999\n{lines}\n")
    grid, said = ground(house, "dem.asc")
    np.testing.assert_allclose(grid.values, values, atol=1e-4)
    assert said == ["dem.asc does not say what it is in: taken to be EPSG:5186"]


def test_a_nodata_value_that_is_not_declared_is_found(house: House, tmp_path: Path) -> None:
    values = heights()
    values[:, :10] = -9999
    write(tmp_path / "dem.tif", values, nodata=None)
    grid, said = ground(house)
    assert np.isnan(grid.values[:, :10]).all()
    assert any("-9999 is taken for one" in words for words in said)


def test_several_files_make_one_ground(house: House, tmp_path: Path) -> None:
    values = heights()
    write(tmp_path / "a.tif", values[:, :300])
    write(tmp_path / "b.tif", values[:, 300:], transform=Affine(CELL, 0, WEST + 300 * CELL, 0, -CELL, TOPMOST))
    grid, _ = ground(house, "{files: [a.tif, b.tif]}")
    assert np.array_equal(grid.values, values)


@pytest.mark.parametrize("options", [{"unit": "ft"}, {"unit": "US survey foot"}])
def test_heights_in_feet_are_converted_where_the_raster_says_so(
    house: House, tmp_path: Path, options: dict[str, str]
) -> None:
    write(tmp_path / "dem.tif", heights() / np.float32(0.3048), **options)
    grid, said = ground(house)
    np.testing.assert_allclose(grid.values, heights(), atol=1e-3)
    assert any("converted to metres" in words for words in said)


def test_a_unit_that_is_no_length_is_refused(house: House, tmp_path: Path) -> None:
    write(tmp_path / "dem.tif", heights(), unit="fathom")
    assert "'fathom'" in refused(house).message
    ground(house, "{file: dem.tif, unit: m}")


# --- layers -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house with a layer of heights, `valley`, and one of pixels, `picture`."""
    folder = tmp_path_factory.mktemp("layers")
    write(folder / "valley.tif", heights())
    write(folder / "picture.tif", (heights() * 10).astype("uint8"), nodata=None)
    for name, kind in (("valley", "elevation"), ("picture", "imagery")):
        naru_here_json("ingest", str(folder / f"{name}.tif"), "--id", name, "--kind", kind, home=folder / "home")
    opened = House.open(Settings.from_environ({}, home=folder / "home"))
    yield opened
    opened.close()


def test_a_layer_of_heights_is_ground(layers: House) -> None:
    grid, said = ground(layers, "valley")
    x, y = np.meshgrid(grid.frame.x, grid.frame.y)
    truth = TOP - (x - EAST) * FALL + np.maximum(np.abs(y - NORTH) - 30, 0) / 170
    known = np.isfinite(grid.values)
    assert known.mean() > 0.8  # the layer's box in Web Mercator stands askew
    np.testing.assert_allclose(grid.values[known], truth[known], atol=0.06)  # COGs of heights are within 5 cm
    assert said == ["layer 'valley' does not say what its heights are above: taken to be KVD1964"]


def test_a_layer_of_another_kind_is_no_ground(layers: House) -> None:
    assert "no layer of heights" in refused(layers, "picture").message


def test_a_terrain_s_own_grid_goes_before_its_tiles(layers: House, tmp_path: Path) -> None:
    bands = np.stack([heights() * 0, heights()])
    size = {"width": SHAPE[1], "height": SHAPE[0], "count": 2, "dtype": "float32"}
    about = {"bands": ["water_depth", "bed_elevation"], "vertical_datum": "KVD1964", "crs": "EPSG:5186"}
    with rasterio.open(tmp_path / "grid.tif", "w", driver="GTiff", crs="EPSG:5186", transform=HERE, **size) as file:
        file.write(bands)
    attach(layers, "valley", {"grid": (tmp_path / "grid.tif", about)})
    grid, said = ground(layers, "{layer: valley, margin_m: 100000}")
    assert np.array_equal(grid.values, heights())
    assert said == []


# --- datums, units, places ----------------------------------------------------------------------------


def test_a_raster_that_says_another_datum_is_refused(house: House, tmp_path: Path) -> None:
    write(tmp_path / "dem.tif", heights(), crs="EPSG:5186+5773")
    error = refused(house)
    assert (error.code, error.field) == ("DATUM", "vertical_datum")
    assert "above EGM96, the terrain file that they are above KVD1964" in error.message


def test_ellipsoidal_ground_is_converted_by_a_stated_undulation_alone(house: House, tmp_path: Path) -> None:
    write(tmp_path / "dem.tif", heights() + np.float32(23.1))
    name = "{file: dem.tif, vertical_datum: ellipsoid}"
    assert refused(house, name).code == "DATUM"
    grid, said = ground(house, name, geoid="{undulation_m: 23.1}")
    np.testing.assert_allclose(grid.values, heights(), atol=1e-3)
    assert any("stated: 23.1 m" in words for words in said)


@pytest.mark.parametrize("offset", [-23.2, 23.2, 9.0])
def test_heights_off_by_a_datum_are_refused_with_the_number(house: House, tmp_path: Path, offset: float) -> None:
    write(tmp_path / "dem.tif", heights() + np.float32(offset))
    error = refused(house)
    assert (error.code, error.field) == ("SURVEY", "vertical_datum")
    assert f"{abs(offset):.1f} m {'below' if offset > 0 else 'above'} the ground" in error.message
    assert ("that is the geoid" in error.message) == (abs(offset) > 20)


def test_a_difference_that_is_known_to_be_may_be_allowed(house: House, tmp_path: Path) -> None:
    write(tmp_path / "dem.tif", heights() + np.float32(9))
    ground(house, height_tolerance_m="10")


@pytest.mark.parametrize(
    ("factor", "words"),
    [(100.0, "the sections' heights are in cm"), (1 / 0.3048, "the sections' heights are in ft")],
)
def test_sections_in_another_unit_than_the_ground_are_refused(
    house: House, tmp_path: Path, factor: float, words: str
) -> None:
    write(tmp_path / "dem.tif", heights())
    shallow = [replace(m, z=m.z.max() * factor + (m.z - m.z.max()) * 5) for m in SECTIONS]
    write_csv(tmp_path / "sections.csv", shallow)
    spec = read_spec(write_spec(tmp_path, ground="dem.tif", cell_m="5"))
    with pytest.raises(NaruError) as caught:
        load_ground(house, spec, load_survey(spec))
    assert words in caught.value.message


def test_ground_elsewhere_is_refused_with_the_system_that_would_fit(house: House, tmp_path: Path) -> None:
    write(tmp_path / "dem.tif", heights())
    write_csv(tmp_path / "sections.csv", [moved(made, 0, -100_000) for made in SECTIONS])
    spec = read_spec(write_spec(tmp_path, ground="dem.tif"))
    with pytest.raises(NaruError, match=r"does not lie under the survey .* as EPSG:5181 it would"):
        load_ground(house, spec, load_survey(spec))


def test_ground_that_misses_a_section_is_refused_with_its_name(house: House, tmp_path: Path) -> None:
    write(tmp_path / "dem.tif", heights()[:, :300])
    error = refused(house)
    assert "does not reach" in error.message
    assert error.feature is not None


def test_too_many_cells_are_refused_with_their_memory(house: House, tmp_path: Path) -> None:
    write(tmp_path / "dem.tif", heights())
    error = refused(house, "{file: dem.tif, margin_m: 200}", cell_m="0.1")
    assert error.code == "TOO_LARGE"
    assert "GiB" in error.message


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: p.write_bytes(b"II*\x00 no raster"), "cannot be read"),
        (lambda p: write(p, heights(), crs=None, transform=Affine.identity()), "where it lies"),
        (lambda p: write(p, np.full(SHAPE, -9999, "float32")), "no heights around the survey"),
        (lambda p: write(p, heights() * np.float32(1000)), "none of the Earth's surface"),
    ],
)
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")  # of writing such a file
def test_what_is_no_ground_is_refused(house: House, tmp_path: Path, make: Any, words: str) -> None:
    make(tmp_path / "dem.tif")
    assert words in refused(house).message


def test_a_layer_that_is_not_there_is_refused(house: House) -> None:
    assert refused(house, "no-such-layer").code == "LAYER_NOT_FOUND"


# --- points -------------------------------------------------------------------------------------------


def points(seed: int = 0, count: int = 3000) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(WEST, EAST + 3000, count), rng.uniform(NORTH - 200, NORTH + 200, count)
    return np.column_stack((x, y, TOP - (x - EAST) * FALL))


@pytest.mark.parametrize("method", ["tin", "grid"])
def test_points_become_a_surface(house: House, tmp_path: Path, method: str) -> None:
    (tmp_path / "ground.xyz").write_text("\n".join(f"{x:.3f} {y:.3f} {z:.4f}" for x, y, z in points()))
    grid, _ = ground(house, f"{{file: ground.xyz, method: {method}}}")
    x, _ = np.meshgrid(grid.frame.x, grid.frame.y)
    error = grid.values - (TOP - (x - EAST) * FALL)
    assert np.isfinite(error).mean() > 0.97
    assert np.nanmax(np.abs(error)) < (0.001 if method == "tin" else 0.01)


def test_gaps_between_points_stay_open(house: House, tmp_path: Path) -> None:
    kept = points(count=4000)
    kept = kept[~((np.abs(kept[:, 0] - EAST - 1500) < 100) & (kept[:, 1] > NORTH + 40))]
    (tmp_path / "ground.csv").write_text("x,y,z\n" + "\n".join(f"{x:.3f},{y:.3f},{z:.4f}" for x, y, z in kept))
    grid, said = ground(house, "{file: ground.csv, max_edge_m: 90}")
    row, column = (int(v) for v in grid.frame.place(np.float64(EAST + 1500), np.float64(NORTH + 130)))
    assert np.isnan(grid.values[row, column])
    assert not any("left open" in words for words in said)


def test_points_on_one_line_are_no_ground(house: House, tmp_path: Path) -> None:
    lines = [f"{EAST + n * 30},{NORTH - 110 + n * 2},20" for n in range(-2, 110)]
    (tmp_path / "ground.csv").write_text("\n".join(["x,y,z", *lines]))
    error = refused(house, "ground.csv")
    assert "lie on one line" in error.message


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        (
            lambda z: z + 23.0,
            "vertical_datum",
            "23.0 m above the ground",
        ),  # on banks at 10 m 3.3 times as high
        (lambda z: z / 0.3048, "unit", "in ft"),
    ],
    ids=["datum", "feet"],
)
def test_a_datum_and_feet_are_told_apart_where_both_would_do(
    wrong: Callable[[np.ndarray], np.ndarray], field: str, words: str
) -> None:
    noise = np.random.default_rng(1).normal(0, 0.05, 21)
    survey = straight([0.0, 90.0, 200.0, 260.0, 400.0], lambda s, u: wrong(11 - 0.006 * s + noise))
    frame = Frame(-20, 30, 2, 30, 230, "EPSG:5186")
    plane = Grid(np.tile((11 - 0.006 * frame.x).astype("f4"), (30, 1)), frame, "m", "KVD1964")
    with pytest.raises(BadSurvey, match=words) as caught:
        check_heights(survey, plane, 5.0, "sections.csv")
    assert caught.value.field == field
