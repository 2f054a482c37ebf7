"""What tests of quotas share: a clock that stands still, keys, meters, and a Redis of their own."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from naru.errors import QuotaExceeded
from tests.conftest import free_port, require_tool
from tileserver.keys.ring import Key, Permissions
from tileserver.quota.meter import QuotaMeter
from tileserver.quota.stores import Order, QuotaStore, Settlement, WindowLimit

SEOUL = ZoneInfo("Asia/Seoul")
TODAY, MONTH = "2026-11-22", "2026-11"
_DAY_ENDS, _MONTH_ENDS = 4_000_000_000.0, 4_000_086_400.0  # far ahead: a Redis keeps time itself


def moment(text: str) -> float:
    """Return a UTC time as seconds since the epoch."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, text: str) -> None:
        self.now = moment(text)

    def __call__(self) -> float:
        return self.now


def make_key(
    day: int | None = None, month: int | None = None, key_id: str = "key-a", second: int | None = None
) -> Key:
    may = Permissions(frozenset(("content",)), day_quota=day, month_quota=month, second_rate=second)
    return Key(key_id, "test", "live", may, datetime(2026, 1, 1, tzinfo=UTC))


def make_meter(store: QuotaStore, clock: Clock, workers: int = 2, folder: Path | None = None) -> QuotaMeter:
    return QuotaMeter(store, SEOUL, workers, clock, folder)


def spend(meter: QuotaMeter, key: Key, times: int) -> int:
    """Ask `times`; return how often it was granted."""
    granted = 0
    for _ in range(times):
        try:
            meter.admit(key)
            granted += 1
        except QuotaExceeded:
            pass
    return granted


def counted(store: QuotaStore, window: str = TODAY, key_id: str = "key-a") -> int:
    return store.counted([window]).get((key_id, window), 0)


def order(
    lease: str = "lease-1", *, day: int | None = None, month: int | None = None, seq: int = 1, today: str = TODAY,
    key_id: str = "key-a", workers: int = 2, used: int = 0, first: bool = True, reopens: bool = False,
) -> Order:  # fmt: skip
    """Return an order for units of the day and the month that hold `today`."""
    windows = WindowLimit(today, day, _DAY_ENDS), WindowLimit(today[:7], month, _MONTH_ENDS)
    return Order(lease, key_id, *windows, workers, seq, used, first, reopens)


def told(
    lease: str = "lease-1", *, used: int, seq: int = 9, units: int | None = None, close: bool = False,
    whole: bool = False, opens: bool = False, key_id: str = "key-a", day: int | None = None,
) -> Settlement:  # fmt: skip
    """Return a settlement of a lease of `TODAY`."""
    windows = WindowLimit(TODAY, day, _DAY_ENDS), WindowLimit(MONTH, None, _MONTH_ENDS)
    return Settlement(lease, key_id, *windows, seq, used, units, close, whole, opens)


@contextmanager
def running_redis(folder: Path, *options: str) -> Iterator[str]:
    """Run Debian's redis-server on a free port as long as the block lasts; give its URL."""
    port = free_port()
    words = [
        require_tool("redis-server"),
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--dir",
        str(folder),
        *options,
    ]
    with (folder / "redis.log").open("wb") as log:
        server = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        _wait_for(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait()


def _wait_for(port: int) -> None:
    import redis

    with redis.Redis(port=port) as client:
        until = time.monotonic() + 20
        while True:
            try:
                client.ping()
                return
            except redis.ConnectionError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)
