"""Quotas: never overshot, the last unit to be had, errors free of charge, days that begin at local midnight."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from naru.database import Database
from naru.errors import MonthQuotaExceeded, QuotaExceeded, QuotaUnavailable
from naru.schema import quota_windows
from tests.quotas import SEOUL, TODAY, Clock, counted, make_key, make_meter, moment, spend
from tileserver.quota.sql import SqlQuotaStore
from tileserver.quota.stores import Grant, Left, Order, Settlement
from tileserver.quota.windows import windows_at


@pytest.fixture
def store(sqlite_database: str) -> Iterator[SqlQuotaStore]:
    database = Database.open(sqlite_database)
    yield SqlQuotaStore(database)
    database.close()


@pytest.fixture
def clock() -> Clock:
    return Clock("2026-11-22 03:00:00")


# --- the windows ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("utc", "day", "month"),
    [
        ("2026-11-22 14:59:59", "2026-11-22", "2026-11"),
        ("2026-11-22 15:00:00", "2026-11-23", "2026-11"),
        ("2026-11-30 14:59:59", "2026-11-30", "2026-11"),
        ("2026-11-30 15:00:00", "2026-12-01", "2026-12"),
        ("2028-02-28 15:00:00", "2028-02-29", "2028-02"),
        ("2028-02-29 15:00:00", "2028-03-01", "2028-03"),
        ("2026-12-31 15:00:00", "2027-01-01", "2027-01"),
    ],
)
def test_days_and_months_begin_at_midnight_in_seoul(utc: str, day: str, month: str) -> None:
    windows = windows_at(moment(utc), SEOUL)
    assert (windows.day.name, windows.month.name) == (day, month)


@given(st.integers(0, 4_102_444_800))
def test_every_moment_lies_in_its_windows(now: int) -> None:
    for window in windows_at(now, ZoneInfo("America/New_York")):
        assert window.begins <= now < window.ends


def test_a_day_with_a_clock_change_is_as_long_as_it_is() -> None:
    day = windows_at(moment("2026-11-01 12:00:00"), ZoneInfo("America/New_York")).day
    assert day.ends - day.begins == 25 * 3600


# --- the meter ------------------------------------------------------------------------------------


def test_exactly_the_quota_is_granted(store: SqlQuotaStore, clock: Clock) -> None:
    assert spend(make_meter(store, clock), make_key(day=50), 80) == 50


def test_two_workers_together_grant_exactly_the_quota(store: SqlQuotaStore, clock: Clock) -> None:
    workers, key = [make_meter(store, clock), make_meter(store, clock)], make_key(day=50)
    assert sum(spend(worker, key, 1) for _ in range(60) for worker in workers) == 50


def test_a_worker_that_stops_gives_back_what_it_did_not_spend(store: SqlQuotaStore, clock: Clock) -> None:
    first, second, key = make_meter(store, clock), make_meter(store, clock), make_key(day=50)
    assert spend(first, key, 2) == 2
    first.settle(close=True)
    assert spend(second, key, 60) == 48


def test_an_idle_workers_units_come_back_by_themselves(store: SqlQuotaStore, clock: Clock) -> None:
    idle, busy, key = make_meter(store, clock), make_meter(store, clock), make_key(day=50)
    spend(idle, key, 1)
    assert spend(busy, key, 60) < 49
    for _ in range(11):
        idle.settle()
    clock.now += 2
    spend(busy, key, 60)
    busy.settle()
    assert counted(store) == 50


def test_a_worker_that_dies_is_counted_as_having_spent_its_lease(store: SqlQuotaStore, clock: Clock) -> None:
    dead, alive, key = make_meter(store, clock), make_meter(store, clock), make_key(day=50)
    assert spend(dead, key, 2) == 2  # leased 6, and then no word more
    assert spend(alive, key, 60) == 44


def test_an_error_is_free_of_charge(store: SqlQuotaStore, clock: Clock) -> None:
    meter, key = make_meter(store, clock), make_key(day=3)
    for _ in range(20):
        meter.admit(key).refund()
    assert spend(meter, key, 9) == 3
    meter.settle()
    assert counted(store) == 3


def test_a_new_day_is_a_new_quota(store: SqlQuotaStore) -> None:
    clock = Clock("2026-11-22 14:59:59")
    meter, key = make_meter(store, clock), make_key(day=5)
    assert spend(meter, key, 9) == 5
    clock.now += 1
    assert spend(meter, key, 9) == 5
    meter.settle()
    assert (counted(store, "2026-11-22"), counted(store, "2026-11-23"), counted(store, "2026-11")) == (5, 5, 10)


def test_a_lease_from_yesterday_is_not_spent_today(store: SqlQuotaStore) -> None:
    clock = Clock("2026-11-22 14:59:59")
    meter, key = make_meter(store, clock, workers=1), make_key(day=100)
    assert spend(meter, key, 1) == 1  # leases more than one
    clock.now += 1
    assert spend(meter, key, 200) == 100
    meter.settle()
    assert (counted(store, "2026-11-22"), counted(store, "2026-11-23")) == (1, 100)


def test_a_clock_put_back_does_not_reopen_a_closed_day(store: SqlQuotaStore) -> None:
    clock = Clock("2026-11-22 15:10:00")
    meter, key = make_meter(store, clock), make_key(day=5)
    assert spend(meter, key, 9) == 5
    clock.now -= 3600
    assert spend(meter, key, 9) == 0


def test_the_refusal_says_which_quota_and_when_it_begins_anew(store: SqlQuotaStore) -> None:
    clock = Clock("2026-11-22 14:59:00")
    meter = make_meter(store, clock)
    with pytest.raises(QuotaExceeded) as day:
        for _ in range(2):
            meter.admit(make_key(day=1))
    assert (day.value.limit, day.value.window_s, day.value.resets_in_s) == (1, 86400, 60)
    with pytest.raises(MonthQuotaExceeded) as month:
        for _ in range(2):
            meter.admit(make_key(month=1, key_id="key-b"))
    assert (month.value.code, month.value.window_s) == ("QUOTA_MONTH", 30 * 86400)


class Counting(SqlQuotaStore):
    """A store that counts how often it is asked, and can be out of order."""

    asked = 0
    broken = False

    def lease(self, order: Order) -> Grant:
        self.asked += 1
        self._fail()
        return super().lease(order)

    def settle(self, settlements: Sequence[Settlement]) -> Mapping[str, Left]:
        self._fail()
        return super().settle(settlements)

    def _fail(self) -> None:
        if self.broken:
            with self._answering():
                raise sa.exc.OperationalError("UPDATE", {}, Exception("disk full"))


@pytest.fixture
def counting(tmp_path) -> Iterator[Counting]:  # type: ignore[no-untyped-def]
    database = Database.open(f"sqlite:///{tmp_path}/catalog.sqlite")
    yield Counting(database)
    database.close()


def test_a_refused_key_does_not_keep_the_store_busy(counting: Counting, clock: Clock) -> None:
    meter, key = make_meter(counting, clock), make_key(day=1)
    spend(meter, key, 1)
    spend(meter, key, 1)
    before = counting.asked
    assert spend(meter, key, 500) == 0
    assert counting.asked == before


def test_a_thousand_requests_cost_one_question(counting: Counting, clock: Clock) -> None:
    meter, key = make_meter(counting, clock), make_key(day=10**6)
    assert spend(meter, key, 1000) == 1000
    assert counting.asked == 1


def test_nothing_counted_is_forgotten_while_the_store_is_out_of_order(counting: Counting, clock: Clock) -> None:
    meter, key = make_meter(counting, clock), make_key(day=100)
    spend(meter, key, 7)
    counting.broken = True
    with pytest.raises(QuotaUnavailable):
        meter.settle()
    counting.broken = False
    spend(meter, key, 2)
    meter.settle()
    assert counted(counting) == 9


def test_without_the_store_nothing_new_is_admitted(counting: Counting, clock: Clock) -> None:
    counting.broken = True
    with pytest.raises(QuotaUnavailable):
        make_meter(counting, clock).admit(make_key(day=5))


def test_a_silent_store_is_left_alone_for_a_moment(counting: Counting, clock: Clock) -> None:
    meter, key = make_meter(counting, clock), make_key(day=10)
    counting.broken = True
    with pytest.raises(QuotaUnavailable):
        meter.admit(key)
    counting.broken, before = False, counting.asked
    with pytest.raises(QuotaUnavailable):
        meter.admit(key)
    assert counting.asked == before
    clock.now += 3
    assert spend(meter, key, 20) == 10


class Hanging(SqlQuotaStore):
    """A store that is told something and does not come back."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.told, self.go_on = threading.Event(), threading.Event()

    def settle(self, settlements: Sequence[Settlement]) -> Mapping[str, Left]:
        self.told.set()
        assert self.go_on.wait(20)
        return super().settle(settlements)


