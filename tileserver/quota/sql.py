"""Quotas as rows of the catalogue, SQLite or PostgreSQL: one transaction a call.

Rows are locked in one order, leases before windows and each by name, so that workers never wait for one another
in a circle. A lease that was granted is on the disk before it is spent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from naru.database import Database
from naru.errors import QuotaUnavailable
from naru.schema import quota_leases, quota_windows
from tileserver.quota.stores import Grant, Left, Order, Settlement, WindowLimit, lease_size
from tileserver.sql import insert_or_add, insert_unless_there

_PATIENCE_S = 2.0  # for others who hold the database: a worker that waits answers nobody
_AT_ONCE = 400  # leases in one statement
_DAY = len("2026-11-22")

Window = tuple[str, str]  # key id, window


@dataclass
class _Held:
    """A lease's row."""

    units: int = 0
    counted: int = 0
    seq: int = -1


@dataclass
class _Change:
    """What is to be added to a window's row."""

    leased: int = 0
    counted: int = 0

    def add(self, leased: int, counted: int) -> None:
        """Add more."""
        self.leased += leased
        self.counted += counted


class SqlQuotaStore:
    """Quotas in the tables `quota_windows` and `quota_leases`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def lease(self, order: Order) -> Grant:
        """Open a lease or add to it; see `QuotaStore`."""
        with self._writing() as connection:
            held = _held(connection, [order.lease]).get(order.lease)
            if held is None and not order.first:
                return Grant(gone=True)
            if held is None and not order.reopens:
                newest = _newest_day(connection, order.key_id)
                if newest is not None and newest > order.day.window:
                    return Grant(newer=newest)
            return _grant(connection, order, held)

    def settle(self, settlements: Sequence[Settlement]) -> Mapping[str, Left]:
        """Write settlements down in one transaction, one a lease; see `QuotaStore`.

        It need not reach the disk at once: when the power fails the cells are gone as well, and each lease counts
        as used whole. So the write lock is held without waiting for the disk.
        """
        with self._writing(durable=False) as connection:
            known: dict[str, _Held] = {}
            for some in _parts(sorted(one.lease for one in settlements)):
                known |= _held(connection, some)
            told = [one for one in settlements if one.opens or one.lease in known]
            _write_settled(connection, told, known)
            return _left(connection, told)

    def counted(self, windows: Iterable[str], keys: Sequence[str] | None = None) -> Mapping[Window, int]:
        """Return requests counted by (key id, window)."""
        table = quota_windows.c
        query = sa.select(table.key_id, table.window, table.counted).where(table.window.in_(list(windows)))
        if keys is not None:
            query = query.where(table.key_id.in_(keys))
        with self._answering(), self._database.read() as connection:
            return {(row.key_id, row.window): row.counted for row in connection.execute(query)}

    @contextmanager
    def _writing(self, *, durable: bool = True) -> Iterator[sa.Connection]:
        with self._answering(), self._database.write(_PATIENCE_S, durable=durable) as connection:
            yield connection

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise QuotaUnavailable(
                "the quota store does not answer", remedy="Try again in a moment; the operator's log says why."
            ) from error


def _grant(connection: sa.Connection, order: Order, known: _Held | None) -> Grant:
    leased = {name: _leased(connection, order.key_id, name) for name in sorted(w.window for w in order.windows)}
    held = known or _Held()
    counted = order.counted if order.seq > held.seq else held.counted
    kept = max(held.units, counted)
    left = [_beyond(window, leased[window.window] + kept - held.units) for window in order.windows]
    units = lease_size(min((n for n in left if n is not None), default=0), order.workers, order.most)
    if units or known:
        now = _Held(kept + units, counted, max(order.seq, held.seq))
        _write_leases(connection, [(order, now)], {order.lease} if known else set())
        change = _Change(now.units - held.units, now.counted - held.counted)
        _add(connection, {(order.key_id, window.window): change for window in order.windows})
    spent = next((w.window for w, n in zip(order.windows, left, strict=True) if n is not None and n <= 0), None)
    day, month = (None if n is None else n - units for n in left)
    return Grant(kept + units, (day, month), None if units else spent)


def _write_settled(connection: sa.Connection, told: Sequence[Settlement], known: Mapping[str, _Held]) -> None:
    """Write the leases' rows, and into those of the windows what it means for them."""
    changes: dict[Window, _Change] = defaultdict(_Change)
    kept: list[tuple[Order | Settlement, _Held]] = []
    closed = []
    for one in told:
        held = known.get(one.lease, _Held())
        if one.seq <= held.seq:
            continue  # something newer has been told already
        now = _settled(one, held)
        for window in one.windows:
            changes[one.key_id, window.window].add(now.units - held.units, now.counted - held.counted)
        if one.close:
            closed.append(one.lease)
        else:
            kept.append((one, now))
    _write_leases(connection, kept, known)
    for some in _parts(closed):
        connection.execute(quota_leases.delete().where(quota_leases.c.id.in_(some)))
    _add(connection, changes)


