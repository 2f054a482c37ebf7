"""The studio: one drawing for many callers, a few at a time, refusals under pressure, bounded memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from naru.errors import ArchiveDamaged, ServerBusy
from naru.house import House
from tests.rasters import FULL, Scene, publish_raster
from tests.serving import Fake, make_home, open_app, service_of
from tileserver.rasters import studio as studio_module
from tileserver.rasters.looks import Look, Subject
from tileserver.rasters.studio import Studio

LOOK = Look("png")


class SlowEasel:
    """Draws when it is let, and counts."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.drawn: list[tuple[int, int, int]] = []
        self.here = self.most = 0
        self.fault: Exception | None = None
        self._lock = threading.Lock()

    def draw(self, subject: Any, look: Look, z: int, x: int, y: int) -> bytes | None:
        with self._lock:
            self.here += 1
            self.most = max(self.most, self.here)
        assert self.gate.wait(20)
        with self._lock:
            self.here -= 1
            self.drawn.append((z, x, y))
        if self.fault:
            raise self.fault
        return b"%d/%d/%d" % (z, x, y)


@pytest.fixture
def easel(monkeypatch: pytest.MonkeyPatch) -> SlowEasel:
    made = SlowEasel()
    monkeypatch.setattr(studio_module, "_new_easel", lambda: made)
    return made


def subject() -> Subject:
    return Subject(Path("none.tif"), None, None)  # type: ignore[arg-type]


def until(true: Any) -> None:
    deadline = time.monotonic() + 10
    while not true() and time.monotonic() < deadline:
        time.sleep(0.002)
    assert true()


def test_callers_of_one_cold_tile_draw_it_once(easel: SlowEasel) -> None:
    studio = Studio()
    with ThreadPoolExecutor(12) as pool:
        asked = [pool.submit(studio.draw, "v", subject(), LOOK, (1, 0, 0)) for _ in range(12)]
        until(lambda: studio.here == 12)
        easel.gate.set()
        assert {future.result(10) for future in asked} == {b"1/0/0"}
    assert easel.drawn == [(1, 0, 0)]
    assert studio.here == 0


def test_one_failure_is_told_to_all_who_waited_and_not_kept(easel: SlowEasel) -> None:
    studio, easel.fault = Studio(), ArchiveDamaged("torn")
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(studio.draw, "v", subject(), LOOK, (1, 0, 0)) for _ in range(4)]
        until(lambda: studio.here == 4)
        easel.gate.set()
        assert [type(future.exception(10)) for future in asked] == [ArchiveDamaged] * 4
    easel.fault = None
    assert studio.draw("v", subject(), LOOK, (1, 0, 0)) == b"1/0/0"
    assert len(easel.drawn) == 2


def test_no_more_are_drawn_at_a_time_than_there_are_easels(easel: SlowEasel) -> None:
    studio = Studio(easels=2)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(studio.draw, "v", subject(), LOOK, (3, x, 0)) for x in range(8)]
        until(lambda: studio.here == 8)
        until(lambda: easel.here == 2)
        easel.gate.set()
        assert len({future.result(10) for future in asked}) == 8
    assert easel.most == 2


def test_who_comes_when_too_many_are_here_is_refused_but_kept_pictures_are_given(easel: SlowEasel) -> None:
    studio = Studio(easels=1, most_here=3)
    easel.gate.set()
    studio.draw("v", subject(), LOOK, (0, 0, 0))
    easel.gate.clear()
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(studio.draw, "v", subject(), LOOK, (3, x, 0)) for x in range(3)]
        until(lambda: studio.here == 3)
        with pytest.raises(ServerBusy):
            studio.draw("v", subject(), LOOK, (3, 7, 0))
        assert studio.draw("v", subject(), LOOK, (0, 0, 0)) == b"0/0/0"
        easel.gate.set()
        for future in asked:
            future.result(10)
    assert studio.draw("v", subject(), LOOK, (3, 7, 0)) == b"3/7/0"


def test_who_waits_too_long_is_refused(easel: SlowEasel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(studio_module, "LONGEST_WAIT_S", 0.05)
    studio = Studio(easels=1)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(studio.draw, "v", subject(), LOOK, (3, 0, 0))
        until(lambda: easel.here == 1)
        for tile in ((3, 0, 0), (3, 1, 0)):  # the same tile, and another
            with pytest.raises(ServerBusy):
                studio.draw("v", subject(), LOOK, tile)
        easel.gate.set()
        assert first.result(10) == b"3/0/0"
    assert studio.here == 0


def test_what_is_kept_is_bounded_and_the_oldest_goes_first(easel: SlowEasel) -> None:
    easel.gate.set()
    studio = Studio(most_bytes=2100)  # a picture costs its bytes and some two hundred
    for x in range(20):
        studio.draw("v", subject(), LOOK, (8, x, 0))
    easel.drawn.clear()
    for x in (19, 18, 11, 0):
        studio.draw("v", subject(), LOOK, (8, x, 0))
    assert easel.drawn == [(8, 0, 0)]


def test_another_version_is_another_picture(easel: SlowEasel) -> None:
    easel.gate.set()
    studio = Studio()
    for version in ("one", "two", "one"):
        studio.draw(version, subject(), LOOK, (0, 0, 0))
    assert len(easel.drawn) == 2


# --- over HTTP -----------------------------------------------------------------------------------


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    settings = make_home(tmp_path / "home", Fake("seoul-gu"))
    house = House.open(settings)
    publish_raster(house, Scene("dem", "hills"))
    house.close()
    app = open_app(settings)
    yield app.test_client()
    service_of(app).close()


def test_under_pressure_pictures_are_503_with_retry_after_and_vector_tiles_are_served(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: Any) -> bytes:
        raise ServerBusy("too many", remedy="Later.")

    service = service_of(client.application)
    monkeypatch.setattr(service.studio, "draw", busy)
    z, x, y = FULL
    answer = client.get(f"/tiles/dem/{z}/{x}/{y}.png")
    assert (answer.status_code, answer.json["code"]) == (503, "BUSY")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Cache-Control"] == "no-store"
    assert client.get("/tiles/seoul-gu/2/3/1.mvt").status_code == 200


def test_real_pictures_drawn_by_many_threads_are_those_drawn_by_one(client: FlaskClient) -> None:
    z, x, y = FULL
    paths = [f"/tiles/dem/{z}/{x + k % 2}/{y}.png?rescale=0,{100 + k}" for k in range(24)]
    paths += [f"/tiles/dem/EPSG5179/13/{col}/{row}.png" for col in range(2206, 2210) for row in range(3914, 3918)]
    alone = [client.get(path).data for path in paths]
    service_of(client.application).studio.forget()
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda path: client.application.test_client().get(path).data, paths))
    assert together == alone
