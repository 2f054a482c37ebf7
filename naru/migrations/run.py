"""Bring a database to the newest revision. Alembic is only imported when there is something to do."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import command
from alembic.config import Config


def upgrade(engine: sa.Engine, revision: str = "head") -> None:
    """Upgrade the database behind `engine`; a second process waits for the first and then does nothing."""
    config = Config()
    config.set_main_option("script_location", "naru:migrations")
    with engine.connect().execution_options(naru_write=True) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