def _settled(told: Settlement, held: _Held) -> _Held:
    """Return what a lease is after a settlement."""
    counted = max(told.counted, held.units) if told.whole else told.counted
    if told.close:
        return _Held(counted, counted, told.seq)
    kept = held.units if told.units is None else min(told.units, held.units)
    return _Held(max(counted, kept), counted, told.seq)


def _held(connection: sa.Connection, leases: Sequence[str]) -> dict[str, _Held]:
    table = quota_leases.c
    query = sa.select(table.id, table.units, table.counted, table.seq).where(table.id.in_(leases))
    rows = connection.execute(query.order_by(table.id).with_for_update())
    return {row.id: _Held(row.units, row.counted, row.seq) for row in rows}


def _write_leases(
    connection: sa.Connection, rows: Sequence[tuple[Order | Settlement, _Held]], known: Container[str]
) -> None:
    fresh = [
        {"id": one.lease, "key_id": one.key_id, "day": one.day.window, "month": one.month.window, **vars(now)}
        for one, now in rows
        if one.lease not in known
    ]
    if fresh:
        connection.execute(quota_leases.insert(), fresh)
    if changed := [{"its_id": one.lease, **vars(now)} for one, now in rows if one.lease in known]:
        connection.execute(quota_leases.update().where(quota_leases.c.id == sa.bindparam("its_id")), changed)


def _newest_day(connection: sa.Connection, key_id: str) -> str | None:
    table = quota_windows.c
    mine = sa.and_(table.key_id == key_id, sa.func.length(table.window) == _DAY)
    newest: str | None = connection.execute(sa.select(sa.func.max(table.window)).where(mine)).scalar()
    return newest


def _leased(connection: sa.Connection, key_id: str, window: str) -> int:
    """Return the units handed out of a window, which nobody else changes until we are done."""
    insert_unless_there(connection, quota_windows, {"key_id": key_id, "window": window, "leased": 0, "counted": 0})
    table = quota_windows.c
    mine = sa.and_(table.key_id == key_id, table.window == window)
    return int(connection.execute(sa.select(table.leased).where(mine).with_for_update()).scalar_one())


def _left(connection: sa.Connection, told: Sequence[Settlement]) -> dict[str, Left]:
    table = quota_windows.c
    wanted = {one.key_id for one in told if any(window.limit is not None for window in one.windows)}
    names = {window.window for one in told for window in one.windows}
    leased: dict[Window, int] = {}
    for keys in _parts(sorted(wanted)):
        query = sa.select(table.key_id, table.window, table.leased)
        query = query.where(table.key_id.in_(keys), table.window.in_(sorted(names)))
        leased |= {(row.key_id, row.window): row.leased for row in connection.execute(query)}
    return {
        one.lease: (
            _beyond(one.day, leased.get((one.key_id, one.day.window), 0)),
            _beyond(one.month, leased.get((one.key_id, one.month.window), 0)),
        )
        for one in told
    }


def _beyond(window: WindowLimit, leased: int) -> int | None:
    return None if window.limit is None else window.limit - leased


def _add(connection: sa.Connection, changes: Mapping[Window, _Change]) -> None:
    rows = [
        {"key_id": key_id, "window": window, **vars(change)}
        for (key_id, window), change in sorted(changes.items())
        if change.leased or change.counted
    ]
    if rows:
        connection.execute(insert_or_add(connection, quota_windows, ("leased", "counted")), rows)


def _parts(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), _AT_ONCE):
        yield names[start : start + _AT_ONCE]
