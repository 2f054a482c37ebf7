"""A new version's archive is the same bytes whether its tiles were cut or copied from the version before."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.buildings import buildings
from ingest.tiling import TilingOptions, TilingResult, build_tileset
from naru.errors import ArchiveDamaged, StorageFailed
from naru.pmtiles import PMTilesReader, mapped
from tests.conftest import naru_json
from tests.decode import tiles_of

Frame = geopandas.GeoDataFrame
MIXED, COVERAGE, POINTS, HOUSES = "mixed", "coverage", "points", "houses"


def city(kind: str) -> Frame:
    """Return a small layer of some kind, EPSG:5186."""
    random = np.random.default_rng(4)
    if kind == HOUSES:
        return buildings(1200)[["건물명", "층수", "geometry"]]
    if kind == COVERAGE:
        x, y = np.meshgrid(np.arange(6) * 900.0 + 198_000, np.arange(6) * 900.0 + 548_000)
        shapes = shapely.segmentize(shapely.box(x, y, x + 900, y + 900).ravel(), 30)
    else:
        middle = random.normal([198_000, 548_000], 4000, (600, 2))
        shapes = shapely.points(middle).astype(object)
    if kind == MIXED:
        shapes[::3] = shapely.buffer(shapes[::3], 60, quad_segs=2)
        walk = np.cumsum(random.normal(0, 90, (200, 30, 2)), axis=1) + middle[1::3, None]
        shapes[1::3] = shapely.linestrings(walk)
    names = [f"이름{k % 7}" if k % 3 else None for k in range(len(shapes))]
    return Frame({"건물명": names, "층수": range(len(shapes))}, geometry=shapes, crs=5186)


def edited(frame: Frame, how: str, place: float) -> Frame:
    """Return the layer with one edit at a place from 0 (its first feature) to 1 (its last)."""
    row = int(place * (len(frame) - 1))
    out = frame.copy()
    if how == "attribute":
        out.loc[row, "건물명"] = "바뀐 이름"
    elif how in ("moved", "far"):
        step = 40.0 if how == "moved" else 60_000.0
        out.loc[row, "geometry"] = shapely.transform(out.geometry[row], lambda xy: xy + step)
    elif how == "removed":
        out = out.drop(index=row)
    elif how == "coarse":
        out["geometry"] = shapely.transform(out.geometry.to_numpy(), lambda xy: 198_000 + (xy - 198_000) * 6)
    else:
        parts = [frame.iloc[:row], frame.iloc[[row]], frame.iloc[row:]]
        out = pd.concat(parts if how == "inserted" else [frame, frame.iloc[[row]]])
    return out.reset_index(drop=True)


def build(frame: Frame, path: Path, previous: Path | None = None, **options: Any) -> TilingResult:
    """Build a layer's archive at `path`."""
    source = path.with_suffix(".parquet")
    frame.to_parquet(source)
    given = TilingOptions(layer="layer", label="건물명", **options)
    return build_tileset(source, path, given, lambda share, message: None, previous)


EDITS = st.tuples(
    st.sampled_from(["attribute", "moved", "removed", "inserted", "appended", "far", "coarse"]), st.floats(0, 1)
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from([MIXED, COVERAGE, POINTS, HOUSES]),
    edits=st.lists(EDITS, max_size=3),
    tight=st.booleans(),
    options=st.sampled_from([{}, {"keep_all": True}, {"maxzoom": 13}, {"maxzoom": 12, "minzoom": 5}]),
)
def test_copied_tiles_make_the_same_archive(
    tmp_path: Path, kind: str, edits: list[tuple[str, float]], tight: bool, options: dict[str, Any]
) -> None:
    options = options | ({"tile_bytes": 2500} if tight else {})
    frame = city(kind)
    build(frame, tmp_path / "before.pmtiles", **options)
    for how, place in edits:
        frame = edited(frame, how, place)
    full = build(frame, tmp_path / "full.pmtiles", **options)
    again = build(frame, tmp_path / "again.pmtiles", tmp_path / "before.pmtiles", **options)
    assert (tmp_path / "again.pmtiles").read_bytes() == (tmp_path / "full.pmtiles").read_bytes()
    assert full.kept == 0
    assert replace(again, kept=0) == full
    if not edits:
        assert again.kept == again.tiles


def test_one_changed_attribute_cuts_the_tiles_that_show_it_and_no_others(tmp_path: Path) -> None:
    before = city(HOUSES)
    build(before, tmp_path / "before.pmtiles", maxzoom=15)
    after = edited(before, "attribute", 0.4)
    result = build(after, tmp_path / "after.pmtiles", tmp_path / "before.pmtiles", maxzoom=15)
    then, now = (dict(tiles_of(tmp_path / f"{name}.pmtiles")) for name in ("before", "after"))
    different = [tile for tile in now if now[tile] != then[tile]]
    assert 1 <= len(different) <= result.tiles - result.kept <= len(different) + 4  # some only nearly show it
    assert result.kept > result.tiles / 2


