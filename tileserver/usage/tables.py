"""The ledger's tables, in a database of its own: `usage.sqlite` in the home, or beside the catalogue on PostgreSQL.

Times are whole minutes since the epoch, UTC; an hour, a day or a month stands under the minute that it begins at
in NARU_TIMEZONE. What is counted by (key, function, layer, zoom, status class) stands under one number, `dims`, so
that a row of the ledger is some twenty bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError

from naru.database import Database
from naru.errors import StorageFailed
from naru.settings import Settings

VERSION = 1
ANY_ZOOM = -2  # of dims that hours are kept by: all zooms together
_LOCK = 0x6E617275  # PostgreSQL's advisory lock: one writer at a time, as SQLite has it anyway

metadata = sa.MetaData()
_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _column(name: str, kind: Any = _number, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=options.pop("nullable", False), **options)


def _sums(name: str) -> sa.Table:
    """Return a table of sums by the beginning of a period."""
    return sa.Table(
        name,
        metadata,
        _column("start", primary_key=True, autoincrement=False),
        _column("dims", primary_key=True, autoincrement=False),
        _column("requests"),
        _column("bytes"),
        sqlite_with_rowid=False,
    )


state = sa.Table(
    "usage_state",
    metadata,
    _column("id", sa.Integer, primary_key=True),
    _column("version", sa.Integer),
    _column("summed", _number),  # the last of `minutes` that is in the sums
    _column("tidied", _number),  # seconds since the epoch
)
dims = sa.Table(
    "usage_dims",
    metadata,
    _column("id", _number, primary_key=True),
    _column("key_id", sa.Text),
    _column("function", sa.Text),
    _column("layer", sa.Text),
    _column("zoom", sa.Integer),
    _column("status", sa.Integer),  # hundreds: 2 is 2xx
    _column("by_hour", _number, nullable=True),  # the same with ANY_ZOOM; null where this is it
    sa.UniqueConstraint("key_id", "function", "layer", "zoom", "status"),
)
minutes = sa.Table(
    "usage_minutes",
    metadata,
    _column("seq", _number, primary_key=True),  # grows with every row: what is summed is told by it
    _column("minute"),
    _column("dims"),
    _column("requests"),
    _column("bytes"),
)
hours, days, months = _sums("usage_hours"), _sums("usage_days"), _sums("usage_months")

# The last page that each file of counters has had written: a page that comes again changes nothing.
pages = sa.Table(
    "usage_pages",
    metadata,
    _column("file", sa.String(64), primary_key=True),
    _column("number"),
    _column("minute"),
)
# Hashes of callers that are not in a sketch yet, eight bytes each.
visits = sa.Table(
    "usage_visits",
    metadata,
    _column("id", _number, primary_key=True),
    _column("minute"),
    _column("key_id", sa.Text),
    _column("function", sa.Text),
    _column("layer", sa.Text),
    _column("hashes", sa.LargeBinary),
)
visitors = sa.Table(
    "usage_visitors",
    metadata,
    _column("period", sa.String(4), primary_key=True),  # hour, day
    _column("start", primary_key=True, autoincrement=False),
    _column("kind", sa.String(8), primary_key=True),  # total, key, function, layer
    _column("name", sa.Text, primary_key=True),
    _column("visitors"),
    _column("sketch", sa.LargeBinary, nullable=True),  # while visitors may be added
    sqlite_with_rowid=False,
)
salts = sa.Table(
    "usage_salts", metadata, _column("day", primary_key=True, autoincrement=False), _column("salt", sa.LargeBinary)
)
heat = sa.Table(
    "usage_heat",
    metadata,
    _column("day", primary_key=True, autoincrement=False),
    _column("layer", sa.Text, primary_key=True),
    _column("tile", primary_key=True, autoincrement=False),  # see heat.py
    _column("requests"),
    sqlite_with_rowid=False,
)


def open_database(settings: Settings, catalogue: Database) -> Database:
    """Open the ledger's database, making its tables on first use; on PostgreSQL it is the catalogue's own.

    SQLite runs in WAL with synchronous=NORMAL: a power cut may cost the last minutes, and damages nothing.

    Raises:
        StorageFailed: the file cannot be made or opened, or a newer version of naru made it.
    """
    on_server = catalogue.engine.dialect.name != "sqlite"
    path = settings.home / "usage.sqlite"
    database = catalogue if on_server else Database.attach(f"sqlite:///{path}", synchronous="NORMAL")
    try:
        _prepare(database)
    except DatabaseError as error:
        if not on_server:
            database.close()
        raise _unusable(path, f"cannot be opened ({error.orig})") from error
    return database


def alone(connection: sa.Connection) -> None:
    """Have this writing transaction be the only one on the ledger until it ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_LOCK})"))


def _prepare(database: Database) -> None:
    with database.read() as connection:
        found = _version(connection)
    if found is None:
        with database.write() as connection:
            alone(connection)
            metadata.create_all(connection)
            if _version(connection) is None:
                connection.execute(state.insert().values(id=1, version=VERSION, summed=0, tidied=0))
    elif found > VERSION:
        raise _unusable(Path("usage.sqlite"), f"is of a newer version of naru ({found}; this one knows {VERSION})")


def _version(connection: sa.Connection) -> int | None:
    if not sa.inspect(connection).has_table(state.name):
        return None
    found: int | None = connection.execute(sa.select(state.c.version)).scalar()
    return found


def _unusable(path: Path, why: str) -> StorageFailed:
    return StorageFailed(
        f"the ledger of usage {why}",
        file=str(path),
        remedy="Check the file and its permissions; moved aside, it is made anew, without what was counted.",
    )
