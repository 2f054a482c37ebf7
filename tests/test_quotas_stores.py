"""The contract of every quota store: never more than the limit, everything told once however often it is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from naru.database import Database
from naru.errors import BadSetting, QuotaUnavailable
from naru.schema import quota_leases, quota_windows
from tests.quotas import MONTH, TODAY, Clock, counted, make_key, make_meter, order, running_redis, spend, told
from tileserver.quota.redis import RedisQuotaStore
from tileserver.quota.sql import SqlQuotaStore
from tileserver.quota.stores import QuotaStore, lease_size, open_store


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a Redis of our own."""
    with running_redis(tmp_path_factory.mktemp("redis"), "--save", "", "--maxmemory-policy", "noeviction") as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[QuotaStore]:
    """Return an empty store of each kind."""
    if request.param == "redis":
        redis = RedisQuotaStore.open(request.getfixturevalue("redis_url"))
        redis._client.flushdb()
        yield redis
        redis.close()
        return
    database = Database.open(request.getfixturevalue(f"{request.param}_database"))
    yield SqlQuotaStore(database)
    database.close()


def taken(store: QuotaStore, limit: int, *, month: int | None = None, workers: int = 2, key_id: str = "k") -> int:
    """Take all there is, in leases of their own; return how much that was."""
    total, number = 0, 0
    while True:
        number += 1
        asked = order(f"all-{key_id}-{number}", day=limit, month=month, workers=workers, key_id=key_id)
        if not (grant := store.lease(asked)).units:
            return total
        total += grant.units


@given(st.integers(0, 10**9), st.integers(1, 64))
def test_a_lease_is_never_more_than_remains_and_never_nothing(remaining: int, workers: int) -> None:
    units = lease_size(remaining, workers)
    assert (units > 0) == (remaining > 0)
    assert units <= min(remaining, 1000)


