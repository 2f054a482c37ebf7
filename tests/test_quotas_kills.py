"""Death at any moment: what a killed worker used is counted, what it did not use comes back, nothing twice."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from naru.database import Database
from naru.errors import QuotaExceeded, QuotaUnavailable
from tests.quotas import Clock, counted, make_key, make_meter, spend
from tileserver import cells as cells_module
from tileserver.cells import Cells
from tileserver.quota.meter import QuotaMeter
from tileserver.quota.recovery import settle_dead
from tileserver.quota.sql import SqlQuotaStore
from tileserver.quota.stores import Grant, Left, Order, Settlement


@pytest.fixture
def store(sqlite_database: str) -> Iterator[SqlQuotaStore]:
    database = Database.open(sqlite_database)
    yield SqlQuotaStore(database)
    database.close()


@pytest.fixture
def clock() -> Clock:
    return Clock("2026-11-22 03:00:00")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "quota"


@pytest.fixture
def worker(store: SqlQuotaStore, clock: Clock, folder: Path) -> Callable[..., QuotaMeter]:
    """Return a function that makes a worker's meter, its cells in one folder."""
    return lambda its_store=store: make_meter(its_store, clock, folder=folder)


def die(meter: QuotaMeter) -> None:
    """Let a meter go as a killed process does: nothing is told, its file's lock is free."""
    cells = meter._cells
    assert isinstance(cells, Cells)
    cells.close()


Worker = Callable[..., QuotaMeter]


def test_what_a_dead_worker_did_not_use_comes_back(worker: Worker, store: SqlQuotaStore) -> None:
    dead, alive, key = worker(), worker(), make_key(day=50)
    assert spend(dead, key, 2) == 2  # of six
    die(dead)
    alive.settle()
    assert counted(store) == 2
    assert spend(alive, key, 60) == 48


def test_the_living_are_not_settled(worker: Worker, store: SqlQuotaStore) -> None:
    first, second, key = worker(), worker(), make_key(day=50)
    spend(first, key, 2)
    second.settle()
    assert counted(store) == 0
    assert spend(first, key, 4) + spend(second, key, 60) == 48


def test_a_key_without_quotas_is_counted_too(worker: Worker, store: SqlQuotaStore) -> None:
    dead, alive = worker(), worker()
    spend(dead, make_key(), 7)
    die(dead)
    alive.settle()
    assert counted(store) == 7


def test_requests_after_the_last_settlement_are_counted(worker: Worker, store: SqlQuotaStore) -> None:
    dead, keys = worker(), [make_key(key_id="free"), make_key(day=500, key_id="bound")]
    for key in keys:
        spend(dead, key, 3)
    dead.settle()
    for key in keys:
        spend(dead, key, 2)
    dead.admit(keys[0]).refund()
    die(dead)
    worker().settle()
    assert [counted(store, key_id=key.id) for key in keys] == [5, 5]


class Mortal(SqlQuotaStore):
    """A store whose caller is killed after a certain call has done its work."""

    def __init__(self, database: Database, lives: int) -> None:
        super().__init__(database)
        self.lives = lives

    def lease(self, order: Order) -> Grant:
        return self._outlive(super().lease(order))

    def settle(self, settlements: Sequence[Settlement]) -> Mapping[str, Left]:
        return self._outlive(super().settle(settlements))

    def _outlive(self, answer):  # type: ignore[no-untyped-def]
        self.lives -= 1
        if self.lives < 0:
            raise KeyboardInterrupt
        return answer


@pytest.mark.parametrize("lives", range(7))
def test_death_after_any_word_with_the_store_counts_once(
    worker: Worker, store: SqlQuotaStore, folder: Path, lives: int
) -> None:
    """A worker dies at each of its calls in turn, then the one that settles it does, then another settles both."""
    dying, keys = worker(Mortal(store._database, lives)), [make_key(day=50), make_key(key_id="free")]
    granted = {key.id: 0 for key in keys}
    try:
        for _ in range(2):
            for key in keys:
                for _ in range(4):
                    dying.admit(key)
                    granted[key.id] += 1
            dying.settle()
        dying.settle(close=True)
    except KeyboardInterrupt:
        die(dying)
    for heirs_lives in (0, 1):
        with contextlib.suppress(KeyboardInterrupt):
            settle_dead(Mortal(store._database, heirs_lives), folder)
    worker().settle()
    assert [counted(store, key_id=key.id) for key in keys] == list(granted.values())
    assert spend(worker(), keys[0], 60) == 50 - granted["key-a"]


