"""Leases: the units of one key in one worker process, spent without asking anybody.

How many were used lies in a cell (`tileserver/cells.py`), stored before the request is let through: after a kill
whoever finds the cell can settle the lease exactly. At most one request a kill was counted and not answered.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from typing import Protocol

from tileserver.keys.ring import Key
from tileserver.quota.headers import Standing
from tileserver.quota.stores import (
    LARGEST_LEASE,
    LARGEST_LEASE_IN_HASTE,
    Grant,
    Left,
    Order,
    Settlement,
    WindowLimit,
    lease_size,
)
from tileserver.quota.windows import Window, Windows

KNOWN = 1 << 62  # in a cell's value: the store knows the lease, so where it does not, the lease was closed
_UNLIMITED = 1 << 61
_NEVER = 1 << 63
_LONGEST_IDLE = 10  # settlements after which unused units go back; a few go back sooner
_SHORTEST_IDLE = 2
_WORTH_TOPPING_UP = 8  # units granted; fewer are not asked for ahead: whoever needs the last ones asks for them
_ASK_AGAIN_S = 1.0
_HASTE_S = 1.0
_PATIENCE_S = 3.0  # with a thread that asks the store for a lease which is to be closed


class Values(Protocol):
    """Counts by slot."""

    def __getitem__(self, slot: int, /) -> int:
        """Return one."""
        ...

    def __setitem__(self, slot: int, value: int, /) -> None:
        """Store one."""
        ...


class Counters(Protocol):
    """Where the count of a lease is kept; see `tileserver/cells.py`."""

    @property
    def values(self) -> Values:
        """The counts, by slot."""
        ...

    def slot(self, name: str) -> int:
        """Return the index of a cell that is 0."""
        ...

    def free(self, index: int) -> None:
        """Give a cell back."""
        ...


class Lease:
    """Units of one key for one day and its month. `take` and `refund` are all that a request needs.

    `lock` guards the numbers and is never held while the store is asked; `asking` is held while the store is
    asked for more units, which are not given back at that time.
    """

    def __init__(self, key: Key, windows: Windows, cells: Counters, wake: Callable[[Lease], None]) -> None:
        self.id, self.key, self.windows, self.limits = secrets.token_hex(8), key, windows, limits(key, windows)
        self.until = windows.day.ends
        self.replaces: Lease | None = None  # one of the same day under other limits, to be settled before
        self.spent: Window | None = None  # the window that is used up, where there was nothing to have
        self.closed = False  # nobody spends any more
        self.done = False  # ... and the store has been told
        self.lock, self.asking = threading.Lock(), threading.Lock()
        self._cells, self._wake = cells, wake
        self._slot = cells.slot(cell_name(self.id, key.id, windows))
        self._values = cells.values
        self._used = 0  # as in the cell: with KNOWN once the store knows the lease
        self._end = 0  # units that may be used, with KNOWN likewise
        self._low = _NEVER  # from here on more are asked for in the background
        self._left: Left = (None, None)  # in the store beyond this lease, when it last told
        self._told = self._told_seq = 0  # counted, as far as the store knows
        self._fewer: int | None = None  # units still held where some were given back, and the store is to be told
        self._doubtful = False  # an order was not answered: the store may know the lease, or not
        self._ask_again = 0.0
        self._most, self._asked = LARGEST_LEASE, float("-inf")  # units to ask for, and when that was last done
        self._seq = self._idle = 0

    def take(self, now: float) -> bool:
        """Spend one unit; False when there is none, or its time is over."""
        with self.lock:
            used = self._used + 1
            if used > self._end or now >= self.until:
                return False
            self._used = self._values[self._slot] = used
            if used >= self._low:
                self._low = _NEVER
                self._wake(self)
            return True

    def refund(self) -> None:
        """Give one unit back: the request was answered with an error, and those do not count."""
        with self.lock:
            if not self.closed:  # what a closed lease had is being settled already
                self._used -= 1
                self._values[self._slot] = self._used

    @property
    def unlimited(self) -> bool:
        """Whether neither window has a limit: such a lease is spent without asking."""
        return all(window.limit is None for window in self.limits)

    @property
    def untold(self) -> int:
        """Requests counted that the store has not been told of."""
        return self._counted - self._told

    @property
    def _counted(self) -> int:
        return self._used & ~KNOWN

    def standings(self, now: float) -> list[Standing]:
        """Return how the key stands in its day and its month, by what the store told last; asks nobody.

        What other workers hold counts as used, so `left` may be too low by that much.
        """
        with self.lock:
            here = self._end - self._used
            left = [None if beyond is None else max(0, beyond + here) for beyond in self._left]
        both = zip(self.windows, self.limits, left, strict=True)
        return [Standing.of(window, limit.limit, None, n, now) for window, limit, n in both]

    def unbind(self) -> None:
        """Let the lease be spent without end: its key has no quotas."""
        with self.lock:
            self._end = (self._used & KNOWN) + _UNLIMITED

    def order(self, workers: int, now: float) -> Order:
        """Return what to ask the store; under `asking`. Who comes again within a second wants more at a time."""
        with self.lock:
            in_haste = 0 <= now - self._asked < _HASTE_S
            wanted = self._most * 2 if in_haste else LARGEST_LEASE
            self._most, self._asked = min(wanted, LARGEST_LEASE_IN_HASTE), now
            self._seq += 1
            self._doubtful = True
            first = not self._used & KNOWN
            given = (self.id, self.key.id, *self.limits, workers, self._seq, self._counted, first)
            return Order(*given, most=self._most)

    def granted(self, order: Order, grant: Grant, now: float) -> None:
        """Take in what the store answered; under `asking`."""
        with self.lock:
            self._doubtful = False
            self.spent = next((window for window in self.windows if window.name == grant.spent), None)
            self._ask_again = now + _ASK_AGAIN_S
            self._left = grant.left
            if not grant.units:
                return
            self._know(order.seq, order.counted)
            if not self.closed:
                more, self._end = grant.units - (self._end & ~KNOWN), KNOWN + grant.units
                self._low = self._end - more // 2 if more >= _WORTH_TOPPING_UP else _NEVER
                self._fewer = None

    def refuses(self, now: float) -> bool:
        """Tell whether the store has said a moment ago that there is nothing to have."""
        return self.spent is not None and 0 < self._ask_again - now <= _ASK_AGAIN_S

    def close(self) -> None:
        """Let nobody spend any more; what was used is still to be settled."""
        with self.lock:
            self._close()

    def settlement(self, workers: int) -> Settlement | None:
        """Return what the store has not heard of yet, or None when there is nothing to tell.

        A lease that nobody uses is closed; one that holds much, where little is left for others, gives some back.
        """
        may_give_back = self.asking.acquire(timeout=_PATIENCE_S if self.closed else 0)
        try:
            with self.lock:
                self._idle = 0 if self.untold else self._idle + 1
                if may_give_back and not self.closed:
                    self._give_back(workers)
                return self._settlement() if may_give_back or not self.closed else None
        finally:
            if may_give_back:
                self.asking.release()

    def settled(self, told: Settlement, left: Left | None) -> None:
        """Take in that the store was told; `left` is None where it does not know the lease."""
        with self.lock:
            self._know(told.seq, told.counted)
            self.done = told.close
            if self._fewer == told.units:
                self._fewer = None
            if left is not None:
                self._left = left
            elif not told.close:  # the store has lost it, and what was counted: begin anew
                self._close()
                self.done = True

    def forget(self) -> None:
        """Give the cell back, when `done`."""
        self._cells.free(self._slot)

    def _close(self) -> None:
        self.closed, self._end = True, 0

    def _know(self, seq: int, counted: int) -> None:
        """Take in that the store knows the lease, and what it was told last."""
        if seq > self._told_seq:
            self._told_seq, self._told = seq, counted
        if not self._used & KNOWN:
            self._end += 0 if self.closed else KNOWN
            self._used = self._values[self._slot] = self._used | KNOWN

    def _give_back(self, workers: int) -> None:
        here = max(0, self._end - self._used)
        if self._idle >= max(_SHORTEST_IDLE, min(here, _LONGEST_IDLE)):
            self._close()
            return
        beyond = [n for n in self._left if n is not None]
        if beyond and not self.unlimited:
            fair = lease_size(max(0, min(beyond)) + here, workers, self._most)
            if here > 2 * fair:
                self._end, self._low = self._used + fair, _NEVER
                self._fewer = self._end & ~KNOWN

    def _settlement(self) -> Settlement | None:
        known, counted = self._used & KNOWN, self._counted
        if self.closed and not (known or counted or self._doubtful):
            self.done = True  # the store has never heard of it
            return None
        if not (self.closed or self.untold or self._fewer is not None):
            return None
        self._seq += 1
        about = (self.id, self.key.id, *self.limits, self._seq, counted)
        if counted and not known:
            return Settlement(*about, opens=True)  # to be closed another time: then all know that it was there
        return Settlement(*about, units=self._fewer, close=self.closed)


def limits(key: Key, windows: Windows) -> tuple[WindowLimit, WindowLimit]:
    """Return what `key` may use of the day and of the month."""
    may, (day, month) = key.permissions, windows
    return WindowLimit(day.name, may.day_quota, day.ends), WindowLimit(month.name, may.month_quota, month.ends)


def cell_name(lease: str, key_id: str, windows: Windows) -> str:
    """Return the name of a lease's cell, which says enough to settle the lease without its worker."""
    day, month = windows
    return f"{lease} {key_id} {day.name} {round(day.ends)} {month.name} {round(month.ends)}"
