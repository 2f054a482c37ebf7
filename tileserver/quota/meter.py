"""The meter of one worker: admits requests against leases, counts them, settles every second.

Spending a unit is a decrement under a lock that nobody contends for, and one store into a cell. The store is asked
in the background before a lease is dry, in the request only when it is; told once a second; asked at most once
a second about a key that it has just refused; and left alone for two seconds when it did not answer.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

from naru.errors import MonthQuotaExceeded, QuotaExceeded, QuotaUnavailable
from naru.settings import Clock
from tileserver.cells import Cells
from tileserver.keys.ring import Key
from tileserver.quota.headers import Standing, seconds_left
from tileserver.quota.leases import Lease, limits
from tileserver.quota.rates import RateGate
from tileserver.quota.recovery import open_cells, settle_dead
from tileserver.quota.stores import QuotaStore
from tileserver.quota.windows import Window, Windows, windows_at, windows_named

log = logging.getLogger("naru.serve")
_ATTEMPTS = 100  # to find a unit for one request
_LEAVE_ALONE_S = 2.0  # after it did not answer
_LARGEST_STEP_BACK_S = 86400.0  # of a clock that is corrected; a day further off was a wrong clock before


class QuotaMeter:
    """Admits and counts the requests of one worker process.

    `workers` share the store with it. `folder` is where its cells lie; without one, a kill leaves its leases used
    whole.
    """

    def __init__(
        self,
        store: QuotaStore,
        timezone: ZoneInfo,
        workers: int,
        clock: Clock = time.time,
        folder: Path | None = None,
    ) -> None:
        self._store, self._timezone, self._workers, self._clock = store, timezone, workers, clock
        self._folder, self._cells = folder, open_cells(folder)
        self._leases: dict[str, Lease] = {}
        self._closing: list[Lease] = []  # replaced, and not yet settled
        self._latest: Windows | None = None
        self._gate = RateGate(workers)
        self._silent_until = 0.0  # the store did not answer; nobody asks it before that
        self._behind = False
        self._low: set[Lease] = set()
        self._some_low = threading.Event()
        self._lock = threading.Lock()  # around which leases there are; never held while the store is asked
        self._settling = threading.Lock()

    def admit(self, key: Key, now: float | None = None) -> Lease:
        """Count one request of `key`; the lease returned takes it back (`refund`) if it fails.

        `now` is the time by this meter's clock, where the caller has just read it.

        Raises:
            QuotaExceeded: the day's or the month's quota is used up, or requests come faster than they may.
            QuotaUnavailable: the store does not answer.
        """
        if now is None:
            now = self._clock()
        rate = key.permissions.second_rate
        if rate is not None:
            self._gate.admit(key, rate, now)
        lease = self._leases.get(key.id)
        if lease is not None and lease.key is key and lease.take(now):
            return lease
        return self._renew(key, now)

    @property
    def behind(self) -> bool:
        """Whether the store has yet to be told what it could not be told before."""
        return self._behind

    def standing(self, key: Key) -> dict[str, Standing]:
        """Return how `key` stands in its `day` and its `month`, by the store's count and this worker's.

        What other workers counted within the last second may be missing.

        Raises:
            QuotaUnavailable: the store does not answer.
        """
        now = self._clock()
        windows = self._windows(now)
        stored = self._store.counted([window.name for window in windows], [key.id])
        found: dict[str, Standing] = {}
        for window, limit in zip(windows, limits(key, windows), strict=True):
            used = stored.get((key.id, window.name), 0) + self._untold(key.id, window)
            left = None if limit.limit is None else max(0, limit.limit - used)
            found[window.period] = Standing.of(window, limit.limit, used, left, now)
        return found

    def settle(self, *, close: bool = False) -> None:
        """Tell the store what was counted, and settle the dead; with `close`, give all back (the worker stops).

        Raises:
            QuotaUnavailable: the store does not answer; nothing is forgotten, the next settlement tells it all.
        """
        with self._settling:
            if close:
                self._close_all()
            for _ in range(2 if close else 1):  # a lease that the store has never heard of is told of, then closed
                self._tell(self._all())
            if close:
                self._leave()
        if self._folder is not None:
            settle_dead(self._store, self._folder)

    def refill(self, wait_s: float) -> None:
        """Wait up to `wait_s` seconds for a lease to run low, and take more units for it: a thread repeats this."""
        if not self._some_low.wait(wait_s):
            return
        self._some_low.clear()
        while self._low:
            lease, now = self._low.pop(), self._clock()
            with lease.asking:
                if lease.closed or now >= lease.until or self._is_silent(now):
                    continue
                try:
                    self._ask(lease, now)
                except QuotaUnavailable as error:  # a request will hear of it once the lease is dry
                    log.info("no more units for now: %s", error.__cause__)

    # --- leases -----------------------------------------------------------------------------------

    def _renew(self, key: Key, now: float) -> Lease:
        """Find the key a lease with a unit to spend; ask the store if need be."""
        for _ in range(_ATTEMPTS):  # others take what we were given, or close it: then once more
            lease = self._lease_for(key, now)
            with lease.asking:
                if lease.take(now):  # another thread was faster
                    return lease
                if lease.closed:
                    continue
                if lease.refuses(now):
                    raise _exceeded(key, lease.spent or lease.windows.day, now)
                self._check_silence(now)
                if lease.replaces is not None:
                    self._settle_replaced(lease)
                self._ask(lease, now)
                if lease.take(now):
                    return lease
                if lease.spent is not None:
                    raise _exceeded(key, lease.spent, now)
        raise QuotaUnavailable("the quota's units go faster than they come", remedy="Try again in a moment.")

    def _lease_for(self, key: Key, now: float) -> Lease:
        """Return the key's lease of today under its limits, a new one if need be; asks nobody."""
        windows = self._windows(now)
        with self._lock:
            old = self._leases.get(key.id)
            same_day = old is not None and old.windows.day == windows.day
            if old is not None and same_day and not old.closed and old.limits == limits(key, windows):
                old.key = key  # read anew from the catalogue
                return old
            lease = self._leases[key.id] = Lease(key, windows, self._cells, self._wake)
            if old is not None:
                old.close()
                self._closing.append(old)
                lease.replaces = old if same_day and not lease.unlimited else None
            if lease.unlimited:
                lease.unbind()
            return lease

    def _ask(self, lease: Lease, now: float) -> None:
        """Have the store give the lease more units, as many as it will."""
        order = lease.order(self._workers, now)
        try:
            grant = self._store.lease(order)
            if grant.newer is not None and not self._follow(grant.newer, now):
                grant = self._store.lease(replace(order, reopens=True))
        except QuotaUnavailable:
            self._silent_until = self._clock() + _LEAVE_ALONE_S
            raise
        if grant.gone or grant.newer is not None:
            lease.close()
        lease.granted(order, grant, now)

    def _follow(self, day: str, now: float) -> bool:
        """Go on in the day that the store has seen, if our clock was put back; False if that day is far ahead."""
        windows = windows_named(day, self._timezone)
        if windows.day.begins - now > _LARGEST_STEP_BACK_S:
            log.warning("quotas have been counted in %s, long after now: was a clock wrong?", day)
            return False
        with self._lock:
            self._latest = windows
        return True

    def _settle_replaced(self, lease: Lease) -> None:
        """Tell the store what was used under the limits that held before, for it counts under the new ones."""
        with self._settling:
            self._tell([lease.replaces] if lease.replaces else [])
        lease.replaces = None

    def _wake(self, lease: Lease) -> None:
        self._low.add(lease)
        self._some_low.set()

    def _windows(self, now: float) -> Windows:
        """Return the windows of `now`; a clock that was put back does not open a closed window again."""
        latest = self._latest
        if latest is not None and now < latest.day.ends and latest.day.begins - now <= _LARGEST_STEP_BACK_S:
            return latest
        self._latest = windows_at(now, self._timezone)
        return self._latest

    # --- settling ---------------------------------------------------------------------------------

    def _tell(self, leases: Iterable[Lease]) -> None:
        """Tell the store about `leases`; under `_settling`."""
        told = [(lease, news) for lease in leases if (news := lease.settlement(self._workers)) is not None]
        if told:
            self._behind = True
            left = self._store.settle([news for _, news in told])
            for lease, news in told:
                lease.settled(news, left.get(lease.id))
        self._behind = False
        self._forget_done()

    def _all(self) -> list[Lease]:
        with self._lock:
            return [*self._closing, *self._leases.values()]

    def _close_all(self) -> None:
        for lease in self._all():
            lease.close()

    def _forget_done(self) -> None:
        with self._lock:
            for lease in (*self._closing, *self._leases.values()):
                if lease.done:
                    lease.forget()
            self._closing = [lease for lease in self._closing if not lease.done]
            self._leases = {key_id: lease for key_id, lease in self._leases.items() if not lease.done}

    def _leave(self) -> None:
        """Remove our cells, if there is nothing in them that the store does not know."""
        if isinstance(self._cells, Cells):
            if self._all():
                self._cells.close()  # for the next one to settle
            else:
                self._cells.discard()

    def _untold(self, key_id: str, window: Window) -> int:
        return sum(lease.untold for lease in self._all() if lease.key.id == key_id and window in lease.windows)

    # --- a store that does not answer -------------------------------------------------------------

    def _is_silent(self, now: float) -> bool:
        return 0 < self._silent_until - now <= _LEAVE_ALONE_S

    def _check_silence(self, now: float) -> None:
        """Do not ask at once again: each wait would keep every caller waiting."""
        if self._is_silent(now):
            raise QuotaUnavailable(
                "the quota store does not answer", remedy="Try again in a moment; the operator's log says why."
            )


def _exceeded(key: Key, window: Window, now: float) -> QuotaExceeded:
    daily = window.period == "day"
    limit = key.permissions.day_quota if daily else key.permissions.month_quota
    kind = QuotaExceeded if daily else MonthQuotaExceeded
    return kind(limit or 0, window_s=round(window.ends - window.begins), resets_in_s=seconds_left(window, now))
