"""Layers in all served grids: at once where that is quick, else added to the version by jobs that follow."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest import other_grids
from ingest.options import IngestOptions
from ingest.pipeline import ingest_in_scratch
from naru import grid_jobs
from naru.care import backup, restore, sweep, verify
from naru.errors import JobLost, UnknownVersion
from naru.grids import GRIDS
from naru.house import House
from naru.jobs import worker_name
from naru.records import IngestReport, Tileset
from naru.settings import Settings
from naru.work import find_handler, run_job, work
from tests.conftest import naru_json
from tests.serving import open_app, service_of, settings_of

ALL = ["WebMercatorQuad", "EPSG5179", "EPSG5186", "WorldCRS84Quad"]
OTHERS = ALL[1:]
SEOUL, TOKYO = (127.0, 37.5), (139.7, 35.7)


def silent(share: float, message: str) -> None:
    return None


def around(place: tuple[float, float], count: int = 40) -> list[tuple[float, float]]:
    spread = np.random.default_rng(3).normal(0, 0.02, (count, 2))
    return [(float(x), float(y)) for x, y in np.array(place) + spread]


def points(file: Path, places: Sequence[tuple[float, float]]) -> Path:
    features = [
        {"type": "Feature", "properties": {"이름": f"곳 {n}"}, "geometry": {"type": "Point", "coordinates": place}}
        for n, place in enumerate(places)
    ]
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return file


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House.open(settings_of(tmp_path / "home"))
    yield house
    house.close()


@pytest.fixture
def follows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every layer be too large to be cut in all grids at once."""
    monkeypatch.setattr(other_grids, "AT_ONCE", 0)


def ingest(house: House, places: Sequence[tuple[float, float]] = around(SEOUL), **said: Any) -> IngestReport:
    file = points(house.settings.home / "places.geojson", places)
    (report,) = ingest_in_scratch(house, file, IngestOptions(id="places", **said), silent)
    return report


def grids(house: House, number: int | None = None) -> Mapping[str, Tileset]:
    wanted = number or house.catalogue.layer("places").live.number
    (version,) = (version for version in house.catalogue.versions("places") if version.number == wanted)
    return {tileset.tile_matrix_set: tileset for tileset in version.tilesets}


def waiting(house: House) -> list[str]:
    return [job.params["grid"] for job in house.jobs.newest() if job.kind == "grids" and job.state == "queued"]


def test_a_small_layer_comes_in_all_grids_at_once(house: House) -> None:
    report = ingest(house, maxzoom=14)
    found = grids(house)
    assert list(found) == ALL  # Web Mercator's first: it is what a layer's zooms are told by
    assert report.grids_pending == ()
    assert waiting(house) == []
    for name, tileset in found.items():
        assert tileset.maxzoom == GRIDS[name].zoom_like(14)
        assert tileset.minzoom == 0
        assert tileset.bounds == pytest.approx(found["WebMercatorQuad"].bounds, abs=1e-5)
        assert {part["id"] for part in tileset.vector_layers} == {"places"}


def test_a_server_sees_every_grid_of_a_layer(house: House) -> None:
    ingest(house)
    snapshot = service_of(open_app(house.settings)).keeper.current
    assert set(snapshot.elsewhere) == {("places", grid) for grid in OTHERS}
    for grid in OTHERS:
        pyramid = snapshot.pyramid("places", grid)
        tile = GRIDS[grid].tile(*_middle(grid), pyramid.maxzoom)
        found = pyramid.get(pyramid.maxzoom, *tile)
        assert found is not None
        assert found[:2] == b"\x1f\x8b"


def _middle(grid: str) -> tuple[float, float]:
    from pyproj import Transformer

    x, y = Transformer.from_crs("EPSG:4326", GRIDS[grid].crs, always_xy=True).transform(*around(SEOUL)[0])
    return float(x), float(y)


def test_a_layer_far_from_korea_has_no_tiles_in_korean_grids(house: House) -> None:
    report = ingest(house, around(TOKYO))
    assert list(grids(house)) == ["WebMercatorQuad", "WorldCRS84Quad"]
    assert report.grids_pending == ()
    assert grid_jobs.missing(house.catalogue.layer("places").live) == ()


def test_web_mercator_alone_on_wish(house: House) -> None:
    assert ingest(house, grids="web").grids_pending == ()
    assert list(grids(house)) == ["WebMercatorQuad"]
    assert waiting(house) == []


