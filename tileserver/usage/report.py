"""Usage as rows: who or what, when, how many requests, bytes, errors and visitors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from naru.errors import BadRequest, NotReady
from tileserver.usage import heat, tables
from tileserver.usage.ledger import Ledger
from tileserver.usage.page import OTHER
from tileserver.usage.periods import minutes_of, written
from tileserver.usage.query import Query
from tileserver.usage.visitors import BY_HOUR

_TABLES = {"minute": tables.minutes, "hour": tables.hours, "day": tables.days}
_COLUMNS = {"key": "key_id", "function": "function", "layer": "layer", "zoom": "zoom", "status": "status"}
MOST_TILES = 20_000  # of a heat map
Value = str | int | None


class Counts(NamedTuple):
    """What a row says. `visitors`: of several days the sum of each day's; None where they are not told apart so."""

    requests: int
    bytes: int
    errors: int
    visitors: int | None


class Line(NamedTuple):
    """One row: its values of `Query.by`, and its counts."""

    at: tuple[Value, ...]
    counts: Counts


@dataclass(frozen=True)
class Reach:
    """What whoever asks may see. `only`: rows of no other layers; `named`: tells which layers' names to show."""

    only: Callable[[str], bool] | None = None
    named: Callable[[str], bool] | None = None


@dataclass(frozen=True)
class Report:
    """The answer to a query."""

    query: Query
    timezone: str
    lines: list[Line]
    total: Counts

    def to_dict(self) -> dict[str, Any]:
        """Return it as `/api/usage` and `naru usage report --json` give it."""
        return {
            "from": self.query.first.isoformat(),
            "to": self.query.last.isoformat(),
            "timezone": self.timezone,
            "by": list(self.query.by),
            "rows": [dict(zip(self.query.by, at, strict=True)) | counts._asdict() for at, counts in self.lines],
            "total": self.total._asdict(),
        }


def make_report(ledger: Ledger, query: Query, reach: Reach = Reach(), most: int | None = None) -> Report:
    """Answer a query, with all that has come in until now.

    Raises:
        BadRequest: there are more than `most` rows.
        NotReady: somebody else has held the ledger for seconds.
    """
    try:
        ledger.sum_up()
    except OperationalError as error:
        raise NotReady("the ledger of usage is busy", remedy="Try again in a moment.") from error
    with ledger.database.read() as connection:
        asked = _Asked(connection, ledger, query, reach)
        lines = asked.lines(most)
        total = asked.total()
    return Report(query, str(ledger.zone), lines, total)


