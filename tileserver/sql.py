"""The one statement that SQLAlchemy Core spells differently for each database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def insert_unless_there(connection: sa.Connection, table: sa.Table, row: Mapping[str, Any]) -> None:
    """Insert `row` unless one with its primary key exists, however many processes do so at once."""
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(make(table).values(**row).on_conflict_do_nothing())
