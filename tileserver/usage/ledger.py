"""The ledger: pages of counts come in once each, and are summed up by hour, day and month.

A page is written in one transaction together with its number, so that it may come again (a worker died before it
could free its cells) and changes nothing then. Sums take in what came after the row they stand at, in the same
transaction that moves them there: run twice, or killed half-way, they are what they would be.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Iterator
from itertools import groupby, islice
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from naru.database import Database
from tileserver.usage import heat, tables
from tileserver.usage.callers import hashed
from tileserver.usage.page import OTHER, Dims, Page
from tileserver.usage.periods import MINUTE_S, Periods, periods_of
from tileserver.usage.tables import ANY_ZOOM, alone

MINUTES_DAYS, HOURS_DAYS, HEAT_DAYS = 3, 400, 400  # how long each is kept; days and months for ever
MOST_COMPOSITES = 256  # names of several layers at once that are kept apart, in all
TIDY_EVERY_S = 600
_DAY = 24 * 60
_PATIENCE_S = 5.0
_MOST_NUMBERS = 32_768  # that a ledger remembers: some 7 MB
_PERIODS = ("hour", "day", "month")


class Ledger:
    """The usage of one installation."""

    def __init__(self, database: Database, zone: ZoneInfo) -> None:
        self.database, self.zone = database, zone
        self._composites: set[str] | None = None
        self._numbers: dict[Dims, int] = {}  # as in `usage_dims`, whose rows are never changed nor removed

    # --- pages come in ------------------------------------------------------------------------------

    def write(self, page: Page) -> bool:
        """Write a page down; False when it has been already.

        Raises:
            OperationalError: others hold the database; nothing was written.
        """
        try:
            with self.database.write(_PATIENCE_S) as connection:
                alone(connection)
                if not _first_time(connection, page):
                    return False
                self._write(connection, page)
                return True
        except BaseException:
            self._composites, self._numbers = None, {}  # what was met in a transaction that came to nothing
            raise

    def _write(self, connection: sa.Connection, page: Page) -> None:
        if len(self._numbers) > _MOST_NUMBERS:
            for dims in list(islice(self._numbers, _MOST_NUMBERS // 4)):  # the oldest
                del self._numbers[dims]
        named = [(self._named(connection, dims), sums) for dims, sums in page.sums.items()]
        self._learn_numbers(connection, {dims for dims, _ in named if dims not in self._numbers})
        rows = [
            {"minute": page.minute, "dims": self._numbers[dims], "requests": sums.requests, "bytes": sums.bytes}
            for dims, sums in named
        ]
        if rows:
            connection.execute(tables.minutes.insert(), rows)
        if page.callers:
            self._write_visits(connection, page)
        if page.heat:
            self._write_heat(connection, page)

    def _learn_numbers(self, connection: sa.Connection, wanted: Collection[Dims]) -> None:
        """Remember the numbers of dims, entering those that have none yet."""
        if not wanted:
            return
        rows = [{f"p_{name}": value for name, value in dims._asdict().items()} for dims in wanted]
        connection.execute(_give_number(connection, by_hour=True), rows)
        connection.execute(_give_number(connection, by_hour=False), rows)
        for dims, row in zip(wanted, rows, strict=True):
            self._numbers[dims] = connection.execute(_NUMBER, row).scalar_one()

    def _named(self, connection: sa.Connection, dims: Dims) -> Dims:
        return dims if "," not in dims.layer else dims._replace(layer=self._kept(connection, dims.layer))

    def _kept(self, connection: sa.Connection, layer: str) -> str:
        """Keep the number of names of several layers within bounds: there are more than anyone could count."""
        if "," not in layer:
            return layer
        if self._composites is None:
            found = sa.select(tables.dims.c.layer).where(tables.dims.c.layer.contains(",")).distinct()
            self._composites = set(connection.execute(found).scalars())
        if layer not in self._composites and len(self._composites) >= MOST_COMPOSITES:
            return OTHER
        self._composites.add(layer)
        return layer

    def _write_visits(self, connection: sa.Connection, page: Page) -> None:
        salt = _salt(connection, periods_of(page.minute, self.zone).day)
        rows = [
            {**visited._asdict(), "minute": page.minute, "layer": self._kept(connection, visited.layer)}
            | {"hashes": hashed(callers, salt)}
            for visited, callers in page.callers.items()
        ]
        connection.execute(tables.visits.insert(), rows)

    def _write_heat(self, connection: sa.Connection, page: Page) -> None:
        day = periods_of(page.minute, self.zone).day
        rows = [
            {"day": day, "layer": layer, "tile": heat.packed((z, x, y)), "requests": count}
            for (layer, z, x, y), count in page.heat.items()
        ]
        statement = insert(connection, tables.heat)
        more = {"requests": tables.heat.c.requests + statement.excluded.requests}
        connection.execute(
            statement.on_conflict_do_update(index_elements=["day", "layer", "tile"], set_=more), rows
        )

    # --- sums ---------------------------------------------------------------------------------------

    def has_layer(self, layer: str) -> bool:
        """Tell whether anything was written down about a layer, or about several at once."""
        query = sa.select(tables.dims.c.id).where(tables.dims.c.layer == layer).limit(1)
        with self.database.read() as connection:
            return connection.execute(query).first() is not None

    def sum_up(self) -> int:
        """Take the minutes that have come in since the last time into the sums; return how many rows those were.

        Raises:
            OperationalError: others hold the database; the sums are as they were.
        """
        with self.database.write(_PATIENCE_S) as connection:
            alone(connection)
            since: int = connection.execute(sa.select(tables.state.c.summed)).scalar_one()
            row = tables.minutes.c
            until: int | None = connection.execute(sa.select(sa.func.max(row.seq))).scalar()
            if until is None or until <= since:
                return 0
            fresh = sa.and_(row.seq > since, row.seq <= until)
            came = connection.execute(sa.select(row.minute).where(fresh).distinct()).scalars().all()
            for place, table in enumerate((tables.hours, tables.days, tables.months)):
                for start, minutes in _by_period(came, place, self.zone):
                    _add(connection, table, start, sa.and_(fresh, row.minute.between(minutes[0], minutes[-1])))
            connection.execute(tables.state.update().values(summed=until))
            return until - since

    def tidying_is_due(self, now: float) -> bool:
        """Tell whether it is time to tidy up (`now`: seconds since the epoch); True for one asker only."""
        column, seconds = tables.state.c.tidied, int(now)
        due = sa.or_(column <= seconds - TIDY_EVERY_S, column > seconds)
        with self.database.read() as connection:
            if not connection.execute(sa.select(due)).scalar():
                return False
        with self.database.write(_PATIENCE_S) as connection:
            alone(connection)
            return bool(connection.execute(tables.state.update().where(due).values(tidied=seconds)).rowcount)

    def forget(self, now: float) -> None:
        """Remove what has been kept long enough, and the salts of days that are over."""
        minute = int(now) // MINUTE_S
        with self.database.write() as connection:
            alone(connection)
            _forget_minutes(connection, minute - MINUTES_DAYS * _DAY)
            for table, column, days in (
                (tables.hours, tables.hours.c.start, HOURS_DAYS),
                (tables.heat, tables.heat.c.day, HEAT_DAYS),
                (tables.pages, tables.pages.c.minute, HEAT_DAYS),
            ):
                connection.execute(table.delete().where(column < minute - days * _DAY))
            _forget_salts(connection, periods_of(minute - 60, self.zone).day)

    def close(self) -> None:
        """Close the database."""
        self.database.close()


def insert(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that knows ON CONFLICT, in the database's own dialect."""
    make: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    made: sqlite.Insert | postgresql.Insert = make(table)
    return made