def test_requests_do_not_wait_for_what_the_store_is_being_told(store: SqlQuotaStore, clock: Clock) -> None:
    hanging = Hanging(store._database)
    meter, key, other = make_meter(hanging, clock), make_key(day=10), make_key(day=10, key_id="other")
    spend(meter, key, 3)
    telling = threading.Thread(target=meter.settle)
    telling.start()
    assert hanging.told.wait(10)
    asking = threading.Thread(target=spend, args=(meter, other, 1))
    asking.start()
    asking.join(10)
    waited = asking.is_alive()
    hanging.go_on.set()
    telling.join()
    asking.join()
    assert not waited


def test_changed_limits_hold_at_once(counting: Counting, clock: Clock) -> None:
    meter = make_meter(counting, clock)
    assert spend(meter, make_key(), 20) == 20
    meter.settle()
    assert spend(meter, make_key(day=25), 20) == 5


def test_threads_in_one_worker_share_its_lease_exactly(counting: Counting, clock: Clock) -> None:
    meter, key, granted = make_meter(counting, clock), make_key(day=500), []
    threads = [threading.Thread(target=lambda: granted.append(spend(meter, key, 200))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    meter.settle(close=True)
    assert sum(granted) == 500 == counted(counting)
    with counting._database.read() as connection:
        rows = connection.execute(sa.select(quota_windows.c.leased).where(quota_windows.c.window == TODAY))
        assert rows.scalar_one() == 500


# --- rates ----------------------------------------------------------------------------------------


def test_a_burst_may_use_one_seconds_worth_and_then_must_wait(counting: Counting, clock: Clock) -> None:
    meter, key = make_meter(counting, clock, workers=1), make_key(second=10)
    assert spend(meter, key, 50) == 10
    clock.now += 0.35
    assert spend(meter, key, 50) == 3
    clock.now += 100
    assert spend(meter, key, 50) == 10


def test_workers_share_the_rate(counting: Counting, clock: Clock) -> None:
    workers = [make_meter(counting, clock, workers=2) for _ in range(2)]
    assert sum(spend(worker, make_key(second=10), 50) for worker in workers) == 10


def test_even_requests_at_the_rate_all_pass(counting: Counting, clock: Clock) -> None:
    meter, key, passed = make_meter(counting, clock, workers=1), make_key(second=4), 0
    for _ in range(100):
        passed += spend(meter, key, 1)
        clock.now += 0.25
    assert passed == 100


def test_a_rate_below_one_a_worker_still_lets_requests_pass(counting: Counting, clock: Clock) -> None:
    meter, key = make_meter(counting, clock, workers=4), make_key(second=1)
    assert spend(meter, key, 5) == 1
    clock.now += 4
    assert spend(meter, key, 5) == 1


def test_what_the_rate_refuses_costs_no_quota(counting: Counting, clock: Clock) -> None:
    meter, key = make_meter(counting, clock, workers=1), make_key(day=100, second=5)
    assert spend(meter, key, 60) == 5
    meter.settle()
    assert counted(counting) == 5


def test_a_clock_put_back_does_not_lock_a_key_out(counting: Counting, clock: Clock) -> None:
    meter, key = make_meter(counting, clock, workers=1), make_key(second=5)
    spend(meter, key, 5)
    clock.now -= 3600
    assert spend(meter, key, 1) == 1
