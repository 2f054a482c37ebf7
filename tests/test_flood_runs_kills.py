"""Floods in worker processes of their own: killed, another goes on with them; cancelled, they stop at once."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from naru import runs
from naru.house import House
from naru.runs import KIND
from naru.settings import Settings
from naru.work import work
from tests.valleys import read, write_scenario
from twin.runs import checkpoint

LEASE_S = 1.0
WORKER = f"""
import sys
from datetime import timedelta
from naru import jobs, work
from naru.house import House
from naru.settings import Settings
jobs.LEASE, work._BEAT_S = timedelta(seconds={LEASE_S}), 0.25
work.work(House.open(Settings.from_environ({{}}, home=sys.argv[1])), once=True)
"""
LONG = {"duration_h": 200, "output_every_min": 600}  # a minute of work: nobody waits for its end


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    found = House.open(Settings.from_environ({}, home=tmp_path / "home"))
    yield found
    found.close()


@pytest.fixture
def worker(house: House) -> Iterator[list[subprocess.Popen[bytes]]]:
    """A worker process that is started by appending to nothing: the list holds what must be gone at the end."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def start_worker(house: House, started: list[subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", WORKER, str(house.settings.home)])
    started.append(process)
    return process


def reached_s(folder: Path) -> float:
    """The simulated time of the last checkpoint."""
    saved = checkpoint.load(folder)
    return 0.0 if saved is None else float(saved["flood"]["facts"]["time_s"])


def wait_until(what: str, true: object, seconds: float = 40.0) -> None:
    until = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < until, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def test_a_run_whose_worker_was_killed_is_gone_on_with_when_its_lease_runs_out(
    house: House, tmp_path: Path, worker: list[subprocess.Popen[bytes]]
) -> None:
    scenario = write_scenario(tmp_path, duration_h=1.5, output_every_min=15)
    run = house.jobs.submit(KIND, {"scenario": str(scenario), "checkpoint_s": 0.0}).id
    folder = house.runs.folder(run)
    process = start_worker(house, worker)
    wait_until("a checkpoint on the way", lambda: reached_s(folder) > 200)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    left = reached_s(folder)
    assert left < 5000, "it ended before it could be killed"
    assert work(house, once=True) == 0, "its lease had not run out yet"
    assert house.jobs.job(run).state == "running"
    killed = time.monotonic()
    wait_until("the lease", lambda: work(house, once=True) == 1)
    assert time.monotonic() - killed < 30
    job = house.jobs.job(run)
    assert (job.state, job.attempt) == ("done", 2), job.error
    whole = house.jobs.submit(KIND, {"scenario": str(scenario)}).id
    work(house, once=True)
    told, other = runs.told(folder), runs.told(house.runs.folder(whole))
    assert told is not None and other is not None
    assert {k: told[k] for k in ("steps", "volume", "gauges")} == {
        k: other[k] for k in ("steps", "volume", "gauges")
    }
    assert np.array_equal(read(folder / "max_depth.tif"), read(house.runs.folder(whole) / "max_depth.tif"), True)


@pytest.mark.parametrize("change", [{}, {"vary": {"manning_n": [0.02, 0.03, 0.05]}}], ids=["one", "ensemble"])
def test_a_cancelled_run_stops_within_three_seconds_and_leaves_nothing(
    house: House, tmp_path: Path, worker: list[subprocess.Popen[bytes]], change: dict[str, object]
) -> None:
    scenario = write_scenario(tmp_path, **LONG, **change)
    run = house.jobs.submit(KIND, {"scenario": str(scenario), "checkpoint_s": 0.0}).id
    process = start_worker(house, worker)
    wait_until("the water flows", lambda: house.jobs.job(run).progress > 0.0199)
    if change:
        time.sleep(2.0)  # until its members have processes
    house.jobs.cancel(run)
    began = time.monotonic()
    process.wait(20)
    spent = time.monotonic() - began
    assert spent < 3.0, f"{spent:.1f} s"
    assert house.jobs.job(run).state == "cancelled"
    assert not house.runs.folder(run).exists()
