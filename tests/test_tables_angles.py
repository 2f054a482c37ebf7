"""Angles and column names as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.tables.angles import BAD_ANGLE, CONTRADICTION, NOT_A_NUMBER, Angle, parse_angle
from ingest.tables.names import role

SPELLINGS = [
    *("{d}°{m}'{s}\"{a}", "{a}{d}°{m}′{s}″", "{d}º{m}’{s}”{a}", "{d}도 {m}분 {s}초", "{d}도{m}분{s}초"),
    *("{d} {m} {s}", "{d}-{m}-{s}", "{d}:{m}:{s}", "{d}d{m}m{s}s{a}", "{d}° {m}' {s}'' {a}", "{d} {m} {s} {a}"),
]


@given(
    st.sampled_from(SPELLINGS),
    st.integers(0, 179),
    st.integers(0, 59),
    st.integers(0, 599),
    st.sampled_from("NSEW"),
)
def test_degrees_minutes_seconds_are_read_in_every_spelling(
    spelling: str, degrees: int, minutes: int, tenths: int, letter: str
) -> None:
    text = spelling.format(d=degrees, m=minutes, s=tenths / 10, a=letter)
    sign = -1 if "{a}" in spelling and letter in "SW" else 1
    angle = parse_angle(text)
    assert isinstance(angle, Angle), text
    assert angle.degrees == pytest.approx(sign * (degrees + minutes / 60 + tenths / 36000), abs=1e-9)
    if "{a}" in spelling:
        assert angle.axis == ("lat" if letter in "NS" else "lon")


@pytest.mark.parametrize(
    ("text", "degrees"),
    [
        *(("N37.5", 37.5), ("37.5N", 37.5), ("북위 37도 30분", 37.5), ("서경 122도", -122.0), ("37.5°", 37.5)),
        *(("37°33.6'", 37.56), ("１２６°３０′", 126.5), ("37.33.36", 37.56), ("-37 30 00", -37.5)),
    ],
)
def test_other_spellings_are_read(text: str, degrees: float) -> None:
    angle = parse_angle(text)
    assert isinstance(angle, Angle)
    assert angle.degrees == pytest.approx(degrees)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        *(
            ("126°99'00\"", BAD_ANGLE),
            ("37 33 60", BAD_ANGLE),
            ("-37.5N", CONTRADICTION),
            ("N37.5E", CONTRADICTION),
        ),
        *(("N/A", NOT_A_NUMBER), ("-", NOT_A_NUMBER), ("2024-01-05", NOT_A_NUMBER), ("37.5°30'", NOT_A_NUMBER)),
        *(("02-1234-5678", NOT_A_NUMBER), ("서울", NOT_A_NUMBER), ("37°33'59\"N 126°58'", NOT_A_NUMBER)),
    ],
)
def test_what_is_no_angle_has_a_reason(text: str, reason: str) -> None:
    assert parse_angle(text) == reason


@given(st.text(max_size=30))
def test_any_text_is_an_angle_or_has_a_reason(text: str) -> None:
    angle = parse_angle(text)
    assert angle in (BAD_ANGLE, CONTRADICTION, NOT_A_NUMBER) or isinstance(angle, Angle)


@pytest.mark.parametrize(
    ("names", "axis"),
    [
        (
            [
                "경도",
                "경도(도)",
                "경도(WGS84)",
                "lon",
                "LNG",
                "Longitude",
                "LOT",
                "REFINE_WGS84_LOGT",
                "X좌표(경도)",
            ],
            "lon",
        ),
        (["위도", "위도(Latitude)", "lat", "LA", "GPS_LAT", "y좌표(위도)", "출발지위도", "geoLat"], "lat"),
        (["X", "X좌표", "좌표X", "좌표정보(X)", "TM_X", "중부원점TM(X)", "X_CRDNT_VALUE", "entX", "POINT_X"], "x"),
        (["Y", "Y 좌표값", "좌표Y", "MAPY", "YCNTS", "종좌표(X)", "northing (m)", "wgs84_y"], "y"),
    ],
)
def test_names_say_the_axis(names: list[str], axis: str) -> None:
    for name in names:
        found = role(name)
        assert found is not None, name
        assert found.axis == axis, name


@pytest.mark.parametrize("name", ["이름", "box", "tax", "위경도", "flat", "x, y", "year", "lonely", "주소", ""])
def test_other_names_say_nothing(name: str) -> None:
    assert role(name) is None
