"""What differs between two versions of a layer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely import Point

from naru.changes import compare
from naru.records import Changes
from tests.conftest import naru, naru_json

Row = dict[str, Any]


def write(path: Path, rows: Sequence[Row], crs: str = "EPSG:5186") -> Path:
    """Write rows, each with `x` for its place, as GeoParquet."""
    columns = [name for name in rows[0] if name != "x"]
    frame = gpd.GeoDataFrame(
        {name: [row[name] for row in rows] for name in columns},
        geometry=[Point(200000 + row["x"], 550000) for row in rows],
        crs=crs,
    )
    frame.to_parquet(path, write_covering_bbox=True)
    return path


def told(tmp_path: Path, before: Sequence[Row], after: Sequence[Row]) -> Changes:
    return compare(write(tmp_path / "before.parquet", before), write(tmp_path / "after.parquet", after))


GU = [
    {"code": "11010", "이름": "종로구", "x": 1.0},
    {"code": "11020", "이름": "중구", "x": 2.0},
    {"code": "11030", "이름": None, "x": 3.0},
]


def test_the_same_rows_in_another_order_are_unchanged(tmp_path: Path) -> None:
    assert told(tmp_path, GU, GU[::-1]).to_dict() == {
        **{"added": 0, "removed": 0, "changed": 0, "moved": 0, "unchanged": 3, "compared_by": "field 'code'"},
        **{"fields_added": [], "fields_removed": []},
    }


def test_a_field_that_names_features_tells_a_change_from_a_new_feature(tmp_path: Path) -> None:
    after = [GU[0], {**GU[1], "이름": "중구청", "x": 9.0}, {"code": "11999", "이름": "새 구", "x": 4.0}]
    found = told(tmp_path, GU, after)
    assert (found.added, found.removed, found.changed, found.moved, found.unchanged) == (1, 1, 1, 1, 1)
    assert found.compared_by == "field 'code'"


def test_without_such_a_field_features_are_paired_by_what_stayed(tmp_path: Path) -> None:
    before = [{"kind": "a", "x": 1.0}, {"kind": "a", "x": 2.0}, {"kind": "b", "x": 3.0}]
    after = [{"kind": "a", "x": 1.0}, {"kind": "c", "x": 2.0}, {"kind": "b", "x": 7.0}, {"kind": "d", "x": 8.0}]
    found = told(tmp_path, before, after)
    assert (found.added, found.removed, found.changed, found.moved, found.unchanged) == (1, 0, 2, 1, 1)
    assert found.compared_by == "content"


def test_rows_numbered_anew_after_an_insertion_are_not_called_changed(tmp_path: Path) -> None:
    before = [{"fid": n, "name": f"n{n}", "x": float(n)} for n in range(1, 50)]
    after = [{"name": "new", "x": 0.5}, *({"name": r["name"], "x": r["x"]} for r in before)]
    found = told(tmp_path, before, [{"fid": n + 1, **row} for n, row in enumerate(after)])
    assert (found.added, found.removed) == (1, 0)
    assert found.compared_by == "field 'name'"
    assert found.changed == 49  # the numbers themselves did change


def test_fields_that_came_and_went_are_named_and_not_compared(tmp_path: Path) -> None:
    found = told(tmp_path, GU, [{"code": r["code"], "인구": 5, "x": r["x"]} for r in GU])
    assert (found.fields_added, found.fields_removed, found.unchanged) == (("인구",), ("이름",), 3)


def test_a_number_that_became_text_is_compared_as_text(tmp_path: Path) -> None:
    found = told(tmp_path, [{"n": 1, "x": 1.0}, {"n": 2, "x": 2.0}], [{"n": "1", "x": 1.0}, {"n": "3", "x": 2.0}])
    assert (found.changed, found.unchanged) == (1, 1)


def test_equal_numbers_in_another_reference_system_are_another_place(tmp_path: Path) -> None:
    one = write(tmp_path / "one.parquet", GU)
    two = write(tmp_path / "two.parquet", GU, "EPSG:5181")
    assert compare(one, two).moved == 3


def test_twins_are_counted_one_by_one(tmp_path: Path) -> None:
    twin = {"kind": "a", "x": 1.0}
    found = told(tmp_path, [twin] * 3, [twin] * 5)
    assert (found.added, found.removed, found.changed, found.unchanged) == (2, 0, 0, 3)


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "text": st.one_of(st.none(), st.text(max_size=5)),
            "whole": st.integers(-(2**60), 2**60),
            "real": st.floats(allow_nan=False, allow_infinity=False),
            "yes": st.booleans(),
            "x": st.integers(0, 3).map(float),
        }
    ),
    min_size=1,
    max_size=12,
)


def plainly(rows: list[Row]) -> list[str]:
    return sorted(repr(sorted(row.items())) for row in rows)


@given(before=ROWS, after=ROWS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_account_always_adds_up(tmp_path: Path, before: list[Row], after: list[Row]) -> None:
    found = told(tmp_path, before, after)
    assert found.unchanged + found.changed + found.removed == len(before)
    assert found.unchanged + found.changed + found.added == len(after)
    same = sum(1 for row in before if row in after)
    assert (found.total == 0) == (plainly(before) == plainly(after))
    assert found.unchanged <= max(same, len(before))


def test_words_name_what_differs() -> None:
    text = str(Changes(1, 2, 3, 1, 4, "content", ("인구",), ()))
    assert text.startswith("1 added, 2 removed, 3 changed (1 of them moved), 4 unchanged")
    assert text.endswith("new fields: 인구")
    with pytest.raises(AttributeError):
        Changes(1, 2, 3, 1, 4, "content").added = 5  # type: ignore[misc]


def test_a_replacing_ingest_and_layers_diff_tell_the_same(tmp_path: Path) -> None:
    def file(rows: Sequence[Row]) -> str:
        features = [
            {
                "type": "Feature",
                "properties": {name: row[name] for name in row if name != "x"},
                "geometry": {"type": "Point", "coordinates": [126.9 + row["x"] / 100, 37.5]},
            }
            for row in rows
        ]
        path = tmp_path / "gu.geojson"
        path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
        return str(path)

    home = tmp_path / "home"
    [first] = naru_json("ingest", file(GU), home=home)["layers"]
    assert "changes" not in first
    after = file([GU[0], {"code": "11020", "x": 9.0}])
    [planned] = naru_json("ingest", after, "--dry-run", home=home)["layers"]
    [second] = naru_json("ingest", after, home=home)["layers"]
    changes = second["changes"]
    assert planned["changes"] == changes
    assert (changes["added"], changes["removed"], changes["changed"], changes["moved"]) == (0, 1, 1, 1)
    assert naru_json("layers", "diff", "gu", home=home)["changes"] == changes
    assert naru_json("layers", "diff", "gu", "2", "1", home=home)["changes"]["added"] == 1
    failed = naru("layers", "diff", "gu", "7", home=home)
    assert failed.returncode == 1 and "no version 7" in failed.stderr
    naru_json("layers", "rollback", "gu", home=home)
    failed = naru("layers", "diff", "gu", home=home)
    assert failed.returncode == 1 and "version 1 is the first" in failed.stderr


def test_a_replacing_ingest_warns_of_fields_and_geometry_that_users_may_miss(tmp_path: Path) -> None:
    home, path = tmp_path / "home", tmp_path / "gu.geojson"
    point = {"type": "Point", "coordinates": [126.9, 37.5]}
    line = {"type": "LineString", "coordinates": [[126.9, 37.5], [127.0, 37.5]]}
    for geometry, properties in ((point, {"이름": "가", "인구": 1}), (line, {"이름": "가"})):
        path.write_text(json.dumps({"type": "Feature", "properties": properties, "geometry": geometry}))
        [layer] = naru_json("ingest", str(path), home=home)["layers"]
    assert "the geometry was point in version 1 and is line now" in layer["warnings"]
    assert any("인구" in warning and "gone" in warning for warning in layer["warnings"])
