"""Dates written as text become dates, whatever the format; what only looks like one stays text. Ids of GeoJSON."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.moments import Watch, convert
from tests.conftest import naru_json
from tests.decode import features_at
from tests.reading import column, frame, point, read_one

NOON = datetime(2024, 1, 5, 3, tzinfo=UTC)


def write(path: Path, rows: list[dict[str, object]], ids: list[object] | None = None) -> Path:
    """Write rows as GeoJSON, newline-delimited GeoJSON, TopoJSON, KML or CSV, as the suffix says."""
    features = [{"type": "Feature", "properties": r, "geometry": point()} for r in rows]
    for feature, one in zip(features, ids or [], strict=False):
        feature.update({} if one is None else {"id": one})
    data = "".join(
        f"<Placemark>{_data(r)}<Point><coordinates>127,37.5</coordinates></Point></Placemark>" for r in rows
    )
    topology = {"type": "GeometryCollection", "geometries": [{**point(), "properties": r} for r in rows]}
    names = list(rows[0])
    table = ["lon,lat," + ",".join(names), *("127,37.5," + ",".join(str(r[n] or "") for n in names) for r in rows)]
    text = {
        ".geojson": json.dumps({"type": "FeatureCollection", "features": features}),
        ".geojsonl": "\n".join(json.dumps(f) for f in features),
        ".topojson": json.dumps({"type": "Topology", "arcs": [], "objects": {"x": topology}}),
        ".kml": f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{data}</Document></kml>',
        ".csv": "\n".join(table),
    }
    path.write_text(text[path.suffix], "utf-8")
    return path


def _data(row: dict[str, object]) -> str:
    data = "".join(f'<Data name="{n}"><value>{"" if v is None else v}</value></Data>' for n, v in row.items())
    return f"<ExtendedData>{data}</ExtendedData>"


FORMATS = pytest.mark.parametrize("suffix", [".geojson", ".geojsonl", ".topojson", ".kml", ".csv"])


@FORMATS
def test_dates_and_moments_are_typed_alike_in_all_formats(tmp_path: Path, suffix: str) -> None:
    rows = [
        {"준공": "2024-01-05", "측정": "2024-01-05T12:00:00+09:00", "기록": "2024-01-05T09:30:00"},
        {"준공": "", "측정": "2024-01-05T03:00:00Z", "기록": None},
    ]
    layer = read_one(write(tmp_path / f"x{suffix}", rows), tmp_path / "out")
    assert column(layer, "준공") == [date(2024, 1, 5), None]
    assert column(layer, "측정") == [NOON, NOON]
    assert column(layer, "기록") == [datetime(2024, 1, 5, 9, 30), None]  # noqa: DTZ001 (local time, as written)


CODES = {
    "no such day": ["2024-02-30", "2024-01-05"],
    "digits alone": ["20240105", "20240106"],
    "leading zeros": ["0042", "0043"],
    "a part number": ["2024-01-05-7", "2024-01-05"],
    "a time of day": ["12:30", "12:45"],
    "zone and none": ["2024-01-05T10:00:00Z", "2024-01-05T10:00:00"],
    "a word between": ["2024-01-05", "미정"],
    "finer than microseconds": ["2024-01-05T10:00:00.123456789Z", "2024-01-05T10:00:00Z"],
}


@FORMATS
@pytest.mark.parametrize("values", CODES.values(), ids=CODES)
def test_what_is_not_all_dates_stays_text(tmp_path: Path, suffix: str, values: list[str]) -> None:
    layer = read_one(write(tmp_path / f"x{suffix}", [{"값": v} for v in values]), tmp_path / "out")
    if suffix == ".csv" and values == CODES["digits alone"]:
        values = [int(v) for v in values]  # type: ignore[misc] # all columns of a table are text until they are typed
    assert column(layer, "값") == values


@pytest.mark.parametrize("suffix", [".geojson", ".geojsonl", ".topojson", ".kml"])
def test_a_date_beside_a_moment_stays_text_where_no_hour_is_meant(tmp_path: Path, suffix: str) -> None:
    values = ["2024-01-05", "2024-01-05T10:00:00"]
    layer = read_one(write(tmp_path / f"x{suffix}", [{"값": v} for v in values]), tmp_path / "out")
    assert column(layer, "값") == values


@pytest.mark.parametrize("suffix", [".geojson", ".geojsonl"])
@pytest.mark.parametrize("last", ["2024-12-31", "없음"])
def test_the_last_of_many_rows_counts_and_none_is_lost(tmp_path: Path, suffix: str, last: str) -> None:
    rows: list[dict[str, object]] = [{"d": "2024-01-05", "later": None, "n": n} for n in range(40_000)]
    rows.append({"d": last, "later": "2024-01-05", "n": 40_000})
    layer = read_one(write(tmp_path / f"x{suffix}", rows, list(range(100, 40_101))), tmp_path / "out")
    assert layer.features_kept == layer.features_read == 40_001
    days = column(layer, "d")
    assert (str(days[0]), str(days[-1])) == ("2024-01-05", last)
    assert isinstance(days[0], str) == (last == "없음")
    assert column(layer, "later")[-1] == date(2024, 1, 5)
    assert (column(layer, "n"), column(layer, "id")) == ([*range(40_001)], [*range(100, 40_101)])


@pytest.mark.parametrize("suffix", [".geojson", ".geojsonl"])
@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([7, 9], [7, 9]),
        ([7, 7], [7, 7]),
        ([2**60 + 1, 3], [2**60 + 1, 3]),
        ([7, "나"], ["7", "나"]),
        (["007", "008"], ["007", "008"]),
        ([None, 5], [None, 5]),
    ],
)
def test_ids_of_features_are_kept_in_a_field(tmp_path: Path, suffix: str, ids, expected: list[object]) -> None:
    layer = read_one(write(tmp_path / f"x{suffix}", [{"n": 1}, {"n": 2}], ids), tmp_path / "out")
    assert column(layer, "id") == expected


def test_a_property_called_id_goes_before_the_features_id(tmp_path: Path) -> None:
    layer = read_one(write(tmp_path / "x.geojson", [{"id": 1}, {"id": 2}], [8, 9]), tmp_path / "out")
    assert column(layer, "id") == [1, 2]


def test_the_id_of_a_lone_feature_is_kept_and_none_is_invented(tmp_path: Path) -> None:
    one = {"type": "Feature", "id": 41, "properties": {"이름": "가"}, "geometry": point()}
    path = tmp_path / "x.geojson"
    path.write_text(json.dumps(one))
    assert column(read_one(path, tmp_path / "a"), "id") == [41]
    del one["id"]
    path.write_text(json.dumps(one | {"properties": {"이름": '"id"'}}))
    assert "id" not in frame(read_one(path, tmp_path / "b")).columns


def test_large_numbers_are_not_rounded(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"pnu": 1168010100108250000, "big": 2**53 + 1}]
    layer = read_one(write(tmp_path / "x.geojson", rows), tmp_path / "out")
    assert (column(layer, "pnu"), column(layer, "big")) == ([1168010100108250000], [2**53 + 1])


def test_tiles_show_dates_as_iso_text(tmp_path: Path, home: Path) -> None:
    path = write(tmp_path / "x.geojson", [{"준공": "2024-01-05", "측정": "2024-01-05T12:00:00+09:00"}])
    naru_json("ingest", str(path), "--id", "x", "--grids", "web", home=home)
    (archive,) = (home / "archives").glob("*.pmtiles")
    shown = features_at(archive, 0, "x")[1][0]["properties"]
    assert (shown["준공"], shown["측정"][:19]) == ("2024-01-05", "2024-01-05T03:00:00")


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)), st.integers(-1439, 1439))  # noqa: DTZ001
def test_every_rfc_3339_moment_is_read_to_the_microsecond(local: datetime, minutes: int) -> None:
    zone = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    text = local.isoformat() + zone
    watch = Watch()
    watch.look(pa.array([text, ""]))
    assert watch.type is not None
    values = convert(pa.array([text, "", None]), watch.type)
    assert values[1:].null_count == 2
    assert values.cast(pa.int64())[0].as_py() * (1 if watch.fine else 1000) == _micros(text)


def _micros(text: str) -> int:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    gap = datetime.fromisoformat(text) - epoch
    return (gap.days * 86_400 + gap.seconds) * 1_000_000 + gap.microseconds