def test_a_feature_added_at_the_end_leaves_other_tiles_and_one_in_the_middle_does_not(tmp_path: Path) -> None:
    before = city(HOUSES)
    build(before, tmp_path / "before.pmtiles", maxzoom=15)
    kept = {
        how: build(edited(before, how, 0.02), tmp_path / f"{how}.pmtiles", tmp_path / "before.pmtiles", maxzoom=15)
        for how in ("appended", "inserted")
    }
    new = {how: result.tiles - result.kept for how, result in kept.items()}
    assert new["inserted"] > 1.5 * new["appended"]  # a feature's id is its row
    assert kept["inserted"].kept <= 5


@pytest.mark.parametrize("other", [{"keep_all": True}, {"tile_bytes": 90_000}])
def test_tiles_made_by_other_rules_are_not_taken(tmp_path: Path, other: dict[str, Any]) -> None:
    build(city(HOUSES), tmp_path / "before.pmtiles", **other)
    assert build(city(HOUSES), tmp_path / "after.pmtiles", tmp_path / "before.pmtiles").kept == 0


def test_tiles_made_by_another_program_are_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(city(HOUSES), tmp_path / "before.pmtiles")
    monkeypatch.setattr("ingest.tiling.engine.engine", lambda: b"the next release")
    assert build(city(HOUSES), tmp_path / "after.pmtiles", tmp_path / "before.pmtiles").kept == 0


def test_an_archive_of_another_tool_is_passed_by(tmp_path: Path, shared: Callable[[str], Path]) -> None:
    foreign = shared("data/gdal_pmtiles/poly.pmtiles")
    assert build(city(HOUSES), tmp_path / "after.pmtiles", foreign).kept == 0


def test_damaged_records_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "before.pmtiles"
    build(city(HOUSES), path)
    path.write_bytes(path.read_bytes()[:-40] + bytes(40))
    with pytest.raises(ArchiveDamaged, match="records"):
        build(city(HOUSES), tmp_path / "after.pmtiles", path)


def test_the_records_lie_behind_the_last_tile(tmp_path: Path) -> None:
    path = tmp_path / "layer.pmtiles"
    build(city(HOUSES), path)
    with mapped(path) as file:
        reader = PMTilesReader(file)
        reader.check()
        head, size = reader.header, reader.metadata["naru"]["inputs"]
        last = max(offset + length for _, _, offset, length in reader.entries())
    assert last == head.data_length - size
    assert head.data_offset + head.data_length == path.stat().st_size


@contextmanager
def no_room(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the disk be full for arrays that lie on it."""

    def refuse(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", refuse)
        patch.setattr("ingest.tiling.spool.SMALL", 1000)
        yield


def test_a_disk_without_room_for_the_scratch_arrays_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with no_room(monkeypatch), pytest.raises(StorageFailed, match="No space left"):
        build(city(HOUSES), tmp_path / "layer.pmtiles")
    assert not list(tmp_path.glob("*.pmtiles*"))


def test_arrays_on_disk_make_the_same_archive_and_leave_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(city(MIXED), tmp_path / "memory.pmtiles")
    monkeypatch.setattr("ingest.tiling.spool.SMALL", 64)
    build(city(MIXED), tmp_path / "disk.pmtiles")
    assert (tmp_path / "memory.pmtiles").read_bytes() == (tmp_path / "disk.pmtiles").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        f"{name}.{kind}" for name in ("memory", "disk") for kind in ("parquet", "pmtiles")
    )


def test_a_new_version_tells_how_many_tiles_were_kept_and_trusts_no_damaged_archive(tmp_path: Path) -> None:
    home, source = tmp_path / "home", tmp_path / "houses.geojson"
    said = []
    for change in (None, "attribute", "attribute"):
        frame = city(HOUSES).to_crs(4326)
        (edited(frame, change, len(said) / 5) if change else frame).to_file(source, driver="GeoJSON")
        said.append(naru_json("ingest", str(source), "--id", "houses", "--replace", home=home)["layers"][0])
        shown = naru_json("layers", "show", "houses", home=home)
        live = next(v for v in shown["versions"] if v["live"])
        archive = home / "archives" / live["tilesets"][0]["archive"]
        if change:  # from here on the live archive has a wrong byte
            damaged = bytearray(archive.read_bytes())
            damaged[-2000] ^= 255
            archive.write_bytes(damaged)
    assert "tiles_kept" not in said[0] and not said[0]["warnings"]
    assert 0 < said[1]["tiles_kept"] < said[1]["tiles"] and not said[1]["warnings"]
    assert said[2]["tiles_kept"] == 0
    assert [w for w in said[2]["warnings"] if "archive of version 2 is damaged" in w]