class TestEveryStore:
    """What holds for all of them."""

    def test_leases_add_up_to_the_limit_exactly(self, store: QuotaStore) -> None:
        assert taken(store, 137, key_id="key-a") == 137
        refused = store.lease(order("more", day=137))
        assert (refused.units, refused.spent, refused.left) == (0, TODAY, (0, None))

    @pytest.mark.parametrize("remaining", [1, 7, 8, 9, 100, 5000, 100_000])
    def test_a_lease_is_of_the_size_that_what_remains_allows(self, store: QuotaStore, remaining: int) -> None:
        grant = store.lease(order(day=remaining, workers=3))
        size = lease_size(remaining, 3)
        assert (grant.units, grant.left) == (size, (remaining - size, None))

    def test_the_tighter_window_decides(self, store: QuotaStore) -> None:
        assert taken(store, 1000, month=3, key_id="key-a") == 3
        assert store.lease(order("more", day=1000, month=3)).spent == MONTH

    def test_a_lease_can_be_added_to(self, store: QuotaStore) -> None:
        first = store.lease(order(day=100))
        second = store.lease(order(day=100, seq=2, used=5, first=False))
        assert (first.units, second.units) == (12, 12 + 11)
        assert counted(store) == 5

    def test_units_given_back_can_be_had_again(self, store: QuotaStore) -> None:
        assert store.lease(order(day=1)).units == 1
        assert store.lease(order("other", day=1)).units == 0
        store.settle([told(used=0, close=True)])
        assert store.lease(order("other", day=1)).units == 1

    def test_what_was_counted_stays_when_a_lease_is_closed(self, store: QuotaStore) -> None:
        store.lease(order(day=100))
        store.settle([told(used=7, close=True)])
        assert (counted(store), counted(store, MONTH)) == (7, 7)
        assert taken(store, 100, key_id="key-a") == 93

    def test_telling_twice_counts_once(self, store: QuotaStore) -> None:
        store.lease(order(day=100))
        for close in (False, False, True, True):
            store.settle([told(used=7, close=close, seq=10 + close)])
        assert counted(store) == 7
        assert taken(store, 100, key_id="key-a") == 93

    def test_what_comes_late_is_not_heeded(self, store: QuotaStore) -> None:
        store.lease(order(day=1000))
        store.settle([told(used=9, seq=5)])
        store.settle([told(used=3, seq=4, units=3)])
        assert counted(store) == 9
        assert store.lease(order(day=1000, seq=3, used=2, first=False)).units == 125 + 109
        assert counted(store) == 9

    def test_a_lease_that_is_not_known_has_been_closed(self, store: QuotaStore) -> None:
        assert store.settle([told(used=7)]) == {}
        assert store.lease(order(day=100, first=False)).gone
        assert counted(store) == 0

    def test_some_units_can_be_given_back_and_the_rest_kept(self, store: QuotaStore) -> None:
        store.lease(order(day=1000))
        left = store.settle([told(used=5, units=25, day=1000)])
        assert left == {"lease-1": (975, None)}
        store.settle([told(used=25, seq=11, close=True)])
        assert taken(store, 1000, key_id="key-a") == 975

    def test_a_lease_whose_count_is_lost_counts_as_used_whole(self, store: QuotaStore) -> None:
        units = store.lease(order(day=1000)).units
        store.settle([told(used=5, close=True, whole=True)])
        assert counted(store) == units
        assert taken(store, 1000, key_id="key-a") == 1000 - units

    def test_requests_without_a_limit_count_against_one_that_is_set_later(self, store: QuotaStore) -> None:
        store.settle([told(used=30, opens=True)])
        store.settle([told(used=40, seq=10)])
        assert taken(store, 50, key_id="key-a") == 10
        store.settle([told(used=40, seq=11, close=True)])
        assert counted(store) == 40

    def test_a_day_that_is_over_is_not_opened_again(self, store: QuotaStore) -> None:
        assert store.lease(order(day=5)).units
        older = store.lease(order("old", day=5, today="2026-11-21"))
        assert (older.units, older.newer) == (0, TODAY)
        assert store.lease(order("old", day=5, today="2026-11-21", reopens=True)).units
        assert store.lease(order("new", day=5, today="2026-11-23")).units

    def test_keys_are_counted_apart_and_can_be_asked_for_apart(self, store: QuotaStore) -> None:
        store.settle([told("a", used=2, opens=True), told("b", used=3, opens=True, key_id="key-b")])
        assert store.counted([TODAY]) == {("key-a", TODAY): 2, ("key-b", TODAY): 3}
        assert store.counted([TODAY, MONTH], ["key-b"]) == {("key-b", TODAY): 3, ("key-b", MONTH): 3}

    def test_many_leases_are_settled_at_once(self, store: QuotaStore) -> None:
        store.settle([told(f"{n}", used=n, opens=True, key_id=f"key-{n % 7}") for n in range(1000)])
        assert sum(store.counted([TODAY]).values()) == sum(range(1000))
        store.settle([told(f"{n}", used=n, seq=10, close=True) for n in range(1000)])
        assert sum(store.counted([MONTH]).values()) == sum(range(1000))

    def test_threads_together_never_get_more_than_the_limit(self, store: QuotaStore) -> None:
        got: list[int] = []

        def take(name: str) -> None:
            number = 0
            while units := store.lease(order(f"{name}-{number}", day=60, workers=4)).units:
                number += 1
                got.append(units)

        _together([lambda name=name: take(name) for name in "abcd"])
        assert sum(got) == 60

    def test_workers_that_settle_the_same_keys_at_once_do_not_block_each_other(self, store: QuotaStore) -> None:
        keys = [f"key-{n}" for n in range(20)]

        def settle(name: str, ids: list[str]) -> None:
            for seq in range(10):
                store.settle([told(f"{name}{key}", used=seq, seq=seq, opens=True, key_id=key) for key in ids])
                store.lease(order(f"{name}!", day=10**6, seq=seq, key_id=ids[0]))

        _together([lambda: settle("a", keys), lambda: settle("b", keys[::-1])])
        assert counted(store, key_id="key-7") == 18