def _first_time(connection: sa.Connection, page: Page) -> bool:
    """Note the page's number; False when it, or a later one of the same file, was written before."""
    pages = tables.pages.c
    last = connection.execute(sa.select(pages.number).where(pages.file == page.file)).scalar()
    if last is None:
        connection.execute(tables.pages.insert().values(file=page.file, number=page.number, minute=page.minute))
        return True
    if last >= page.number:
        return False
    mark = tables.pages.update().where(pages.file == page.file)
    connection.execute(mark.values(number=page.number, minute=page.minute))
    return True


def _same(*, any_zoom: bool = False) -> sa.ColumnElement[bool]:
    """Return the condition that a row of `dims` is the one that parameters name."""
    row = tables.dims.c
    zoom = sa.literal(ANY_ZOOM) if any_zoom else sa.bindparam("p_zoom", type_=sa.Integer)
    return sa.and_(*(row[name] == _parameter(name) for name in Dims._fields if name != "zoom"), row.zoom == zoom)


def _parameter(name: str) -> sa.BindParameter[Any]:
    return sa.bindparam(f"p_{name}", type_=tables.dims.c[name].type)


def _give_number(connection: sa.Connection, *, by_hour: bool) -> sa.Insert:
    """Return the statement that enters dims which have no number yet: those of hours, then those of minutes."""
    over = sa.select(tables.dims.c.id).where(_same(any_zoom=True)).scalar_subquery()
    values = {name: _parameter(name) for name in Dims._fields} | {"by_hour": sa.null() if by_hour else over}
    if by_hour:
        values["zoom"] = sa.literal(ANY_ZOOM)
    return insert(connection, tables.dims).values(values).on_conflict_do_nothing()