class Mute(SqlQuotaStore):
    """A store that does what it is asked, and whose answer is lost."""

    mute = False

    def lease(self, order: Order) -> Grant:
        return self._answer(super().lease(order))

    def settle(self, settlements: Sequence[Settlement]) -> Mapping[str, Left]:
        return self._answer(super().settle(settlements))

    def _answer(self, answer):  # type: ignore[no-untyped-def]
        if self.mute:
            raise QuotaUnavailable("the connection broke")
        return answer


def test_answers_that_are_lost_cost_nobody_a_unit(worker: Worker, store: SqlQuotaStore, clock: Clock) -> None:
    mute, key = Mute(store._database), make_key(day=50)
    meter, granted = worker(mute), 0
    for number in range(400):
        mute.mute = number % 3 == 0
        clock.now += 3  # the silence is over
        with contextlib.suppress(QuotaUnavailable, QuotaExceeded):
            meter.admit(key)
            granted += 1
        if number % 5 == 0:
            with contextlib.suppress(QuotaUnavailable):
                meter.settle()
    mute.mute = False
    meter.settle(close=True)
    assert granted == 50 == counted(store)


def test_after_a_power_failure_leases_count_as_used_whole(
    worker: Worker, store: SqlQuotaStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dead, key = worker(), make_key(day=50)
    spend(dead, key, 2)  # of six
    die(dead)
    boot = tmp_path / "boot_id"
    boot.write_text("00000000-0000-4000-8000-000000000001\n")
    monkeypatch.setattr(cells_module, "_BOOT_ID", boot)
    alive = worker()
    alive.settle()
    assert counted(store) == 6
    assert spend(alive, key, 60) == 44


def test_leases_whose_cells_are_gone_count_as_used_whole(worker: Worker, folder: Path) -> None:
    dead, key = worker(), make_key(day=50)
    spend(dead, key, 2)
    die(dead)
    for file in folder.iterdir():
        file.unlink()
    assert spend(worker(), key, 60) == 44


def test_a_name_that_the_disk_has_spoilt_is_passed_over(worker: Worker, store: SqlQuotaStore, folder: Path) -> None:
    dead, key = worker(), make_key(day=50)
    spend(dead, key, 2)
    cells = dead._cells
    cells.slot("no lease")
    die(dead)
    worker().settle()
    assert counted(store) == 2
    assert len(list(folder.iterdir())) == 1  # the new worker's


def test_nothing_is_left_after_a_polite_end(worker: Worker, folder: Path) -> None:
    meter = worker()
    spend(meter, make_key(day=50), 2)
    spend(meter, make_key(key_id="free"), 2)
    meter.settle(close=True)
    assert list(folder.iterdir()) == []


def test_where_no_cells_can_be_had_requests_are_still_let_through(
    store: SqlQuotaStore, clock: Clock, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    meter = make_meter(store, clock, folder=file)
    assert spend(meter, make_key(day=5), 9) == 5
    meter.settle(close=True)
    assert counted(store) == 5


def test_processes_that_are_killed_leave_exact_counts(sqlite_database: str, folder: Path) -> None:
    """The large version of this is bench/quota.py."""
    Database.open(sqlite_database).close()
    granted, kills = 0, 3
    for _ in range(kills):
        words = [sys.executable, "-c", _SPENDING, sqlite_database, str(folder)]
        child = subprocess.Popen(words, stdout=subprocess.PIPE)
        assert child.stdout is not None
        told = [child.stdout.readline() for _ in range(300)]
        child.send_signal(signal.SIGKILL)
        told += child.stdout.readlines()
        child.wait()
        child.stdout.close()
        granted += len([line for line in told if line == b"granted\n"])
    database = Database.open(sqlite_database)
    store = SqlQuotaStore(database)
    settle_dead(store, folder)
    assert 0 <= counted(store) - granted <= kills
    meter = make_meter(store, Clock("2026-11-22 03:00:00"), folder=folder)
    rest = spend(meter, make_key(day=100_000), 100_001)
    meter.settle(close=True)
    assert counted(store) == 100_000
    assert 0 <= 100_000 - granted - rest <= kills
    database.close()


_SPENDING = """
import os, sys
from pathlib import Path
from naru.database import Database
from tests.quotas import Clock, make_key, make_meter
from tileserver.quota.sql import SqlQuotaStore
store = SqlQuotaStore(Database.open(sys.argv[1]))
meter, key = make_meter(store, Clock("2026-11-22 03:00:00"), folder=Path(sys.argv[2])), make_key(day=100_000)
meter.settle()
for _ in range(20_000):
    meter.admit(key)
    os.write(1, b"granted\\n")
"""
