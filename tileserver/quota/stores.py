"""Where quotas are kept: the `QuotaStore` waist, and the store that lies in the catalogue.

A worker takes units from the store in *leases* and spends them by itself, so that a request costs no query.
`leased` never passes the limit, so the limit is never overshot, whatever dies when; a lease shrinks as the
limit comes near, so that the last unit can still be had by whoever asks for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from naru.database import Database
from naru.schema import quota_windows
from tileserver.sql import insert_unless_there

UNLIMITED = 1 << 62  # units of a lease on a key without quotas
LARGEST_LEASE = 1000
_LEASES_LEFT_PER_WORKER = 4
_PATIENCE_S = 2.0  # for others who hold the database: a worker that waits answers nobody


@dataclass(frozen=True)
class WindowLimit:
    """A window's name and how many requests it allows (None: any number)."""

    window: str
    limit: int | None


@dataclass(frozen=True)
class Grant:
    """Units granted; none when the quota of `spent` is used up."""

    units: int
    spent: str | None = None


@dataclass(frozen=True)
class Settlement:
    """What became of a lease: requests counted, and units given back unused."""

    key_id: str
    windows: tuple[WindowLimit, ...]
    counted: int
    returned: int


class QuotaStore(Protocol):
    """What every keeper of quotas can do; each call is one atomic step among all workers."""

    def lease(self, key_id: str, windows: Sequence[WindowLimit], workers: int) -> Grant:
        """Take units of every window at once for one of `workers` workers."""
        ...

    def settle(self, settlements: Iterable[Settlement]) -> None:
        """Write down what was counted, take back what was not used."""
        ...

    def counted(self, windows: Iterable[str]) -> Mapping[tuple[str, str], int]:
        """Return requests counted by (key id, window), for those windows."""
        ...


def lease_size(remaining: int, workers: int) -> int:
    """Return how many units to hand out of `remaining`, so that each worker can come several times more.

    >>> lease_size(100_000, 2), lease_size(50, 2), lease_size(1, 2), lease_size(0, 2)
    (1000, 6, 1, 0)
    """
    fair = remaining // (_LEASES_LEFT_PER_WORKER * workers)
    return min(max(remaining, 0), max(1, min(fair, LARGEST_LEASE)))


class SqlQuotaStore:
    """Quotas as rows of the catalogue (`quota_windows`): one transaction a lease, one a settlement."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def lease(self, key_id: str, windows: Sequence[WindowLimit], workers: int) -> Grant:
        """Take units of every window at once; see `QuotaStore`."""
        limited = {w.window: w.limit for w in windows if w.limit is not None}
        if not limited:
            return Grant(UNLIMITED)
        with self._database.write(_PATIENCE_S) as connection:
            left = {name: limit - _taken(connection, key_id, name) for name, limit in limited.items()}
            tightest = min(left, key=lambda name: left[name])
            units = lease_size(left[tightest], workers)
            if units:
                _add(connection, key_id, limited, leased=units)
        return Grant(units, None if units else tightest)

    def settle(self, settlements: Iterable[Settlement]) -> None:
        """Write settlements down in one transaction; see `QuotaStore`."""
        with self._database.write(_PATIENCE_S) as connection:
            for done in sorted(settlements, key=lambda one: one.key_id):  # all lock rows in one order: no deadlock
                for window in done.windows:
                    _ensure(connection, done.key_id, window.window)
                    returned = done.returned if window.limit is not None else 0
                    change = {"counted": done.counted, "leased": -returned}
                    _add(connection, done.key_id, (window.window,), **change)

    def counted(self, windows: Iterable[str]) -> Mapping[tuple[str, str], int]:
        """Return requests counted by (key id, window)."""
        table = quota_windows.c
        query = sa.select(table.key_id, table.window, table.counted).where(table.window.in_(list(windows)))
        with self._database.read() as connection:
            return {(row.key_id, row.window): row.counted for row in connection.execute(query)}


def _taken(connection: sa.Connection, key_id: str, window: str) -> int:
    """Return the units already handed out; those counted before there was a limit are among them."""
    _ensure(connection, key_id, window)
    table = quota_windows.c
    mine = sa.and_(table.key_id == key_id, table.window == window)
    row = connection.execute(sa.select(table.leased, table.counted).where(mine).with_for_update()).one()
    if row.counted > row.leased:
        connection.execute(quota_windows.update().where(mine).values(leased=row.counted))
    return int(max(row.leased, row.counted))


def _ensure(connection: sa.Connection, key_id: str, window: str) -> None:
    row = {"key_id": key_id, "window": window, "leased": 0, "counted": 0}
    insert_unless_there(connection, quota_windows, row)


def _add(
    connection: sa.Connection, key_id: str, windows: Iterable[str], *, leased: int = 0, counted: int = 0
) -> None:
    table = quota_windows.c
    mine = sa.and_(table.key_id == key_id, table.window.in_(list(windows)))
    sums = {"leased": table.leased + leased, "counted": table.counted + counted}
    connection.execute(quota_windows.update().where(mine).values(**sums))