_NUMBER = sa.select(tables.dims.c.id).where(_same())


def _salt(connection: sa.Connection, day: int) -> bytes:
    """Return the day's salt, making it for the first who asks."""
    found: bytes | None = connection.execute(
        sa.select(tables.salts.c.salt).where(tables.salts.c.day == day)
    ).scalar()
    if found is None:
        found = secrets.token_bytes(32)
        connection.execute(tables.salts.insert().values(day=day, salt=found))
    return found


def _by_period(minutes: Iterable[int], place: int, zone: ZoneInfo) -> Iterator[tuple[int, list[int]]]:
    """Give each hour (day, month: place 1, 2) and its minutes, in order."""

    def start(minute: int) -> int:
        return periods_of(minute, zone)[place]

    for begins, found in groupby(sorted(minutes), start):
        yield begins, list(found)


def _add(connection: sa.Connection, table: sa.Table, start: int, which: sa.ColumnElement[bool]) -> None:
    """Add those minutes to the sums of one period."""
    row, by = tables.minutes.c, tables.dims.c
    dims = by.by_hour if table is tables.hours else row.dims
    sums = sa.select(sa.literal(start), dims, sa.func.sum(row.requests), sa.func.sum(row.bytes)).where(which)
    if table is tables.hours:
        sums = sums.join_from(tables.minutes, tables.dims, by.id == row.dims)
    statement = insert(connection, table).from_select(["start", "dims", "requests", "bytes"], sums.group_by(dims))
    more = {name: table.c[name] + statement.excluded[name] for name in ("requests", "bytes")}
    connection.execute(statement.on_conflict_do_update(index_elements=["start", "dims"], set_=more))


def _forget_minutes(connection: sa.Connection, before: int) -> None:
    """Remove minutes that are in the sums. They lie in the order they came in, nearly that of time."""
    row = tables.minutes.c
    oldest = connection.execute(sa.select(row.minute).order_by(row.seq).limit(1)).scalar()
    if oldest is None or oldest >= before - 60:  # an hour's worth at a time
        return
    summed = sa.select(tables.state.c.summed).scalar_subquery()
    connection.execute(tables.minutes.delete().where(row.minute < before, row.seq <= summed))


def _forget_salts(connection: sa.Connection, today: int) -> None:
    """Remove the salts of earlier days, also from the pages of the file that they lay on."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete=ON").close()
    connection.execute(tables.salts.delete().where(tables.salts.c.day < today))


__all__ = ["Ledger", "Periods", "insert"]
