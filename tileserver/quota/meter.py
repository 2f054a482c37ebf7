"""The meter of one worker: admits requests against leases, counts them, settles every second.

Spending a unit is a decrement under a lock that nobody contends for. The store is asked only when a lease is
dry, told once a second, asked at most once a second about a key that it has just refused, and left alone for two
seconds when it did not answer.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy.exc import SQLAlchemyError

from naru.errors import MonthQuotaExceeded, QuotaExceeded, QuotaUnavailable
from naru.settings import Clock
from tileserver.keys.ring import Key
from tileserver.quota.rates import RateGate
from tileserver.quota.stores import UNLIMITED, Grant, QuotaStore, Settlement, WindowLimit
from tileserver.quota.windows import Window, Windows, windows_at

T = TypeVar("T")
_ASK_AGAIN_S = 1.0
_LEAVE_ALONE_S = 2.0  # after it did not answer
_SILENT = "the quota store does not answer"
_SILENT_REMEDY = "Try again in a moment; the operator's log says why."
_LONGEST_IDLE = 10  # settlements after which an unused lease goes back; small leases go back sooner


@dataclass(slots=True)
class Lease:
    """Units of one key in one worker, for one day and month."""

    key: Key
    windows: Windows
    units: int
    left: int
    until: float  # end of the window, or when to ask again after a refusal
    spent: Window | None = None  # the window that is used up, where there was nothing to have
    counted: int = 0  # not yet settled
    idle: int = 0  # settlements since the last request
    closed: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, now: float) -> bool:
        """Spend one unit; False when there is none, or its time is over."""
        with self.lock:
            if self.left <= 0 or now >= self.until or self.closed:
                return False
            self.left -= 1
            self.counted += 1
            return True

    def refund(self) -> None:
        """Give one unit back: the request was answered with an error, and those do not count."""
        with self.lock:
            if not self.closed:  # what a closed lease had has been settled already
                self.left += 1
                self.counted -= 1

    def settle(self, *, close: bool = False) -> Settlement | None:
        """Return what the store has not heard of yet, or None when there is nothing to tell."""
        with self.lock:
            self.idle = 0 if self.counted else self.idle + 1
            close = close or self.idle >= min(self.units, _LONGEST_IDLE)
            told, self.counted = self.counted, 0
            returned = self.left if close and self.units != UNLIMITED and not self.closed else 0
            self.closed = self.closed or close
            if close:
                self.left = 0
        return Settlement(self.key.id, limits(self.key, self.windows), told, returned) if told or returned else None


class QuotaMeter:
    """Admits and counts the requests of one worker process."""

    def __init__(self, store: QuotaStore, timezone: ZoneInfo, workers: int, clock: Clock = time.time) -> None:
        self._store, self._timezone, self._workers, self._clock = store, timezone, workers, clock
        self._leases: dict[str, Lease] = {}
        self._closing: list[Lease] = []
        self._owed: list[Settlement] = []  # what the store could not take yet
        self._latest: Windows | None = None
        self._gate = RateGate(workers)
        self._silent_until = 0.0  # the store did not answer; nobody asks it before that
        self._lock = threading.Lock()
        self._settling = threading.Lock()

    def admit(self, key: Key) -> Lease:
        """Count one request of `key`; the lease returned takes it back (`refund`) if it fails.

        Raises:
            QuotaExceeded: the day's or the month's quota is used up, or requests come faster than they may.
            QuotaUnavailable: the store does not answer.
        """
        now, rate = self._clock(), key.permissions.second_rate
        if rate is not None:
            self._gate.admit(key, rate, now)
        lease = self._leases.get(key.id)
        if lease is not None and lease.key is key and lease.take(now):
            return lease
        return self._renew(key, now)

    @property
    def behind(self) -> bool:
        """Whether the store has yet to be told what it could not be told before."""
        return bool(self._owed)

    def settle(self, *, close: bool = False) -> None:
        """Tell the store what was counted; with `close`, give every lease back (the worker stops).

        Raises:
            QuotaUnavailable: the store does not answer; nothing is forgotten, the next settlement tells it all.
        """
        with self._settling:
            with self._lock:  # not while the store is told: requests need it for their leases
                told = self._owed = [*self._owed, *self._collect(close)]
            if told:
                self._ask_store(lambda: self._store.settle(told))
            self._owed = []

    def _collect(self, close: bool) -> list[Settlement]:
        leases = [*self._closing, *self._leases.values()]
        closing, self._closing = set(map(id, self._closing)), []
        found = [lease.settle(close=close or id(lease) in closing) for lease in leases]
        self._leases = {key_id: lease for key_id, lease in self._leases.items() if not lease.closed}
        return [settlement for settlement in found if settlement is not None]

    def _renew(self, key: Key, now: float) -> Lease:
        with self._lock:
            lease = self._leases.get(key.id)
            if lease is None or lease.key is not key or not lease.take(now):
                lease = self._new_lease(key, now, lease)
        return lease

    def _new_lease(self, key: Key, now: float, old: Lease | None) -> Lease:
        if old is not None and old.key is key and old.spent is not None and now < old.until:
            raise _exceeded(key, old.spent, now)
        windows = self._windows(now)
        grant = self._ask_for_units(key, windows, now)
        if old is not None:
            self._closing.append(old)
        spent = next((window for window in windows if window.name == grant.spent), None)
        until = windows.day.ends if spent is None else now + _ASK_AGAIN_S
        lease = self._leases[key.id] = Lease(key, windows, grant.units, grant.units, until, spent)
        if spent is not None or not lease.take(now):
            raise _exceeded(key, spent or windows.day, now)
        return lease

    def _ask_for_units(self, key: Key, windows: Windows, now: float) -> Grant:
        """Ask the store; not at once again where it was silent, for each wait keeps every caller waiting."""
        asked = limits(key, windows)
        limited = any(window.limit is not None for window in asked)
        if limited and 0 < self._silent_until - now <= _LEAVE_ALONE_S:
            raise QuotaUnavailable(_SILENT, remedy=_SILENT_REMEDY)
        try:
            return self._ask_store(lambda: self._store.lease(key.id, asked, self._workers))
        except QuotaUnavailable:
            self._silent_until = self._clock() + _LEAVE_ALONE_S
            raise

    def _windows(self, now: float) -> Windows:
        """Return the windows of `now`; a clock that was put back does not open a closed window again."""
        found = windows_at(now, self._timezone)
        if self._latest is None or found.day.begins >= self._latest.day.begins:
            self._latest = found
        return self._latest

    def _ask_store(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except SQLAlchemyError as error:
            raise QuotaUnavailable(_SILENT, remedy=_SILENT_REMEDY) from error


def limits(key: Key, windows: Windows) -> tuple[WindowLimit, ...]:
    """Return what `key` may use of each window."""
    may = key.permissions
    return (WindowLimit(windows.day.name, may.day_quota), WindowLimit(windows.month.name, may.month_quota))


def _exceeded(key: Key, window: Window, now: float) -> QuotaExceeded:
    daily = window.period == "day"
    limit = key.permissions.day_quota if daily else key.permissions.month_quota
    kind = QuotaExceeded if daily else MonthQuotaExceeded
    left = max(1, math.ceil(window.ends - now))
    return kind(limit or 0, window_s=round(window.ends - window.begins), resets_in_s=left)
