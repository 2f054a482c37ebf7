"""Distinct visitors by HyperLogLog (Flajolet et al. 2007; Apache DataSketches, 4096 registers, error 1.6 %).

Sketches are merged here only: by `naru usage`, never by a worker that serves tiles, since the library loads numpy.
Visitors of different days cannot be told to be the same, for the salt under their hashes is another every day. So
a sketch is of no use once its day is over, and only its estimate is kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from tileserver.usage import tables
from tileserver.usage.callers import numbers
from tileserver.usage.ledger import Ledger, insert
from tileserver.usage.periods import MINUTE_S, periods_of
from tileserver.usage.tables import alone

_LOG2_REGISTERS = 12
_AT_ONCE = 5000  # rows of visits in one transaction
_LATE = 60  # minutes after which a day takes in no more
BY_HOUR = frozenset(("total", "function"))  # days are kept of keys and layers too


class Circle(NamedTuple):
    """Whose visitors: of all, of a key, a function or a layer, in an hour or a day."""

    period: str
    start: int
    kind: str
    name: str


def count_visitors(ledger: Ledger, now: float) -> int:
    """Take the hashes that have come in into the sketches; return how many rows of them there were."""
    done = 0
    while some := _count_some(ledger):
        done += some
    today = periods_of(int(now) // MINUTE_S - _LATE, ledger.zone).day
    column = tables.visitors.c
    over = sa.and_(column.sketch.is_not(None), column.start < today)
    with ledger.database.write() as connection:
        alone(connection)
        connection.execute(tables.visitors.update().where(over).values(sketch=None))
    return done


def _count_some(ledger: Ledger) -> int:
    with ledger.database.write() as connection:
        alone(connection)
        query = sa.select(tables.visits).order_by(tables.visits.c.id).limit(_AT_ONCE)
        rows = connection.execute(query).all()
        if rows:
            _merge(connection, _by_circle(rows, ledger.zone))
            connection.execute(tables.visits.delete().where(tables.visits.c.id <= rows[-1].id))
    return len(rows)


def _by_circle(rows: Iterable[sa.Row[Any]], zone: ZoneInfo) -> Mapping[Circle, list[bytes]]:
    found: dict[Circle, list[bytes]] = defaultdict(list)
    for row in rows:
        for circle in _circles(row, zone):
            found[circle].append(row.hashes)
    return found


def _circles(row: sa.Row[Any], zone: ZoneInfo) -> Iterator[Circle]:
    at = periods_of(row.minute, zone)
    for kind, name in (("total", ""), ("key", row.key_id), ("function", row.function), ("layer", row.layer)):
        yield Circle("day", at.day, kind, name)
        if kind in BY_HOUR:
            yield Circle("hour", at.hour, kind, name)


def _merge(connection: sa.Connection, found: Mapping[Circle, list[bytes]]) -> None:
    from datasketches import hll_sketch, tgt_hll_type

    rows, known = [], _known(connection, found)
    for circle, hashes in found.items():
        before = known.get(circle)
        if before is None and circle in known:
            continue  # its day is over: what comes now came too late
        sketch = hll_sketch.deserialize(before) if before else hll_sketch(_LOG2_REGISTERS, tgt_hll_type.HLL_4)
        for one in hashes:
            for number in numbers(one):
                sketch.update(number)
        told = {"visitors": round(sketch.get_estimate()), "sketch": sketch.serialize_compact()}
        rows.append({**circle._asdict(), **told})
    if rows:
        statement = insert(connection, tables.visitors)
        said = {name: statement.excluded[name] for name in ("visitors", "sketch")}
        connection.execute(statement.on_conflict_do_update(index_elements=list(Circle._fields), set_=said), rows)


def _known(connection: sa.Connection, wanted: Iterable[Circle]) -> Mapping[Circle, bytes | None]:
    """Return the sketches there are of the hours and days that are wanted."""
    row = tables.visitors.c
    query = sa.select(row.period, row.start, row.kind, row.name, row.sketch)
    return {
        Circle(*found[:4]): found.sketch
        for period, start in {(circle.period, circle.start) for circle in wanted}
        for found in connection.execute(query.where(row.period == period, row.start == start))
    }
