"""The catalogue's tables (SQLAlchemy Core). `naru/migrations` brings a database to this state."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcTime(sa.TypeDecorator[datetime]):
    """A moment: aware UTC in Python, naive UTC in the database."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Refuse naive times, store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("times in the catalogue must carry a time zone")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        """Return aware UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


def _column(name: str, kind: Any, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=options.pop("nullable", False), **options)


# One row. `generation` grows with every change that a server must see: layers and keys.
catalogue_state = sa.Table(
    "catalogue_state",
    metadata,
    _column("id", sa.Integer, primary_key=True),
    _column("generation", sa.BigInteger),
)

archives = sa.Table(
    "archives",
    metadata,
    _column("sha256", sa.String(64), primary_key=True),
    _column("suffix", sa.String(16), primary_key=True),
    _column("size", sa.BigInteger),
    _column("created", UtcTime),
)

layers = sa.Table(
    "layers",
    metadata,
    _column("id", sa.String(64), primary_key=True),
    _column("title_ko", sa.Text),
    _column("title_en", sa.Text),
    _column("function", sa.String(16)),
    _column("visibility", sa.String(80)),
    _column("licence", sa.Text),
    _column("attribution", sa.Text),
    _column("kind", sa.String(16)),
    _column("geometry", sa.String(16)),
    _column("style", sa.JSON),
    _column("live_version", sa.Integer),
    _column("created", UtcTime),
    _column("updated", UtcTime),
    _column("deleted", UtcTime, nullable=True),  # null: the layer is there
)

versions = sa.Table(
    "versions",
    metadata,
    _column("layer_id", sa.ForeignKey("layers.id", ondelete="CASCADE"), primary_key=True),
    _column("number", sa.Integer, primary_key=True),
    _column("source_sha256", sa.String(64), nullable=True),
    _column("source_suffix", sa.String(16), nullable=True),
    _column("kind", sa.String(16)),
    _column("geometry", sa.String(16)),
    _column("style", sa.JSON),
    _column("report", sa.JSON),
    _column("created", UtcTime),
    sa.ForeignKeyConstraint(["source_sha256", "source_suffix"], ["archives.sha256", "archives.suffix"]),
)

tilesets = sa.Table(
    "tilesets",
    metadata,
    _column("layer_id", sa.String(64), primary_key=True),
    _column("number", sa.Integer, primary_key=True),
    _column("tile_matrix_set", sa.String(64), primary_key=True),
    _column("sha256", sa.String(64)),
    _column("suffix", sa.String(16)),
    _column("tile_type", sa.String(8)),
    _column("minzoom", sa.Integer),
    _column("maxzoom", sa.Integer),
    _column("bounds", sa.JSON),
    _column("tiles", sa.BigInteger),
    _column("vector_layers", sa.JSON),
    _column("rules", sa.JSON),
    sa.ForeignKeyConstraint(["layer_id", "number"], ["versions.layer_id", "versions.number"], ondelete="CASCADE"),
    sa.ForeignKeyConstraint(["sha256", "suffix"], ["archives.sha256", "archives.suffix"]),
)

# What belongs to a version beside its tilesets: native grids, meshes, models, reports.
assets = sa.Table(
    "assets",
    metadata,
    _column("layer_id", sa.String(64), primary_key=True),
    _column("number", sa.Integer, primary_key=True),
    _column("name", sa.String(32), primary_key=True),
    _column("sha256", sa.String(64)),
    _column("suffix", sa.String(16)),
    _column("about", sa.JSON),
    sa.ForeignKeyConstraint(["layer_id", "number"], ["versions.layer_id", "versions.number"], ondelete="CASCADE"),
    sa.ForeignKeyConstraint(["sha256", "suffix"], ["archives.sha256", "archives.suffix"]),
)

keys = sa.Table(
    "keys",
    metadata,
    _column("id", sa.String(32), primary_key=True),
    _column("name", sa.Text),
    _column("environment", sa.String(16)),
    _column("functions", sa.JSON),
    _column("access", sa.String(16)),
    _column("groups", sa.JSON),
    _column("layers", sa.JSON, nullable=True),  # null: every layer of its functions
    _column("referrers", sa.JSON),
    _column("cidrs", sa.JSON),
    _column("day_quota", sa.BigInteger, nullable=True),
    _column("month_quota", sa.BigInteger, nullable=True),
    _column("second_rate", sa.BigInteger, nullable=True),
    _column("created", UtcTime),
    _column("expires", UtcTime, nullable=True),
    _column("revoked", UtcTime, nullable=True),
)

key_secrets = sa.Table(
    "key_secrets",
    metadata,
    _column("hmac", sa.String(64), primary_key=True),  # hex HMAC-SHA256 under the pepper
    _column("key_id", sa.ForeignKey("keys.id", ondelete="CASCADE"), index=True),
    _column("last4", sa.String(4)),
    _column("created", UtcTime),
    _column("expires", UtcTime, nullable=True),
)

quota_windows = sa.Table(
    "quota_windows",
    metadata,
    _column("key_id", sa.String(32), primary_key=True),
    _column("window", sa.String(16), primary_key=True),  # "2026-11-22" or "2026-11", local date
    _column("leased", sa.BigInteger),  # units handed out and not given back; never less than counted
    _column("counted", sa.BigInteger),
)

quota_leases = sa.Table(
    "quota_leases",
    metadata,
    _column("id", sa.String(32), primary_key=True),
    _column("key_id", sa.String(32)),
    _column("day", sa.String(16)),  # the two windows whose units it holds
    _column("month", sa.String(16)),
    _column("units", sa.BigInteger),
    _column("counted", sa.BigInteger),
    _column("seq", sa.BigInteger),  # of the newest word about it: an older one that comes late is not heeded
)

jobs = sa.Table(
    "jobs",
    metadata,
    _column("id", sa.String(32), primary_key=True),
    _column("kind", sa.String(32)),
    _column("state", sa.String(16), index=True),
    _column("params", sa.JSON),
    _column("progress", sa.Float),
    _column("message", sa.Text),
    _column("attempt", sa.Integer),
    _column("max_attempts", sa.Integer),
    _column("fence", sa.Integer),
    _column("worker", sa.String(80), nullable=True),
    _column("created", UtcTime),
    _column("lease_until", UtcTime, nullable=True),
    _column("finished", UtcTime, nullable=True),
    _column("result", sa.JSON, nullable=True),
    _column("error", sa.JSON, nullable=True),
)

job_log = sa.Table(
    "job_log",
    metadata,
    _column("id", sa.Integer, primary_key=True, autoincrement=True),
    _column("job_id", sa.ForeignKey("jobs.id", ondelete="CASCADE"), index=True),
    _column("at", UtcTime),
    _column("message", sa.Text),
)
