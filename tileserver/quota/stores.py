"""The `QuotaStore` waist: what is asked of whoever keeps the quotas, and told to them.

A worker takes units in *leases* and spends them by itself, so that a request costs no query. What is taken never
passes the limit, so the limit is never overshot, whatever dies when; the units that a lease is given shrink as the
limit comes near, so that the last one can still be had by whoever asks for it.

Everything told is absolute (counted so far, units still held) and numbered, so it may be told twice, late, or by
another worker after a death. A lease that is not known has been closed: nothing told about it counts any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from naru.database import Database

EMBEDDED = "embedded"
LARGEST_LEASE = 1000  # at the pace of a storm; who is faster may have up to
LARGEST_LEASE_IN_HASTE = 16_000  # ... so that the store is asked about once a second
SEQ_AFTER_DEATH = 1 << 52  # of what others tell about a dead worker's lease: later than all it said itself
_LEASES_LEFT_PER_WORKER = 4


@dataclass(frozen=True)
class WindowLimit:
    """A window's name, how many requests it allows (None: any number), and its end (seconds since the epoch)."""

    window: str
    limit: int | None
    ends: float = 0.0


@dataclass(frozen=True)
class Order:
    """Units wanted for a lease: the day's and the month's at once, for one of `workers` workers."""

    lease: str
    key_id: str
    day: WindowLimit
    month: WindowLimit
    workers: int
    seq: int
    counted: int = 0  # so far, under this lease
    first: bool = True  # the lease is to be opened; otherwise one that is not known has been closed
    reopens: bool = False  # an older day than the store has seen is meant, not a clock that was put back
    most: int = LARGEST_LEASE  # units wanted at the most

    @property
    def windows(self) -> tuple[WindowLimit, WindowLimit]:
        """The day and the month."""
        return self.day, self.month


@dataclass(frozen=True)
class Grant:
    """The answer to an order.

    `units` is what the lease holds now, all in all; `left` what the store has beyond it of the day and the month
    (None: unlimited). Where nothing was to be had, `spent` names the window that is used up. `newer` names the day
    that the store has seen when an older one was asked for; `gone` says that the lease has been closed: nothing is
    granted then.
    """

    units: int = 0
    left: tuple[int | None, int | None] = (None, None)
    spent: str | None = None
    newer: str | None = None
    gone: bool = False


@dataclass(frozen=True)
class Settlement:
    """What has become of a lease until now.

    `units` is what it still holds (None: all that it was given); `close` gives back what was not counted; `whole`,
    with it, counts all of it instead: nobody knows what was used. `opens`: make the lease if it is not known, for
    it was spent without asking (no limit), and has never been told of.
    """

    lease: str
    key_id: str
    day: WindowLimit
    month: WindowLimit
    seq: int
    counted: int
    units: int | None = None
    close: bool = False
    whole: bool = False
    opens: bool = False

    @property
    def windows(self) -> tuple[WindowLimit, WindowLimit]:
        """The day and the month."""
        return self.day, self.month


Left = tuple[int | None, int | None]


class QuotaStore(Protocol):
    """What every keeper of quotas can do; each call raises QuotaUnavailable where it does not answer."""

    def lease(self, order: Order) -> Grant:
        """Open a lease or add to it, in one step among all workers."""
        ...

    def settle(self, settlements: Sequence[Settlement]) -> Mapping[str, Left]:
        """Write down what was counted, each lease in one step; return what is left beyond the known ones."""
        ...

    def counted(self, windows: Iterable[str], keys: Sequence[str] | None = None) -> Mapping[tuple[str, str], int]:
        """Return requests counted by (key id, window), for those windows and keys (None: all)."""
        ...


def lease_size(remaining: int, workers: int, most: int = LARGEST_LEASE) -> int:
    """Return how many units to hand out of `remaining`, so that each worker can come several times more.

    >>> lease_size(100_000, 2), lease_size(50, 2), lease_size(1, 2), lease_size(0, 2)
    (1000, 6, 1, 0)
    """
    fair = remaining // leases_left(workers)
    return min(max(remaining, 0), max(1, min(fair, most)))


def leases_left(workers: int) -> int:
    """Return into how many leases what remains is divided."""
    return _LEASES_LEFT_PER_WORKER * workers


def open_store(quota_url: str, database: Database) -> QuotaStore:
    """Return the store that NARU_QUOTA_URL names: `embedded` (rows of the catalogue) or redis://host:port/db.

    Raises:
        BadSetting: a Redis is named, but redis-py is not installed.
    """
    if quota_url == EMBEDDED:
        from tileserver.quota.sql import SqlQuotaStore

        store: QuotaStore = SqlQuotaStore(database)
        return store
    from tileserver.quota.redis import RedisQuotaStore

    return RedisQuotaStore.open(quota_url)
