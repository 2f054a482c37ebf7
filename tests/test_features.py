"""Choosing features of a source archive: by place, value, time, id and page; in any coordinate system."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from naru.errors import ArchiveDamaged, BadSelection
from naru.features.selection import Selection, parse_bbox, parse_filter, parse_period
from naru.features.source import FeatureSource
from naru.features.systems import is_north_first, normal_name, system, uri
from tests.sources import write_source

GRID = [shapely.Point(126.0 + x / 10, 37.0 + y / 10) for y in range(10) for x in range(10)]


def ids(source: FeatureSource, **wanted: Any) -> list[int]:
    """Return the ids of a selection, after checking that counting agrees."""
    found = [i for batch in source.select(Selection(**wanted)) for i in batch.ids.tolist()]
    unpaged = {k: v for k, v in wanted.items() if k not in ("limit", "offset")}
    if unpaged == wanted:
        assert source.count(Selection(**wanted)) == len(found)
    return found


def where(source: FeatureSource, *texts: str) -> list[int]:
    names = [field.name for field in source.fields]
    return ids(source, filters=tuple(parse_filter(text, names) for text in texts))


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> FeatureSource:
    """Return a hundred points in row groups of seven."""
    return FeatureSource.open(write_source(tmp_path_factory.mktemp("grid") / "s.parquet", GRID, rows_a_group=7))


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> FeatureSource:
    """Return three features with a field of every kind, the last one without any value."""
    columns = {
        "이름": pa.array(["가", "", None]),
        "층": pa.array([1, -2, None], pa.int16()),
        "층수": pa.array([5, 2**53 + 1, None], pa.int64()),
        "면적": pa.array([0.1, 2.5, None], pa.float32()),
        "공개": pa.array([True, False, None]),
        "준공": pa.array([date(1999, 12, 31), date(2020, 2, 29), None]),
        "측정": pa.array(["2020-01-01T09:00:00", "2020-01-01T10:00:00", None]).cast(pa.timestamp("ms")),
        "a.b=c": pa.array(["x", "y", None]),
        "a": pa.array(["1", "2", None]),
    }
    return FeatureSource.open(
        write_source(tmp_path_factory.mktemp("typed") / "s.parquet", GRID[:3], columns, rows_a_group=2)
    )


def test_a_source_tells_what_it_holds(typed: FeatureSource) -> None:
    kinds = {field.name: field.kind for field in typed.fields}
    assert " ".join(kinds.values()) == "string integer integer number boolean date datetime string string"
    assert (typed.rows, typed.crs_name, typed.geometry_types) == (3, "EPSG:4326", ("Point",))
    assert typed.bounds == (126.0, 37.0, 126.2, 37.0)
    assert typed.time_field is not None
    assert typed.time_field.name == "준공"


def test_everything_comes_in_row_order_with_its_values(grid: FeatureSource) -> None:
    batches = list(grid.select(Selection()))
    assert np.concatenate([b.ids for b in batches]).tolist() == list(range(1, 101))
    assert [n for b in batches for n in b.attributes.column("n").to_pylist()] == list(range(1, 101))
    assert all(g.equals(w) for g, w in zip((g for b in batches for g in b.geometries), GRID, strict=True))


def test_pages_cover_everything_once(grid: FeatureSource) -> None:
    bbox = (126.05, 36.0, 127.0, 37.75)
    pages = [ids(grid, bbox=bbox, limit=9, offset=start) for start in range(0, 90, 9)]
    assert [i for page in pages for i in page] == ids(grid, bbox=bbox)
    assert ids(grid, limit=3, offset=50) == [51, 52, 53]
    assert ids(grid, limit=0) == ids(grid, offset=100) == []


def test_a_box_takes_its_edge(grid: FeatureSource) -> None:
    assert ids(grid, bbox=(126.2, 37.3, 126.4, 37.3)) == [33, 34, 35]


def test_a_box_is_met_by_the_geometry_not_by_its_box(tmp_path: Path) -> None:
    corner = "POLYGON ((0 0, 10 0, 10 1, 1 1, 1 10, 0 10, 0 0))"
    source = FeatureSource.open(write_source(tmp_path / "s.parquet", [corner, "POINT (5 5)"]))
    assert ids(source, bbox=(4, 4, 6, 6)) == [2]
    assert ids(source, bbox=(0.5, 4, 6, 6)) == [1, 2]


def test_a_box_in_another_system_is_met_as_by_moving_each_feature(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    points = shapely.points(random.uniform(150_000, 250_000, 3000), random.uniform(450_000, 650_000, 3000))
    squares = shapely.buffer(points, 400, cap_style="square")
    source = FeatureSource.open(write_source(tmp_path / "s.parquet", squares, crs="EPSG:5186", rows_a_group=500))
    box = (126.7, 37.2, 127.4, 37.9)
    moved = geopandas.GeoSeries(squares, crs=5186).to_crs(4326)
    want = (np.flatnonzero(moved.intersects(shapely.box(*box))) + 1).tolist()
    assert 100 < len(want) < 2900
    assert ids(source, bbox=box) == want


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-0.2, 1.2), min_size=4, max_size=4))
def test_any_box_gives_what_shapely_gives(grid: FeatureSource, sides: Sequence[float]) -> None:
    (west, east), (south, north) = sorted(sides[:2]), sorted(sides[2:])
    box = (126 + west, 37 + south, 126 + east, 37 + north)
    assert ids(grid, bbox=box) == (np.flatnonzero(shapely.intersects(shapely.box(*box), GRID)) + 1).tolist()


def test_a_box_may_span_the_180th_meridian(tmp_path: Path) -> None:
    points = ["POINT (179 0)", "POINT (-179 0)", "POINT (0 0)"]
    source = FeatureSource.open(write_source(tmp_path / "s.parquet", points))
    assert ids(source, bbox=(170, -10, -170, 10)) == [1, 2]
    with pytest.raises(BadSelection, match="west is greater"):
        ids(source, bbox=(3.0, 0.0, 2.0, 1.0), bbox_crs="EPSG:3857")


def test_row_groups_that_cannot_hold_it_are_not_read(grid: FeatureSource, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet as pq

    read: list[int] = []
    real = pq.ParquetFile.iter_batches

    def spy(self: pq.ParquetFile, *args: Any, row_groups: list[int], **kwargs: Any) -> Any:
        read.extend(row_groups)
        return real(self, *args, row_groups=row_groups, **kwargs)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", spy)
    assert ids(grid, bbox=(125.0, 37.85, 128.0, 38.0)) == list(range(91, 101))
    assert set(read) == {12, 13, 14}
    read.clear()
    assert where(grid, "n=50") == [50]
    assert set(read) == {7}
    read.clear()
    assert ids(grid, ids=(8, 1, 200)) == [1, 8]
    assert set(read) == {0, 1}


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("이름=가", [1]),
        ("이름=", [2, 3]),
        ("이름!=", [1]),
        ("층=-2", [2]),
        ("층수=9007199254740993", [2]),
        ("층수>=5", [1, 2]),
        ("층수<5", []),
        ("층=5000000000", []),
        ("층<5000000000", [1, 2]),
        ("면적=0.1", [1]),
        ("면적>0.1", [2]),
        ("공개=true", [1]),
        ("공개 = False", [2]),
        ("준공<2000-01-01", [1]),
        ("측정=2020-01-01T09:00:00", [1]),
        ("측정>2020-01-01T18:30:00+09:00", [2]),
        ("층수!=5", [2]),
        ("a.b=c=y", [2]),
        ("a=1", [1]),
    ],
)
def test_values_are_compared_in_the_fields_type(typed: FeatureSource, text: str, want: list[int]) -> None:
    assert where(typed, text) == want


def test_conditions_hold_all_together(grid: FeatureSource) -> None:
    assert where(grid, "n>10", "n<=12", "n!=11") == [12]


@pytest.mark.parametrize(
    ("period", "want"),
    [
        ("2000-01-01/..", [2, 3]),
        ("../2000-01-01", [1, 3]),
        ("2020-02-29", [2, 3]),
        ("1999-12-31T23:00:00Z", [1, 3]),
        ("1990-01-01/1999-12-30", [3]),
    ],
)
def test_a_period_takes_what_lies_in_it_and_what_has_no_time(
    typed: FeatureSource, period: str, want: list[int]
) -> None:
    assert ids(typed, period=parse_period(period)) == want


def test_fields_come_as_asked_in_that_order(typed: FeatureSource) -> None:
    (batch,) = typed.select(Selection(fields=("a", "이름"), ids=(1,)))
    assert batch.attributes.to_pydict() == {"a": ["1"], "이름": ["가"]}
    (bare,) = typed.select(Selection(fields=(), ids=(2,)))
    assert (bare.ids.tolist(), bare.attributes.num_columns) == ([2], 0)


def test_moving_keeps_heights_and_puts_x_first(tmp_path: Path) -> None:
    seoul = shapely.Point(198_000, 551_000, 35.5)
    source = FeatureSource.open(write_source(tmp_path / "s.parquet", [seoul, "POINT (0 0)"], crs="EPSG:5186"))
    (batch,) = source.select(Selection(crs="EPSG:4326", ids=(1,)))
    x, y, z = shapely.get_coordinates(batch.geometries, include_z=True)[0]
    assert (round(x, 3), round(y, 3), z) == (126.977, 37.559, 35.5)


def test_a_feature_without_place_in_the_system_is_named(tmp_path: Path) -> None:
    source = FeatureSource.open(write_source(tmp_path / "s.parquet", ["POINT (127 37)", "POINT (39 0)"]))
    with pytest.raises(BadSelection, match="no place in EPSG:5186") as caught:
        list(source.select(Selection(crs="EPSG:5186")))
    assert caught.value.feature == "2"


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda s: where(s, "없음=1"), "no field '없음'"),
        (lambda s: where(s, "층수"), "no condition"),
        (lambda s: where(s, "층수=다섯"), "kind integer"),
        (lambda s: where(s, "층수=1.5"), "kind integer"),
        (lambda s: where(s, "층수=inf"), "kind integer"),
        (lambda s: where(s, "준공=어제"), "kind date"),
        (lambda s: where(s, "공개=예"), "kind boolean"),
        (lambda s: where(s, "층수>"), "kind integer"),
        (lambda s: ids(s, fields=("없음",)), "no field"),
        (lambda s: ids(s, crs="EPSG:999999"), "EPSG has no code"),
        (lambda s: ids(s, crs="EPSG:5773"), "does not locate"),
        (lambda s: ids(s, crs="EPSG:4979"), "does not locate"),
        (lambda s: ids(s, crs="https://example.com/crs"), "names no coordinate"),
        (lambda s: ids(s, crs="+proj=longlat"), "names no coordinate"),
        (lambda s: parse_bbox("1,2,3"), "four numbers"),
        (lambda s: parse_bbox("1,2,3,nan"), "not finite"),
        (lambda s: parse_bbox("1,5,3,4"), "south is above"),
        (lambda s: parse_period("2020-13-01"), "no date"),
        (lambda s: parse_period("2021-01-01/2020-01-01"), "no date"),
        (lambda s: parse_period("../.."), "no date"),
        (lambda s: parse_period("yesterday"), "no date"),
        (lambda s: parse_period("0001-01-01T00:00:00+09:00"), "no date"),
        (lambda s: parse_period("9999-12-31T23:59:59-09:00"), "no date"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_words(typed: FeatureSource, ask: Any, message: str) -> None:
    with pytest.raises(BadSelection, match=message) as caught:
        ask(typed)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("epsg:5186", "EPSG:5186"),
        ("5179", "EPSG:5179"),
        ("urn:ogc:def:crs:EPSG::5174", "EPSG:5174"),
        ("http://www.opengis.net/def/crs/EPSG/9.9.1/3857", "EPSG:3857"),
        ("http://www.opengis.net/def/crs/OGC/1.3/CRS84", "OGC:CRS84"),
    ],
)
def test_systems_have_one_name(text: str, name: str) -> None:
    assert normal_name(text) == name
    assert normal_name(uri(name)) == name
    assert system(text) == system(name)


def test_the_registrys_axis_order_is_known() -> None:
    assert [is_north_first(name) for name in ("OGC:CRS84", "EPSG:4326", "EPSG:5186", "EPSG:3857")] == [
        False,
        True,
        True,
        False,
    ]


def test_moments_without_a_zone_are_utc() -> None:
    assert parse_period("2020-01-01T09:00:00+09:00").start == datetime(2020, 1, 1, tzinfo=UTC)
    assert parse_period("2020-01-01T00:00:00").start == datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("how", ["absent", "cut", "other"])
def test_a_damaged_source_says_so(tmp_path: Path, how: str) -> None:
    path = write_source(tmp_path / "s.parquet", GRID)
    if how == "absent":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-20] if how == "cut" else b"not a parquet file")
    with pytest.raises(ArchiveDamaged, match="source cannot be read"):
        FeatureSource.open(path)


def test_damage_met_while_reading_says_so(tmp_path: Path) -> None:
    path = write_source(tmp_path / "s.parquet", GRID)
    source = FeatureSource.open(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + bytes(len(whole) // 2) + whole[4 + len(whole) // 2 :])
    with pytest.raises(ArchiveDamaged, match="source cannot be read"):
        list(source.select(Selection()))
