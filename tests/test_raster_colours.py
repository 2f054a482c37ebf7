"""Numbers become colours: heights that can be read back, the sun's shade, stretches, classes, PNG files."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naru import png, terrain_rgb
from naru.errors import ArchiveDamaged
from naru.raster_facts import ENCODINGS, BandRange, Encoding, RasterFacts
from naru.raster_style import raster_legend, raster_style
from naru.shading import classed, hillshade, marked, shaded_relief, stretched, tinted
from tests.rasters import COVER, HEIGHTS, facts, pixels_of

SPAN = BandRange(0, 400, 100, 300)


# --- heights as colours ---------------------------------------------------------------------------


@given(
    height=st.floats(-9_000, 9_000),
    encoding=st.sampled_from(ENCODINGS),
    zoom=st.integers(0, 22),
)
def test_heights_come_back_within_half_a_step(height: float, encoding: Encoding, zoom: int) -> None:
    coded = terrain_rgb.encode(np.array([[height]]), encoding, zoom)
    back = terrain_rgb.decode(coded, encoding)[0, 0]
    assert abs(back - height) <= terrain_rgb.step_m(encoding, zoom) / 2 + 1e-6


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_steps_halve_with_each_zoom_and_never_reach_a_metre_and_a_bit(encoding: Encoding) -> None:
    steps = [terrain_rgb.step_m(encoding, zoom) for zoom in range(23)]
    assert steps == sorted(steps, reverse=True)
    assert max(steps) <= 1.0
    assert terrain_rgb.step_m(encoding, 13) == 2 * terrain_rgb.step_m(encoding, 14)


def test_the_colours_are_those_that_mapbox_and_terrarium_define() -> None:
    assert terrain_rgb.encode(np.array([[0.0]]), "mapbox", 14).ravel().tolist() == [1, 134, 160]
    assert terrain_rgb.encode(np.array([[0.0]]), "terrarium", 14).ravel().tolist() == [128, 0, 0]
    assert terrain_rgb.encode(np.array([[1000.5]]), "terrarium", 14).ravel().tolist() == [131, 232, 128]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_has_no_height_is_sea_level_and_what_is_beyond_the_last(encoding: Encoding) -> None:
    coded = terrain_rgb.encode(np.array([[np.nan, 1e9, -1e9]]), encoding, 14)
    back = terrain_rgb.decode(coded, encoding)[0]
    assert back[0] == 0
    assert coded[:, 0, 1].tolist() == [255, 255, 255]
    assert coded[:, 0, 2].tolist() == [0, 0, 0]


# --- shade and ramps ------------------------------------------------------------------------------


def slope(eastward: float, northward: float) -> np.ndarray[Any, Any]:
    """Return a plane of so many metres a metre, rows going south."""
    down, across = np.mgrid[0:5, 0:5]
    return (across * eastward - down * northward).astype("f4") + 100


def test_flat_ground_is_as_bright_as_the_suns_height_says() -> None:
    assert np.allclose(hillshade(slope(0, 0), 1.0), math.sin(math.radians(45)), atol=1e-6)


def test_slopes_towards_the_north_west_are_lit_and_those_away_are_dark() -> None:
    facing = hillshade(slope(0.5, -0.5), 1.0)[1, 1]  # rises to the south-east: it looks to the sun
    away = hillshade(slope(-0.5, 0.5), 1.0)[1, 1]
    angle = math.atan(math.hypot(0.5, 0.5))
    assert facing == pytest.approx(math.cos(math.radians(45) - angle), abs=1e-5)
    assert away == pytest.approx(math.cos(math.radians(45) + angle), abs=1e-5)


def test_the_same_rise_over_larger_pixels_is_flatter() -> None:
    assert hillshade(slope(0.5, -0.5), 10.0)[1, 1] < hillshade(slope(0.5, -0.5), 1.0)[1, 1]


def test_beside_a_hole_nothing_is_shaded() -> None:
    heights = slope(0.5, -0.5)
    heights[2, 2] = np.nan
    around = np.delete(hillshade(heights, 1.0), 4)  # without the hole itself, which nobody sees
    assert np.allclose(around, math.sin(math.radians(45)), atol=1e-6)


def test_a_ramp_begins_and_ends_where_the_stretch_does() -> None:
    colours = tinted(np.array([[-50.0, 100.0, 300.0, 900.0]]), SPAN)[:, 0].T.tolist()
    assert colours[0] == colours[1] == list(bytes.fromhex("5e9c86"))
    assert colours[2] == colours[3] == list(bytes.fromhex("efe9e2"))


def test_roughness_has_one_colour_on_every_map_and_words_in_the_legend() -> None:
    known = RasterFacts.of({"raster": facts("data", "float32", statistics=[HEIGHTS]) | {"ramp": "roughness"}})
    entries = {float(entry["label"].split()[0]): entry for entry in raster_legend(known)}
    drawn = marked(np.array([[0.001, *entries, 10.0]], "f4"), "roughness")[:, 0].T.tolist()
    colours = [list(bytes.fromhex(entry["color"][1:])) for entry in entries.values()]
    assert drawn == [colours[0], *colours, colours[-1]]
    assert entries[0.03]["label"] == "0.03 자연 하도 (natural channel)"


def test_flat_relief_has_the_ramps_own_colours() -> None:
    relief = shaded_relief(np.full((6, 6), 200.0, "f4"), SPAN, 5.0)
    assert (relief == tinted(np.full((4, 4), 200.0), SPAN)).all()


@pytest.mark.parametrize(
    ("span", "values", "greys"),
    [
        (SPAN, [0, 100, 200, 300, 400], [0, 0, 128, 255, 255]),
        (BandRange(0, 10, 5, 5), [0, 10], [0, 255]),
        (BandRange(7, 7, 7, 7), [7, 8], [0, 255]),
    ],
)
def test_a_stretch_leaves_out_the_extremes(span: BandRange, values: list[int], greys: list[int]) -> None:
    assert stretched(np.array([values], "u2"), span)[0].tolist() == greys


def test_classes_have_their_colours_and_unknown_ones_none() -> None:
    colours = classed(np.array([[1, 3, 9]], "i2"), {1: (10, 20, 30, 255), 3: (40, 50, 60, 128)})
    assert colours[:, 0].T.tolist() == [[10, 20, 30, 255], [40, 50, 60, 128], [0, 0, 0, 0]]


def test_classes_without_colours_differ_by_the_palette() -> None:
    colours = classed(np.array([[0, 1, 8]], "u1"), {})[:, 0].T.tolist()
    assert colours[0] != colours[1]
    assert colours[0] == colours[2]  # the palette has eight


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("channels", "side"), [(3, 256), (4, 256), (3, 1), (4, 512)])
def test_a_png_holds_the_pixels_that_went_in(channels: int, side: int) -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (channels, side, side), "u1")
    assert (pixels_of(png.encode(pixels)) == pixels).all()


# --- what is said of a raster ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "rules", [{"raster": None}, {"raster": {}}, {"raster": facts("portrait", "u1")}, {"raster": {"role": "data"}}]
)
def test_facts_that_are_none_are_refused(rules: dict[str, Any]) -> None:
    with pytest.raises(ArchiveDamaged, match="incomplete"):
        RasterFacts.of(rules)


@pytest.mark.parametrize("role", ["imagery", "elevation", "classes", "data"])
def test_rasters_are_drawn_as_pictures(role: str) -> None:
    (part,) = raster_style("ortho", RasterFacts.of({"raster": facts(role, "uint8")}))
    assert (part["id"], part["type"]) == ("ortho--raster", "raster")


def test_classes_are_not_mixed_at_their_edges() -> None:
    (part,) = raster_style("cover", RasterFacts.of({"raster": facts("classes", "uint8")}))
    assert part["paint"] == {"raster-resampling": "nearest"}


def test_a_legend_tells_heights_with_their_unit() -> None:
    known = RasterFacts.of({"raster": facts("elevation", "float32", statistics=[HEIGHTS], unit="m")})
    entries = raster_legend(known)
    assert (entries[0]["label"], entries[-1]["label"]) == ("30 m", "170 m")


def test_a_legend_shows_the_classes_that_can_be_seen() -> None:
    known = RasterFacts.of({"raster": facts("classes", "uint8", colormap=COVER)})
    assert raster_legend(known)[0] == {"label": "1", "color": "#1e7828"}
    assert len(raster_legend(known)) == 3
