"""`/api/jobs` and its events: who sees which job, what it tells, how it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from naru.errors import NoFeatures
from naru.house import House
from naru.records import Job, Progress
from naru.stations import STARTS, between, station_at
from naru.work import run_job
from tests.handing_in import Staff, events, geojson, staff
from tests.serving import make_home, open_app, service_of
from tileserver.managing import job_events


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    opened = open_app(make_home(tmp_path_factory.mktemp("jobs") / "home"))
    yield opened
    service_of(opened).close()


@pytest.fixture(scope="module")
def boss(app: Flask) -> Staff:
    return staff(app)


@pytest.fixture
def house(app: Flask) -> House:
    return service_of(app).house


def told(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.get_json(force=True)["code"]


# --- who sees what --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("permissions", "sees_others"),
    [({}, True), ({"access": "public"}, False), ({"layers": frozenset(("a",))}, False)],
)
def test_a_key_sees_its_own_jobs_and_all_if_it_reaches_all(
    app: Flask, boss: Staff, permissions: dict[str, Any], sees_others: bool
) -> None:
    clerk = staff(app, **permissions)
    mine = clerk.job_of(clerk.send(("a.geojson", geojson()), id="a"))["id"]
    others = boss.job_of(boss.send(("비밀.geojson", geojson()), visibility="private"))["id"]
    listed = {job["id"] for job in clerk.get("/api/jobs").get_json()["jobs"]}
    assert mine in listed and (others in listed) == sees_others
    for path in (f"/api/jobs/{others}", f"/api/jobs/{others}/events"):
        if sees_others and path.endswith("events"):
            continue  # it would stream until the job ends
        assert (clerk.get(path).status_code == 200) == sees_others
    cancelled = clerk.client.delete(f"/api/jobs/{others}", headers=clerk.headers)
    assert (cancelled.status_code == 200) == sees_others
    clerk.client.delete(f"/api/jobs/{mine}", headers=clerk.headers)
    boss.client.delete(f"/api/jobs/{others}", headers=boss.headers)


@pytest.mark.parametrize("job_id", ["none", "..", "%00", "x" * 400, "한글"])
def test_an_unknown_job_is_404(boss: Staff, job_id: str) -> None:
    answer = boss.get(f"/api/jobs/{job_id}")
    assert answer.status_code == 404


def test_jobs_of_the_command_line_are_shown_too(boss: Staff, house: House) -> None:
    job = house.jobs.submit("ingest", {"file": "/data/\udcbc\udcad/\udcbf\udcef.shp"})
    shown = boss.get(f"/api/jobs/{job.id}").get_json()
    assert shown["file"] and "/data" not in shown["file"]
    house.jobs.cancel(job.id)


# --- cancelling -----------------------------------------------------------------------------------


def test_a_job_that_waits_is_cancelled_and_its_bytes_are_gone(boss: Staff) -> None:
    job = boss.job_of(boss.send(("a.geojson", geojson()), id="never"))["id"]
    assert boss.uploads() == [job]
    answer = boss.client.delete(f"/api/jobs/{job}", headers=boss.headers).get_json()
    assert (answer["state"], answer["stage"]) == ("cancelled", "waiting")
    assert boss.uploads() == [] and boss.work() == 0
    assert boss.client.delete(f"/api/jobs/{job}", headers=boss.headers).get_json()["state"] == "cancelled"


def test_a_job_at_work_stops_within_two_seconds_of_being_cancelled(boss: Staff, house: House) -> None:
    boss.send(("a.geojson", geojson()), id="never")
    job = house.jobs.claim("me")
    assert job
    started, ended = threading.Event(), threading.Event()

    def slow(_house: House, _job: Job, progress: Progress) -> dict[str, Any]:
        while True:  # as a parser that has nothing new to say
            progress(0.3, "reading")
            started.set()
            time.sleep(0.05)

    def run() -> None:
        with pytest.raises(Exception, match="cancelled"):
            run_job(house, job, slow)
        ended.set()

    worker = threading.Thread(target=run)
    worker.start()
    assert started.wait(10)
    before = time.monotonic()
    boss.client.delete(f"/api/jobs/{job.id}", headers=boss.headers)
    assert ended.wait(10)
    worker.join()
    assert time.monotonic() - before < 2
    assert boss.uploads() == []


def test_bytes_stay_for_another_try(boss: Staff, house: House) -> None:
    boss.send(("a.geojson", geojson()), id="again")
    job = house.jobs.claim("me")
    assert job

    def crash(*_: object) -> dict[str, Any]:
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError):
        run_job(house, job, crash)
    assert boss.uploads() == [job.id]
    assert boss.work() == 1
    assert boss.get(f"/api/jobs/{job.id}").get_json()["state"] == "done"
    assert boss.uploads() == []


# --- progress -------------------------------------------------------------------------------------


def test_stations_fill_the_way_in_order() -> None:
    said: list[float] = []
    names = list(STARTS)
    for name in names:
        between(lambda fraction, _: said.append(fraction), name, name)(0.0, "")
    assert said == sorted(STARTS.values()) and [station_at(fraction) for fraction in said] == names
    between(lambda fraction, _: said.append(fraction), "publish", "publish")(1.0, "")
    assert (said[-1], station_at(1.0), station_at(-1.0)) == (1.0, "publish", "receive")


def stream(boss: Staff, job_id: str) -> list[tuple[str, Any]]:
    answer = boss.get(f"/api/jobs/{job_id}/events")
    assert (answer.status_code, answer.mimetype) == (200, "text/event-stream")
    assert (answer.headers["Cache-Control"], answer.headers["X-Accel-Buffering"]) == ("no-store", "no")
    assert "Access-Control-Allow-Origin" not in answer.headers
    return list(events(answer.get_data()))


def test_events_tell_the_stations_in_order_and_end_with_the_result(
    boss: Staff, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_events, "LOOK_S", 0.01)
    job_id = boss.job_of(boss.send(("a.geojson", geojson()), id="told"))["id"]
    heard: list[tuple[str, Any]] = []
    listener = threading.Thread(target=lambda: heard.extend(stream(boss, job_id)))
    listener.start()
    time.sleep(0.2)
    boss.work()
    listener.join(20)
    names, stages = [name for name, _ in heard], [data["stage"] for _, data in heard]
    assert names[-1] == "done" and set(names[:-1]) == {"progress"}
    order = ["waiting", *STARTS]
    assert stages == sorted(stages, key=order.index) and stages[0] == "waiting" and stages[-1] == "publish"
    assert len(set(stages)) >= 3
    fractions = [data["progress"] for _, data in heard]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0
    assert heard[-1][1] == boss.get(f"/api/jobs/{job_id}").get_json()


def test_events_of_a_job_that_has_ended_are_its_end(boss: Staff, house: House) -> None:
    failed = boss.job_of(boss.send(("a.geojson", b"{")))["id"]
    gone = boss.job_of(boss.send(("a.geojson", b"{")))["id"]
    house.jobs.cancel(gone)
    boss.work()
    [(name, data)] = stream(boss, failed)
    assert (name, data["state"]) == ("failed", "failed") and data["error"]["code"]
    assert [name for name, _ in stream(boss, gone)] == ["cancelled"]


def test_a_failed_job_says_at_which_station(boss: Staff, house: House) -> None:
    job = house.jobs.submit("x", {"grant": {"key": boss.key_id}}, claim_as="me")

    def refuse(_house: House, _job: Job, progress: Progress) -> dict[str, Any]:
        progress(STARTS["encode"] + 0.01, "encoding")
        raise NoFeatures("nothing", remedy="look")

    with pytest.raises(NoFeatures):
        run_job(house, job, refuse)
    shown = boss.get(f"/api/jobs/{job.id}").get_json()
    assert (shown["state"], shown["stage"]) == ("failed", "encode")


def test_a_silent_stream_is_kept_alive_and_ends_by_itself(boss: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_events, "LOOK_S", 0.01)
    monkeypatch.setattr(job_events, "SILENCE_S", 0.05)
    monkeypatch.setattr(job_events, "LONGEST_S", 0.5)
    job_id = boss.job_of(boss.send(("a.geojson", geojson())))["id"]
    body = boss.get(f"/api/jobs/{job_id}/events").get_data()
    assert body.startswith(b"retry: ") and body.count(b": still there") >= 2
    assert [name for name, _ in events(body)] == ["progress"]
    boss.client.delete(f"/api/jobs/{job_id}", headers=boss.headers)


def test_streams_beyond_the_places_tell_how_it_stands_and_end(boss: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_events, "_places", threading.BoundedSemaphore(1))
    job_id = boss.job_of(boss.send(("a.geojson", geojson())))["id"]
    lasting = boss.get(f"/api/jobs/{job_id}/events")
    first = iter(lasting.response)
    assert next(first).startswith(b"retry: ") and b"queued" in next(first)  # it holds the only place
    assert [name for name, _ in events(boss.get(f"/api/jobs/{job_id}/events").get_data())] == ["progress"]
    boss.client.delete(f"/api/jobs/{job_id}", headers=boss.headers)
    lasting.close()
    assert [name for name, _ in events(boss.get(f"/api/jobs/{job_id}/events").get_data())] == ["cancelled"]


def test_a_stream_is_sent_while_it_is_made(boss: Staff) -> None:
    job_id = boss.job_of(boss.send(("a.geojson", geojson())))["id"]
    stream = boss.get(f"/api/jobs/{job_id}/events")
    assert not stream.is_sequence  # nothing has read it to its end, which is minutes away
    assert next(iter(stream.response)).startswith(b"retry: ")
    stream.close()
    boss.client.delete(f"/api/jobs/{job_id}", headers=boss.headers)


def test_streams_leave_no_connection_behind(boss: Staff, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_events, "LOOK_S", 0.01)
    monkeypatch.setattr(job_events, "LONGEST_S", 0.1)
    job_id = boss.job_of(boss.send(("a.geojson", geojson())))["id"]
    for _ in range(20):
        boss.get(f"/api/jobs/{job_id}/events").get_data()
    assert house.database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    boss.client.delete(f"/api/jobs/{job_id}", headers=boss.headers)
