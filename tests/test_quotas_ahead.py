"""Units ahead of need: taken in a thread, given back where others need them, never held against anyone."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from naru.database import Database
from naru.schema import quota_leases
from tests.quotas import TODAY, Clock, counted, make_key, make_meter, spend
from tileserver.quota.sql import SqlQuotaStore
from tileserver.quota.stores import Grant, Order


class Noting(SqlQuotaStore):
    """A store that notes which thread asked for units."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.asked_by: list[str] = []

    def lease(self, order: Order) -> Grant:
        self.asked_by.append(threading.current_thread().name)
        return super().lease(order)


@pytest.fixture
def store(sqlite_database: str) -> Iterator[Noting]:
    database = Database.open(sqlite_database)
    yield Noting(database)
    database.close()


@pytest.fixture
def clock() -> Clock:
    return Clock("2026-11-22 03:00:00")


def test_a_request_asks_the_store_once_while_a_thread_leases_ahead(store: Noting, clock: Clock) -> None:
    meter, key = make_meter(store, clock), make_key(day=10**6)
    for _ in range(50):
        assert spend(meter, key, 100) == 100
        thread = threading.Thread(target=meter.refill, args=(0,), name="refill")
        thread.start()
        thread.join()
        clock.now += 2
    assert store.asked_by == ["MainThread"] + 5 * ["refill"]


def test_who_is_in_haste_gets_more_at_a_time_and_less_again_later(store: Noting, clock: Clock) -> None:
    meter, key = make_meter(store, clock), make_key(day=10**8)
    for _ in range(400):
        assert spend(meter, key, 250) == 250
        meter.refill(0)
        clock.now += 0.01
    assert len(store.asked_by) < 16, "a hundred, if a thousand were had each time"
    clock.now += 60
    held = meter.standing(key)["day"].used
    for _ in range(100):
        assert spend(meter, key, 250) == 250
        meter.refill(0)
        clock.now += 2
    assert meter.standing(key)["day"].used == held + 25_000


def test_nothing_is_leased_ahead_of_the_last_units(store: Noting, clock: Clock) -> None:
    meter, key = make_meter(store, clock), make_key(day=40)
    assert spend(meter, key, 4) == 4  # of five
    meter.refill(0)
    assert len(store.asked_by) == 1


def test_a_store_that_is_away_does_not_end_the_thread(store: Noting, clock: Clock) -> None:
    meter, key = make_meter(store, clock), make_key(day=10**6)
    spend(meter, key, 600)
    store._database.close()
    with store._database.engine.connect() as connection:
        connection.execute(sa.text("ALTER TABLE quota_leases RENAME TO away"))
        connection.commit()
    meter.refill(0)
    assert spend(meter, key, 400) == 400  # of the thousand it had


def test_what_a_busy_worker_holds_is_shared_when_others_need_it(store: Noting, clock: Clock) -> None:
    rich, poor, key = make_meter(store, clock), make_meter(store, clock), make_key(day=4000)
    assert spend(rich, key, 1) == 1  # leases five hundred
    granted = spend(poor, key, 4000)
    assert granted == 3500
    for _ in range(2):
        rich.settle()
        granted += spend(rich, key, 1)
    clock.now += 1.1
    more = spend(poor, key, 4000)
    assert more > 300
    for worker in (rich, poor):
        for _ in range(12):
            worker.settle()
    clock.now += 1.1
    granted += 1 + more + spend(poor, key, 4000)
    assert granted == 4000


def test_the_last_unit_goes_to_whoever_asks(store: Noting, clock: Clock) -> None:
    workers, key = [make_meter(store, clock) for _ in range(8)], make_key(day=3)
    granted = [spend(worker, key, 1) for worker in workers]
    assert granted == [1, 1, 1, 0, 0, 0, 0, 0]


def test_a_lease_that_the_store_has_lost_is_taken_anew(store: Noting, clock: Clock) -> None:
    meter, key = make_meter(store, clock), make_key(day=100)
    spend(meter, key, 3)
    with store._database.write() as connection:
        connection.execute(quota_leases.delete())
    meter.settle()
    assert spend(meter, key, 5) == 5
    for _ in range(3):
        clock.now += 1.1
        spend(meter, key, 200)
        meter.settle()
    assert counted(store) == 88  # twelve went with the lease that was lost


def test_limits_that_change_hold_at_once_without_a_settlement(store: Noting, clock: Clock) -> None:
    meter = make_meter(store, clock)
    assert spend(meter, make_key(day=100), 8) == 8
    assert spend(meter, make_key(day=25), 60) == 17
    assert spend(meter, make_key(day=30), 60) == 5
    assert spend(meter, make_key(), 60) == 60
    assert spend(meter, make_key(day=100), 60) == 10


def test_a_key_read_anew_keeps_its_lease(store: Noting, clock: Clock) -> None:
    meter = make_meter(store, clock)
    for _ in range(10):
        spend(meter, make_key(day=1000), 5)
    assert len(store.asked_by) == 1


def test_a_key_that_is_not_used_any_more_holds_nothing(store: Noting, clock: Clock) -> None:
    meter = make_meter(store, clock)
    for number in range(50):
        spend(meter, make_key(day=1000, key_id=f"key-{number}"), 1)
    for _ in range(12):
        meter.settle()
    with store._database.read() as connection:
        assert connection.execute(sa.select(quota_leases)).all() == []
    assert len(meter._leases) == 0
    assert counted(store, TODAY, "key-7") == 1


def test_refunds_settle_downwards(store: Noting, clock: Clock) -> None:
    meter, key = make_meter(store, clock), make_key(day=100)
    leases = [meter.admit(key) for _ in range(5)]
    meter.settle()
    for lease in leases[:3]:
        lease.refund()
    meter.settle()
    assert counted(store) == 2
    assert meter.standing(key)["day"].left == 98
