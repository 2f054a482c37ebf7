"""Quotas at midnight, at the end of months, and when the clock is put back: each request counts in one day."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from naru.database import Database
from tests.quotas import SEOUL, Clock, counted, make_key, make_meter, moment, spend
from tileserver.quota.meter import QuotaMeter
from tileserver.quota.sql import SqlQuotaStore


@pytest.fixture
def store(sqlite_database: str) -> Iterator[SqlQuotaStore]:
    database = Database.open(sqlite_database)
    yield SqlQuotaStore(database)
    database.close()


@pytest.mark.parametrize(
    ("last", "day", "next_day", "month_begins_anew"),
    [
        ("2026-11-22 14:59:59", "2026-11-22", "2026-11-23", False),
        ("2026-11-30 14:59:59", "2026-11-30", "2026-12-01", True),
        ("2026-12-31 14:59:59", "2026-12-31", "2027-01-01", True),
        ("2028-02-28 14:59:59", "2028-02-28", "2028-02-29", False),
        ("2028-02-29 14:59:59", "2028-02-29", "2028-03-01", True),
    ],
)
def test_a_second_later_it_is_another_day(
    store: SqlQuotaStore, last: str, day: str, next_day: str, *, month_begins_anew: bool
) -> None:
    clock = Clock(last)
    meter, daily, monthly = make_meter(store, clock), make_key(day=5, key_id="d"), make_key(month=5, key_id="m")
    assert (spend(meter, daily, 9), spend(meter, monthly, 9)) == (5, 5)
    clock.now += 1
    assert (spend(meter, daily, 9), spend(meter, monthly, 9)) == (5, 5 if month_begins_anew else 0)
    meter.settle()
    assert (counted(store, day, "d"), counted(store, next_day, "d")) == (5, 5)


def test_a_million_requests_over_midnight_each_count_in_one_day(store: SqlQuotaStore) -> None:
    midnight, requests = moment("2026-11-22 15:00:00"), 1_000_000
    clock = Clock("2026-11-22 14:51:40")  # 500 s before; a request takes a millisecond
    meter, free, bound = (
        make_meter(store, clock, workers=1),
        make_key(key_id="free"),
        make_key(10**6, key_id="bound"),
    )
    before = {"free": 0, "bound": 0}
    start = clock.now
    for number in range(requests):
        clock.now = start + number / 1000
        key = bound if number % 10 == 0 else free
        meter.admit(key)
        if clock.now < midnight:
            before[key.id] += 1
        if number % 100_000 == 0:
            meter.settle()
    meter.settle(close=True)
    for key_id, all_of_it in (("free", 900_000), ("bound", 100_000)):
        assert counted(store, "2026-11-22", key_id) == before[key_id]
        assert counted(store, "2026-11-23", key_id) == all_of_it - before[key_id]
        assert counted(store, "2026-11", key_id) == all_of_it


def test_a_clock_put_back_an_hour_goes_on_in_the_day_that_was_open(store: SqlQuotaStore) -> None:
    clock = Clock("2026-11-22 15:10:00")
    meter, key = make_meter(store, clock), make_key(day=50)
    spend(meter, key, 20)
    clock.now -= 3600
    assert spend(meter, key, 60) == 30
    meter.settle()
    assert (counted(store, "2026-11-23"), counted(store, "2026-11-22")) == (50, 0)


def test_a_worker_that_starts_after_the_clock_was_put_back_goes_on_there_too(store: SqlQuotaStore) -> None:
    clock, key = Clock("2026-11-22 15:10:00"), make_key(day=50)
    first = make_meter(store, clock)
    spend(first, key, 20)
    first.settle(close=True)
    clock.now -= 3600
    second = make_meter(store, clock)
    assert spend(second, key, 60) == 30
    second.settle()
    assert (counted(store, "2026-11-23"), counted(store, "2026-11-22")) == (50, 0)


def test_a_clock_that_was_days_ahead_does_not_hold_the_quotas_back(store: SqlQuotaStore) -> None:
    clock, key = Clock("2030-01-01 00:00:00"), make_key(day=5)
    first = make_meter(store, clock)
    assert spend(first, key, 9) == 5
    clock.now = moment("2026-11-22 03:00:00")
    assert spend(first, key, 9) == 5
    assert spend(make_meter(store, clock), key, 9) == 0
    clock.now += 86400
    assert spend(make_meter(store, clock), key, 9) == 5


def test_the_time_zone_decides_when_a_day_begins(store: SqlQuotaStore, tmp_path: Path) -> None:
    from zoneinfo import ZoneInfo

    clock, key = Clock("2026-11-22 14:59:59"), make_key(day=5)
    meter = QuotaMeter(store, ZoneInfo("UTC"), 2, clock)
    assert spend(meter, key, 9) == 5
    clock.now += 1  # midnight in Seoul
    assert spend(meter, key, 9) == 0
    assert str(SEOUL) == "Asia/Seoul"
