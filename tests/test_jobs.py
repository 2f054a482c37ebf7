"""Jobs: claimed by lease, fenced, tried at most so often, told to people."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from naru.database import Database
from naru.errors import JobLost, NoFeatures, UnknownJob
from naru.house import House
from naru.jobs import LEASE, JobQueue
from naru.records import Job
from naru.schema import job_log
from naru.settings import Settings
from naru.work import Heartbeat, run_job


class Clock:
    """A clock that moves when it is told."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def pass_by(self, span: timedelta) -> None:
        self.time += span


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(empty_database: str, clock: Clock) -> Iterator[JobQueue]:
    database = Database.open(empty_database)
    yield JobQueue(database, clock)
    database.close()


def test_the_oldest_job_is_claimed_first(queue: JobQueue, clock: Clock) -> None:
    first = queue.submit("ingest", {"file": "a"})
    clock.pass_by(timedelta(seconds=1))
    queue.submit("ingest", {"file": "b"})
    claimed = queue.claim("w1")
    assert claimed is not None
    assert claimed.id == first.id
    assert (claimed.state, claimed.worker, claimed.attempt) == ("running", "w1", 1)


def test_a_claimed_job_is_not_claimed_again(queue: JobQueue) -> None:
    queue.submit("ingest", {})
    assert queue.claim("w1")
    assert queue.claim("w2") is None


def test_a_heartbeat_keeps_the_lease(queue: JobQueue, clock: Clock) -> None:
    queue.submit("ingest", {})
    job = queue.claim("w1")
    assert job
    for _ in range(5):
        clock.pass_by(LEASE * 0.9)
        queue.heartbeat(job, progress=0.5, message="encode")
        assert queue.claim("w2") is None
    assert queue.job(job.id).message == "encode"


def test_a_silent_workers_job_is_taken_over_and_it_is_fenced_off(queue: JobQueue, clock: Clock) -> None:
    queue.submit("ingest", {})
    zombie = queue.claim("w1")
    clock.pass_by(LEASE * 1.1)
    heir = queue.claim("w2")
    assert zombie
    assert heir
    assert (heir.id, heir.attempt) == (zombie.id, 2)
    with pytest.raises(JobLost):
        queue.heartbeat(zombie)
    with pytest.raises(JobLost):
        queue.finish(zombie, {})
    queue.finish(heir, {"layers": []})
    assert queue.job(heir.id).state == "done"


def test_after_three_tries_a_job_has_failed(queue: JobQueue, clock: Clock) -> None:
    job = queue.submit("ingest", {})
    for _ in range(3):
        assert queue.claim("w")
        clock.pass_by(LEASE * 1.1)
    assert queue.claim("w") is None
    ended = queue.job(job.id)
    assert ended.state == "failed"
    assert ended.error
    assert "naru jobs show" in str(ended.error["remedy"])


def test_a_cancelled_job_stops_its_worker(queue: JobQueue) -> None:
    queue.submit("ingest", {})
    job = queue.claim("w1")
    assert job
    assert queue.cancel(job.id).state == "cancelled"
    with pytest.raises(JobLost):
        queue.heartbeat(job)
    assert queue.claim("w2") is None


def test_an_unknown_job_is_named(queue: JobQueue) -> None:
    with pytest.raises(UnknownJob, match="nowhere"):
        queue.job("nowhere")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    opened = House.open(Settings.from_environ({}, home=tmp_path / "home"))
    yield opened
    opened.close()


def test_a_handler_that_succeeds_leaves_result_and_log(house: House) -> None:
    job = house.jobs.submit("x", {}, claim_as="me")

    def handler(_house: House, _job: object, progress: object) -> dict[str, int]:
        progress(0.5, "half way")  # type: ignore[operator]
        return {"n": 1}

    assert run_job(house, job, handler) == {"n": 1}
    ended = house.jobs.job(job.id)
    assert (ended.state, ended.progress, ended.result) == ("done", 1.0, {"n": 1})
    assert [message for _, message in house.jobs.log(job.id)] == ["claimed by me", "half way", "done"]


