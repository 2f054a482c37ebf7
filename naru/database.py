"""The database under the catalogue: opened once, migrated, with short explicit transactions.

SQLite runs in WAL with synchronous=FULL (no acknowledged commit is lost, even on power loss) and takes its
write lock at the start of a writing transaction, so that two writers queue instead of failing half-way.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError

from naru.errors import StorageFailed

HEAD = "0004"  # the newest revision in naru/migrations; a test holds it to the folder
_BUSY_S = 30.0
_CONNECT_WITHIN_S = 5
_migrating = threading.Lock()


class Database:
    """An SQLAlchemy engine with `read()` and `write()` transactions."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    @classmethod
    def open(cls, url: str) -> Database:
        """Open (and if need be create and migrate) the database at `url`.

        Raises:
            StorageFailed: the file cannot be opened or is no database.
        """
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        database = cls(_engine(parsed))
        try:
            database._migrate()
        except StorageFailed:
            database.close()
            raise
        except DatabaseError as error:
            database.close()
            raise StorageFailed(
                f"the catalogue cannot be opened ({error.orig})",
                file=parsed.database,
                remedy="Check the path and its permissions, or restore a backup with `naru restore`.",
            ) from error
        return database

    @classmethod
    def attach(cls, url: str, *, synchronous: Literal["FULL", "NORMAL"] = "FULL") -> Database:
        """Open a database that is not the catalogue: whoever asks makes its tables.

        `synchronous` as SQLite has it: NORMAL may lose the last commits when the power fails, and nothing else.
        """
        return cls(_engine(sa.make_url(url), synchronous))

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Give a connection for reading one consistent state."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self, wait_s: float = _BUSY_S, *, durable: bool = True) -> Iterator[sa.Connection]:
        """Give a connection that holds the write lock; commits at the end, rolls back on an exception.

        What is not `durable` may be gone when the power fails; nobody waits for the disk then.

        Raises:
            OperationalError: others hold a lock for longer than `wait_s`.
        """
        options = {"naru_write": True, "naru_wait_ms": round(wait_s * 1000), "naru_durable": durable}
        with self.engine.connect().execution_options(**options) as connection, connection.begin():
            yield connection

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()

    def _migrate(self) -> None:
        found = self._revision()
        if found == HEAD:
            return
        self._check_age(found)
        from naru.migrations.run import upgrade

        with _migrating:
            upgrade(self.engine)

    def _check_age(self, found: str | None) -> None:
        if found is not None and found > HEAD:
            raise StorageFailed(
                f"the catalogue is of a newer version of naru (revision {found}; this one knows {HEAD})",
                file=self.engine.url.database,
                remedy="Use the newer naru, or restore a backup that was made before the update.",
            )

    def _revision(self) -> str | None:
        with self.engine.connect() as connection:
            if not sa.inspect(connection).has_table("alembic_version"):
                return None
            return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def _engine(url: sa.URL, synchronous: str = "FULL") -> sa.Engine:
    if url.get_backend_name() != "sqlite":
        patience = {} if "connect_timeout" in url.query else {"connect_timeout": _CONNECT_WITHIN_S}
        engine = sa.create_engine(url, pool_pre_ping=True, connect_args=patience)
        sa.event.listen(engine, "begin", _limit_waiting)
        return engine
    engine = sa.create_engine(url, connect_args={"timeout": _BUSY_S})
    sa.event.listen(engine, "connect", partial(_on_connect, synchronous))
    sa.event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(synchronous: str, raw: Any, record: Any) -> None:
    record.info["usual"] = record.info["synchronous"] = synchronous
    raw.isolation_level = None  # we say BEGIN ourselves: see SQLAlchemy's notes on pysqlite transactions
    for pragma in (
        f"busy_timeout={round(_BUSY_S * 1000)}",
        "journal_mode=WAL",
        f"synchronous={synchronous}",
        "foreign_keys=ON",
        "trusted_schema=OFF",
    ):
        raw.execute(f"PRAGMA {pragma}").close()


def _on_begin(connection: sa.Connection) -> None:
    options = connection.get_execution_options()
    if "naru_wait_ms" in options:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={options['naru_wait_ms']}")
    synchronous = connection.info["usual"] if options.get("naru_durable", True) else "NORMAL"
    if connection.info["synchronous"] != synchronous:
        connection.exec_driver_sql(f"PRAGMA synchronous={synchronous}")
        connection.info["synchronous"] = synchronous
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("naru_write", False) else "BEGIN")


def _limit_waiting(connection: sa.Connection) -> None:
    """Do on PostgreSQL what busy_timeout does on SQLite."""
    options = connection.get_execution_options()
    if "naru_wait_ms" in options:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {options['naru_wait_ms']}")
    if not options.get("naru_durable", True):
        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