def test_a_dry_run_cuts_no_other_grid(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(other_grids, "cut", None)
    assert ingest(house, dry_run=True).grids_pending == ()


@pytest.mark.usefixtures("follows")
def test_a_large_layer_is_live_first_and_its_grids_follow(house: House) -> None:
    report = ingest(house)
    assert sorted(report.grids_pending) == OTHERS
    assert sorted(report.to_dict()["grids_pending"]) == OTHERS
    assert list(grids(house)) == ["WebMercatorQuad"]
    before = house.catalogue.generation()
    assert work(house, once=True) == 3
    assert list(grids(house)) == ALL
    assert house.catalogue.generation() > before  # servers watch it
    assert {job.state for job in house.jobs.newest()} == {"done"}
    assert not list((house.settings.home / "jobs").iterdir())


@pytest.mark.usefixtures("follows")
def test_grids_that_follow_are_those_cut_at_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest(house)
    work(house, once=True)
    followed = {name: tileset.archive for name, tileset in grids(house).items()}
    monkeypatch.undo()
    assert ingest(house).grids_pending == ()
    at_once = {name: tileset.archive for name, tileset in grids(house).items()}
    assert at_once == followed  # by their hashes


@pytest.mark.usefixtures("follows")
def test_a_following_job_done_twice_changes_nothing(house: House) -> None:
    ingest(house)
    work(house, once=True)
    once = grids(house)
    for params in grid_jobs.parameters(house.catalogue.layer("places").live, OTHERS):
        house.jobs.submit("grids", params)
    assert work(house, once=True) == 3
    assert grids(house) == once


@pytest.mark.usefixtures("follows")
def test_a_job_that_was_cancelled_adds_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest(house)
    job = house.jobs.claim(worker_name())
    assert job is not None
    monkeypatch.setattr(other_grids, "verify_tiles", lambda path, tiles: house.jobs.cancel(job.id))
    with pytest.raises(JobLost):
        run_job(house, job, find_handler("grids"))
    assert list(grids(house)) == ["WebMercatorQuad"]


@pytest.mark.usefixtures("follows")
def test_grids_go_to_their_own_version_whichever_is_live(house: House) -> None:
    ingest(house)
    ingest(house, around(SEOUL, 60), grids="web")
    work(house, once=True)
    assert list(grids(house, 1)) == ALL
    assert list(grids(house, 2)) == ["WebMercatorQuad"]
    house.catalogue.rollback("places")
    assert list(grids(house)) == ALL


@pytest.mark.usefixtures("follows")
@pytest.mark.parametrize("purged", [True, False])
def test_a_layer_that_is_gone_ends_its_jobs_quietly(house: House, purged: bool) -> None:
    ingest(house)
    house.catalogue.delete("places")
    if purged:
        house.catalogue.purge(house.catalogue.now())
    assert work(house, once=True) == 3
    ended = [job for job in house.jobs.newest() if job.kind == "grids"]
    assert {job.state for job in ended} == {"done"}
    assert {job.result["left_out"] for job in ended if job.result} == {"the layer is gone"}


def test_tilesets_of_a_version_that_is_not_there_are_refused(house: House) -> None:
    ingest(house)
    with pytest.raises(UnknownVersion):
        house.catalogue.add_tilesets("places", 7, list(grids(house).values()), lambda connection: None)


@pytest.mark.usefixtures("follows")
def test_the_next_version_copies_tiles_grid_by_grid(house: House) -> None:
    ingest(house)
    work(house, once=True)
    ingest(house, [*around(SEOUL), (127.3, 37.6)])
    work(house, once=True)
    newest = [job.result for job in house.jobs.newest() if job.params.get("version") == 2]
    assert len(newest) == 3
    for result in newest:
        assert result is not None
        assert 0 < result["tiles_kept"] < result["tiles"]


@pytest.mark.usefixtures("follows")
def test_whoever_waits_for_a_file_goes_before_grids(house: House) -> None:
    ingest(house)
    house.jobs.submit("ingest", {"file": "later.shp"})
    job = house.jobs.claim(worker_name())
    assert job is not None
    assert job.kind == "ingest"


def test_every_archive_of_a_version_is_kept_verified_and_backed_up(house: House, tmp_path: Path) -> None:
    ingest(house)
    assert len(house.catalogue.archives()) == 5  # four grids and the source
    assert sweep(house, grace_s=0) == []
    tileset = grids(house)["EPSG5186"]
    backup(house, tmp_path / "backup.tar", silent)
    with house.storage.path(tileset.archive).open("r+b") as file:
        file.write(b"damaged")
    assert [error.file for error in verify(house, silent)] == [str(house.storage.path(tileset.archive))]
    again = settings_of(tmp_path / "again")
    assert restore(again, tmp_path / "backup.tar") == 5
    _all_grids_of(again)


def _all_grids_of(settings: Settings) -> None:
    restored = House.open(settings)
    try:
        assert list(grids(restored)) == ALL
        assert verify(restored, silent) == []
    finally:
        restored.close()


def test_a_damaged_grid_of_the_version_before_is_cut_anew(house: House) -> None:
    ingest(house)
    broken = grids(house)["EPSG5179"]
    house.storage.path(broken.archive).write_bytes(b"damaged")
    ingest(house, around(SEOUL, 60))
    house.storage.verify(grids(house)["EPSG5179"].archive)


def test_layers_without_grids_get_them_on_command(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    file = points(tmp_path / "places.geojson", around(SEOUL))
    naru_json("ingest", str(file), "--id", "places", "--grids", "web", home=home)
    assert naru_json("layers", "show", "places", home=home)["grids"] == ["WebMercatorQuad"]
    jobs = naru_json("layers", "grids", home=home)["jobs"]
    assert sorted(job["grid"] for job in jobs) == OTHERS
    assert naru_json("work", "--once", home=home) == {"jobs": 3}
    shown = naru_json("layers", "show", "places", home=home)
    assert shown["grids"] == ALL
    assert [tileset["tms"] for tileset in shown["versions"][0]["tilesets"]] == ALL
    assert naru_json("layers", "grids", "places", home=home) == {"jobs": []}
