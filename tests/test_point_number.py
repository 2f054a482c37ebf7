"""National point numbers: the official examples, every spelling, and that encoding and decoding agree."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

from naru.errors import BadPointNumber
from naru.point_number import EAST_LETTERS, NORTH_LETTERS, decode, encode

EASTINGS = st.floats(700_000, 1_400_000, exclude_max=True)
NORTHINGS = st.floats(1_300_000, 2_100_000, exclude_max=True)
SIZES = st.sampled_from([1000, 100, 10, 1])


@pytest.mark.parametrize(
    ("lon", "lat", "number"),
    [
        (126.978275264, 37.566642192, "다사 5392 5204"),  # Seoul City Hall
        (127.5, 38.0, "라아 0000 0000"),  # the origin of UTM-K
        (126.2680, 33.1170, "나나 8506 5911"),  # Marado
        (124.70, 37.95, "가사 5397 9815"),  # Baengnyeongdo
        (129.0756, 35.1796, "마라 4346 8828"),  # Busan City Hall
    ],
)
def test_places_have_the_numbers_of_the_grid(lon: float, lat: float, number: str) -> None:
    easting, northing = Transformer.from_crs(4326, 5179, always_xy=True).transform(lon, lat)
    assert encode(easting, northing).number == number


def test_dokdos_plate_names_a_cell_on_dokdo() -> None:
    cell = decode("사사 8787 2465")
    lon, lat = Transformer.from_crs(5179, 4326, always_xy=True).transform(cell.west, cell.south)
    assert (cell.west, cell.south) == (1_387_870, 1_924_650)
    assert (lon, lat) == pytest.approx((131.871902, 37.240028), abs=1e-6)


def test_the_misprint_of_dokdos_plate_is_a_cell_200_km_west_of_it() -> None:
    assert decode("마사8787 2465").west == 1_187_870


@given(EASTINGS, NORTHINGS, SIZES)
def test_the_middle_of_a_cell_has_the_cells_number(easting: float, northing: float, size: int) -> None:
    cell = encode(easting, northing, size)
    assert cell.west <= easting < cell.west + size
    assert cell.south <= northing < cell.south + size
    assert decode(cell.number) == cell == encode(*cell.centre, size)


@given(EASTINGS, NORTHINGS)
def test_the_neighbour_in_the_east_has_the_next_number(easting: float, northing: float) -> None:
    cell = encode(easting, northing)
    if cell.west + 10 < 1_400_000:
        assert encode(cell.west + 10, cell.south).west == cell.west + 10


@pytest.mark.parametrize(
    "spelling",
    [
        *(
            "다사53925204",
            "다사 5392 5204",
            "다사-5392-5204",
            "다 사 5392 5204",
            "다사 5 3 9 2 5 2 0 4",
            " 다사　５３９２　５２０４ ",
        ),
        *("다사 오삼구이 오이공사", "다사 오삼구이 오이영사", unicodedata.normalize("NFD", "다사 5392 5204")),
    ],
)
def test_every_spelling_is_understood(spelling: str) -> None:
    assert decode(spelling).number == "다사 5392 5204"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "다사",
        "다사 5392",
        "다사 5392 520",
        "다사 53925 5204",
        "AB 5392 5204",
        "다사 5392 5204 1",
        "다5392 5204",
    ],
)
def test_what_is_no_number_is_refused_with_a_pattern(text: str) -> None:
    with pytest.raises(BadPointNumber) as refused:
        decode(text)
    assert "다사 5392 5204" in refused.value.remedy


@pytest.mark.parametrize("letters", ["아가", "하사", "다자", "다하", "김사"])
def test_squares_outside_the_grid_are_refused(letters: str) -> None:
    with pytest.raises(BadPointNumber, match="no square"):
        decode(f"{letters} 5392 5204")


@pytest.mark.parametrize(
    ("easting", "northing"),
    [(699_999, 1_500_000), (1_400_000, 1_500_000), (800_000, 1_299_999), (8e5, 2.1e6), (float("nan"), 1.5e6)],
)
def test_positions_outside_the_grid_are_refused(easting: float, northing: float) -> None:
    with pytest.raises(BadPointNumber):
        encode(easting, northing)


def test_letters_run_east_then_north() -> None:
    for x, east in enumerate(EAST_LETTERS):
        for y, north in enumerate(NORTH_LETTERS):
            assert encode(700_000 + x * 1e5, 1_300_000 + y * 1e5).number == f"{east}{north} 0000 0000"