def test_bad_input_fails_at_once_and_a_fault_is_tried_again(house: House) -> None:
    def refuse(*_: object) -> dict[str, int]:
        raise NoFeatures("empty", file="a.shp", remedy="look")

    def crash(*_: object) -> dict[str, int]:
        raise RuntimeError("boom")

    refused = house.jobs.submit("x", {}, claim_as="me")
    with pytest.raises(NoFeatures):
        run_job(house, refused, refuse)
    assert house.jobs.job(refused.id).state == "failed"
    assert house.jobs.job(refused.id).error == NoFeatures("empty", file="a.shp", remedy="look").to_dict()

    crashed = house.jobs.submit("x", {}, claim_as="me")
    with pytest.raises(RuntimeError):
        run_job(house, crashed, crash)
    again = house.jobs.claim("other")
    assert again
    assert (again.id, again.attempt) == (crashed.id, 2)


def test_a_dead_workers_last_try_is_settled_without_another_worker(queue: JobQueue, clock: Clock) -> None:
    job = queue.submit("ingest", {}, claim_as="w1", max_attempts=1)
    queue.settle()
    assert queue.job(job.id).state == "running"
    clock.pass_by(LEASE * 1.1)
    queue.settle()
    assert queue.job(job.id).state == "failed"


def test_a_job_that_may_not_be_tried_again_fails_with_its_own_reason(house: House) -> None:
    def crash(*_: object) -> dict[str, int]:
        raise RuntimeError("boom")

    job = house.jobs.submit("x", {}, claim_as="me", max_attempts=1)
    with pytest.raises(RuntimeError):
        run_job(house, job, crash)
    ended = house.jobs.job(job.id)
    assert (ended.state, ended.message) == ("failed", "stopped: RuntimeError: boom")
    assert "boom" in str(ended.error)


def test_a_handler_may_finish_its_job_with_what_it_writes(queue: JobQueue) -> None:
    queue.submit("ingest", {})
    job = queue.claim("w1")
    assert job
    with queue.database.write() as connection:
        queue.finish_within(connection, job, {"n": 1})
    queue.finish(job, {"n": 2})  # said again by whoever runs the handler
    assert queue.job(job.id).result == {"n": 1}


def test_what_a_cancelled_job_writes_is_undone(queue: JobQueue) -> None:
    queue.submit("ingest", {})
    job = queue.claim("w1")
    assert job
    queue.cancel(job.id)
    with pytest.raises(JobLost), queue.database.write() as connection:
        connection.execute(job_log.insert().values(job_id=job.id, at=queue.now(), message="written"))
        queue.finish_within(connection, job, {})
    assert queue.job(job.id).state == "cancelled"
    assert "written" not in [message for _, message in queue.log(job.id)]


class SilentOnce(JobQueue):
    """A queue whose database does not answer the first heartbeat."""

    def __init__(self, queue: JobQueue) -> None:
        super().__init__(queue.database, queue.now)
        self.beats = 0
        self.through = threading.Event()

    def heartbeat(self, job: Job, *, progress: float | None = None, message: str | None = None) -> None:
        self.beats += 1
        if self.beats == 1:
            raise OperationalError("UPDATE", {}, Exception("database is locked"))
        super().heartbeat(job, progress=progress, message=message)
        self.through.set()


def test_a_heartbeat_outlives_a_database_that_does_not_answer(house: House) -> None:
    job = house.jobs.submit("x", {}, claim_as="me")
    queue = SilentOnce(house.jobs)
    with Heartbeat(queue, job, every_s=0.001):
        assert queue.through.wait(30)


def test_active_jobs_are_those_that_have_not_ended(queue: JobQueue) -> None:
    waiting, ended = queue.submit("ingest", {}), queue.submit("ingest", {})
    running = queue.submit("ingest", {}, claim_as="w1")
    queue.cancel(ended.id)
    assert queue.active() == {waiting.id, running.id}
