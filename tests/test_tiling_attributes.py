"""Attributes in tiles: one stable type a column, chosen by rule; text whole."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point

from ingest.tiling.attributes import form_of, varint
from tests.tiling import decoded, tiled


def values_in_tile(tmp_path: Path, column: Any) -> list[Any]:
    """Return what a column's values are in the tile; None where the feature has no such attribute."""
    points = [Point(127, 37)] * len(column)
    archive, _ = tiled(tmp_path, points, {"값": column}, maxzoom=0)
    found = {f["id"]: f["properties"].get("값") for _, f in decoded(archive)}
    return [found[row + 1] for row in range(len(column))]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([1, 2, 2**53], [1, 2, 2**53]),
        ([-5, 0, 7], [-5, 0, 7]),
        ([1, 2**53 + 1], ["1", "9007199254740993"]),
        ([1111018700101530000], ["1111018700101530000"]),
        ([1.0, 2.5], [1.0, 2.5]),
        ([1.0, float("nan"), float("inf")], [1.0, None, None]),
        ([True, False], [True, False]),
        (["가", "나", None, ""], ["가", "나", None, ""]),
        (["🏛️ 뷁펲똠", "a" * 5000], ["🏛️ 뷁펲똠", "a" * 5000]),
        ([dt.date(1990, 4, 25), None], ["1990-04-25", None]),
        ([Decimal("1.50"), None], [1.5, None]),
        ([["a", "나"], None], ['["a", "나"]', None]),
    ],
)
def test_values_by_kind(tmp_path: Path, column: list[Any], expected: list[Any]) -> None:
    assert values_in_tile(tmp_path, column) == expected


def test_nullable_whole_numbers_stay_whole(tmp_path: Path) -> None:
    assert values_in_tile(tmp_path, pd.array([3, pd.NA], dtype="Int64")) == [3, None]


def test_short_floats_keep_their_decimals(tmp_path: Path) -> None:
    assert values_in_tile(tmp_path, pd.array([0.1, 3.3], dtype="float32")) == [0.1, 3.3]


def test_categories_are_their_values(tmp_path: Path) -> None:
    assert values_in_tile(tmp_path, pd.Categorical(["나", "가", "나"])) == ["나", "가", "나"]


def test_days_without_a_time_are_dates(tmp_path: Path) -> None:
    days = pd.to_datetime(["1990-04-25", None, "2024-02-29"])
    assert values_in_tile(tmp_path, days) == ["1990-04-25", None, "2024-02-29"]


def test_times_are_iso_8601(tmp_path: Path) -> None:
    times = pd.to_datetime(["1990-04-25 00:00:00", "2024-02-29 13:45:10"])
    assert values_in_tile(tmp_path, times) == ["1990-04-25T00:00:00", "2024-02-29T13:45:10"]


def test_times_with_a_zone_carry_it(tmp_path: Path) -> None:
    times = pd.to_datetime(["2024-02-29 13:45:10"]).tz_localize("Asia/Seoul")
    assert values_in_tile(tmp_path, times) == ["2024-02-29T13:45:10+0900"]


def test_a_binary_column_is_left_out_and_named(tmp_path: Path) -> None:
    archive, result = tiled(tmp_path, [Point(127, 37)], {"사진": [b"\xff"], "이름": ["가"]}, maxzoom=0)
    assert result.rules["omitted_columns"] == ["사진"]
    assert [feature["properties"] for _, feature in decoded(archive)] == [{"이름": "가"}]


def test_a_column_without_any_value_is_named_in_the_metadata_only(tmp_path: Path) -> None:
    archive, result = tiled(tmp_path, [Point(127, 37)], {"빈칸": pd.array([None], dtype="string")}, maxzoom=0)
    assert result.vector_layers[0]["fields"] == {"빈칸": "String"}
    assert [feature["properties"] for _, feature in decoded(archive)] == [{}]


def test_features_without_any_column_are_drawn(tmp_path: Path) -> None:
    archive, _ = tiled(tmp_path, [Point(127, 37)], maxzoom=0)
    assert [feature["properties"] for _, feature in decoded(archive)] == [{}]


def test_fields_are_named_by_type(tmp_path: Path) -> None:
    columns = {"이름": ["가"], "층수": [3], "높이": [9.5], "철거": [True], "고유번호": [1111018700101530000]}
    _, result = tiled(tmp_path, [Point(127, 37)], columns, maxzoom=0)
    expected = {"이름": "String", "층수": "Number", "높이": "Number", "철거": "Boolean", "고유번호": "String"}
    assert result.vector_layers[0]["fields"] == expected


@given(st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), min_size=1))
def test_a_column_of_whole_numbers_has_one_type(numbers: list[int | None]) -> None:
    column = pa.array(numbers, pa.int64())
    form = form_of(column.type, lambda: iter([column[:1], column[1:]]))
    exact = all(number is None or abs(number) <= 2**53 for number in numbers)
    assert form.field == ("Number" if exact else "String")
    expected = numbers if exact else [None if number is None else str(number) for number in numbers]
    assert form.plain(column).to_pylist() == expected


@given(st.integers(0, 2**64 - 1))
def test_varints_hold_seven_bits_a_byte(number: int) -> None:
    data = varint(number)
    assert sum((byte & 127) << 7 * place for place, byte in enumerate(data)) == number
    assert [byte >> 7 for byte in data] == [1] * (len(data) - 1) + [0]