def _together(tasks: list) -> None:  # type: ignore[type-arg]
    failed: list[BaseException] = []

    def run(task) -> None:  # type: ignore[no-untyped-def]
        try:
            task()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


# --- SQL ------------------------------------------------------------------------------------------


def test_no_row_of_a_lease_is_left_behind(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path}/catalog.sqlite")
    store = SqlQuotaStore(database)
    store.lease(order(day=100))
    store.settle([told(used=7, close=True)])
    with database.read() as connection:
        assert connection.execute(sa.select(quota_leases)).all() == []
    database.close()


def test_counts_from_before_there_were_leases_stay(tmp_path: Path) -> None:
    from naru.database import _engine
    from naru.migrations.run import upgrade

    url = f"sqlite:///{tmp_path}/catalog.sqlite"
    engine = _engine(sa.make_url(url))
    upgrade(engine, "0002")
    rows = [("a", TODAY, 60, 50), ("b", TODAY, 0, 20)]  # the second without a limit
    with engine.connect() as connection, connection.begin():
        columns = ("key_id", "window", "leased", "counted")
        connection.execute(quota_windows.insert(), [dict(zip(columns, row, strict=True)) for row in rows])
    engine.dispose()
    database = Database.open(url)
    store = SqlQuotaStore(database)
    assert store.counted([TODAY]) == {("a", TODAY): 50, ("b", TODAY): 20}
    assert (taken(store, 100, key_id="a"), taken(store, 100, key_id="b")) == (40, 80)
    database.close()


# --- Redis ----------------------------------------------------------------------------------------


def test_what_redis_keeps_goes_two_days_after_its_window(redis_url: str) -> None:
    store = RedisQuotaStore.open(redis_url)
    store._client.flushdb()
    store.lease(order(day=100))
    store.settle([told(used=1)])
    ends = {key: store._client.expiretime(key) for key in store._client.scan_iter("*")}
    day, month = 4_000_000_000 + 172_800, 4_000_086_400 + 172_800
    prefix = "naru:quota:"
    assert ends == {
        f"{prefix}key-a:{TODAY}": day, f"{prefix}{TODAY}": day, f"{prefix}key-a:newest": day,
        f"{prefix}key-a:{MONTH}": month, f"{prefix}{MONTH}": month, f"{prefix}lease:lease-1": month,
    }  # fmt: skip
    store.close()


def test_a_redis_that_is_away_is_unavailable_and_nothing_is_let_through(tmp_path: Path) -> None:
    with running_redis(tmp_path, "--save", "") as url:
        store = open_store(url, None)  # type: ignore[arg-type]
        meter, key, clock = None, make_key(day=10), Clock("2026-11-22 03:00:00")
        meter = make_meter(store, clock)
        assert spend(meter, key, 1) == 1
    clock.now += 1
    with pytest.raises(QuotaUnavailable):
        for _ in range(10):
            meter.admit(key)
    with pytest.raises(QuotaUnavailable):
        meter.settle()
    store.close()  # type: ignore[attr-defined]


def test_a_redis_that_may_forget_is_named_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    options = ("--save", "", "--maxmemory-policy", "allkeys-lru")
    with running_redis(tmp_path, *options) as url:
        store = RedisQuotaStore.open(url)
        store.settle([])
        store.settle([])
        store.close()
    said = [record.getMessage().partition(":")[0] for record in caplog.records]
    assert said == ["Redis may evict quotas", "Redis forgets quotas when it restarts"]


def test_without_redis_py_the_setting_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(BadSetting) as refused:
        open_store("redis://localhost", None)  # type: ignore[arg-type]
    assert "naru-city[redis]" in refused.value.remedy