class _Asked:
    """A query and where its answers lie."""

    def __init__(self, connection: sa.Connection, ledger: Ledger, query: Query, reach: Reach) -> None:
        self._connection, self._query, self._reach, self._zone = connection, query, reach, ledger.zone
        self._since, self._until = minutes_of(query.first, query.last, ledger.zone)
        self._only: list[str] | None = None
        if reach.only is not None:
            names = connection.execute(sa.select(tables.dims.c.layer).distinct()).scalars()
            self._only = [name for name in names if reach.only(name)]

    def lines(self, most: int | None) -> list[Line]:
        """Return the rows, in order."""
        table = self._table()
        start, time = _start(table), self._query.time
        columns = [start if name == time else tables.dims.c[_COLUMNS[name]] for name in self._query.by]
        query = self._sums(table, *columns).group_by(*columns).order_by(*columns)
        if most is not None:
            query = query.limit(most + 1)
        found = self._connection.execute(query).all()
        if most is not None and len(found) > most:
            raise BadRequest(
                f"there are more than {most} rows", field="by", remedy="Ask for fewer days, or by fewer things."
            )
        return self._written(found)

    def total(self) -> Counts:
        """Return the sums of all rows."""
        row = self._connection.execute(self._sums(self._table())).one()
        sums = (int(row.requests or 0), int(row.bytes or 0), int(row.errors or 0))
        return _counts(sums, self._visitors(()).get(()))

    def _table(self) -> sa.Table:
        """Return the coarsest table that can tell."""
        if self._query.time in ("minute", "hour", "day"):
            return _TABLES[self._query.time]
        whole = self._query.first.day == 1 and (self._query.last + timedelta(days=1)).day == 1
        return tables.months if whole else tables.days

    def _sums(self, table: sa.Table, *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
        failed = sa.case((tables.dims.c.status >= 4, table.c.requests), else_=0)
        return (
            sa.select(
                *columns,
                sa.func.sum(table.c.requests).label("requests"),
                sa.func.sum(table.c.bytes).label("bytes"),
                sa.func.sum(failed).label("errors"),
            )
            .join_from(table, tables.dims, tables.dims.c.id == table.c.dims)
            .where(*self._which(_start(table)))
        )

    def _which(self, start: sa.ColumnElement[int]) -> Iterator[sa.ColumnElement[bool]]:
        yield sa.and_(start >= self._since, start < self._until)
        for name, value in self._query.filters.items():
            yield tables.dims.c[_COLUMNS[name]] == value
        if self._only is not None:
            yield tables.dims.c.layer.in_(self._only)

    def _written(self, found: Sequence[sa.Row[Any]]) -> list[Line]:
        """Return rows as they are told; layers that are not to be named become one."""
        by = self._query.by
        sums: dict[tuple[Value, ...], list[int]] = {}
        for row in found:
            at = tuple(self._value(name, row[place]) for place, name in enumerate(by))
            into = sums.setdefault(at, [0, 0, 0])
            for place, count in enumerate(row[len(by) :]):
                into[place] += int(count)
        visitors = self._visitors(by)
        return [Line(at, _counts((n, size, failed), visitors.get(at))) for at, (n, size, failed) in sums.items()]

    def _visitors(self, by: tuple[str, ...]) -> Mapping[tuple[Value, ...], int]:
        """Return visitors by the values of `by`; nothing where they are not told apart so.

        They are known of all, and of each key, function and layer; not of a key's layers, and so on.
        """
        time = self._query.time if self._query.time in by else None
        kinds = {name for name in by if name != time} | set(self._query.filters)
        kind = kinds.pop() if kinds else "total"
        hidden = self._reach.only is not None or (kind == "layer" and self._reach.named is not None)
        if kinds or hidden or kind in ("zoom", "status") or time == "minute":
            return {}
        period = "hour" if time == "hour" else "day"
        if period == "hour" and kind not in BY_HOUR:
            return {}
        found = self._circles(period, kind)
        sums: dict[tuple[Value, ...], int] = {}
        for row in found:
            at = tuple(written(row.start, time, self._zone) if name == time else row.name for name in by)
            sums[at] = sums.get(at, 0) + row.visitors
        return sums

    def _circles(self, period: str, kind: str) -> Sequence[sa.Row[int, str, int]]:
        row = tables.visitors.c
        which = [row.period == period, row.kind == kind, row.start >= self._since, row.start < self._until]
        if kind in self._query.filters:
            which.append(row.name == self._query.filters[kind])
        return self._connection.execute(sa.select(row.start, row.name, row.visitors).where(*which)).all()

    def _value(self, name: str, value: Any) -> Value:
        if name == self._query.time:
            return written(value, name, self._zone)
        if name == "zoom":
            return None if value < 0 else int(value)
        if name == "status":
            return f"{value}xx"
        if name == "layer" and self._reach.named is not None and not self._reach.named(value):
            return OTHER
        return str(value)


@dataclass(frozen=True)
class HeatMap:
    """Where a layer's tiles were asked for: tiles of the Web Mercator grid, most asked for first."""

    layer: str
    first: date
    last: date
    tiles: list[tuple[int, int, int, int]]  # z, x, y, requests

    def to_dict(self) -> dict[str, Any]:
        """Return it as `/api/usage/heatmap` gives it; `zoom` is the finest among the tiles."""
        return {
            "layer": self.layer,
            "from": self.first.isoformat(),
            "to": self.last.isoformat(),
            "zoom": max((tile[0] for tile in self.tiles), default=0),
            "tiles": [list(tile) for tile in self.tiles],
        }


def make_heat_map(ledger: Ledger, layer: str, first: date, last: date, most: int = MOST_TILES) -> HeatMap:
    """Return where `layer` was asked for on those days, at the finest zoom at which it is at most `most` tiles."""
    since, until = minutes_of(first, last, ledger.zone)
    row = tables.heat.c
    query = sa.select(row.tile, sa.func.sum(row.requests)).where(
        row.layer == layer, row.day >= since, row.day < until
    )
    with ledger.database.read() as connection:
        found = connection.execute(query.group_by(row.tile)).all()
    counts = heat.at_most({heat.unpacked(tile): int(count) for tile, count in found}, most)
    tiles = sorted(((*tile, count) for tile, count in counts.items()), key=lambda tile: (-tile[3], tile))
    return HeatMap(layer, first, last, tiles)


def _start(table: sa.Table) -> sa.ColumnElement[int]:
    return table.c.minute if table is tables.minutes else table.c.start


def _counts(sums: tuple[int, int, int], visitors: int | None) -> Counts:
    """Return a row's counts. Where all requests failed nobody visited; else no visitors means: not known (yet)."""
    requests, size, failed = sums
    return Counts(requests, size, failed, 0 if visitors is None and requests == failed else visitors)
