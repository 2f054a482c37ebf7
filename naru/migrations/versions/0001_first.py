"""The first catalogue: archives, layers, versions, tilesets, keys, quotas, jobs.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _time(name: str, nullable: bool = False) -> sa.Column:  # type: ignore[type-arg]
    return sa.Column(name, sa.DateTime(), nullable=nullable)


def _text(name: str, length: int | None = None, nullable: bool = False) -> sa.Column:  # type: ignore[type-arg]
    return sa.Column(name, sa.String(length) if length else sa.Text(), nullable=nullable)


def _json(name: str, nullable: bool = False) -> sa.Column:  # type: ignore[type-arg]
    return sa.Column(name, sa.JSON(), nullable=nullable)


def _int(name: str, kind: type = sa.Integer, nullable: bool = False) -> sa.Column:  # type: ignore[type-arg]
    return sa.Column(name, kind(), nullable=nullable)


def upgrade() -> None:
    """Create every table and the single state row."""
    state = op.create_table(
        "catalogue_state",
        _int("id"),
        _int("generation", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_catalogue_state"),
    )
    op.bulk_insert(state, [{"id": 1, "generation": 1}])
    _layers()
    _keys()
    _jobs()


def _layers() -> None:
    op.create_table(
        "archives",
        _text("sha256", 64),
        _text("suffix", 16),
        _int("size", sa.BigInteger),
        _time("created"),
        sa.PrimaryKeyConstraint("sha256", "suffix", name="pk_archives"),
    )
    op.create_table(
        "layers",
        _text("id", 64),
        _text("title_ko"),
        _text("title_en"),
        _text("function", 16),
        _text("visibility", 80),
        _text("licence"),
        _text("attribution"),
        _text("kind", 16),
        _text("geometry", 16),
        _json("style"),
        _int("live_version"),
        _time("created"),
        _time("updated"),
        sa.PrimaryKeyConstraint("id", name="pk_layers"),
    )
    op.create_table(
        "versions",
        _text("layer_id", 64),
        _int("number"),
        _text("source_sha256", 64, nullable=True),
        _text("source_suffix", 16, nullable=True),
        _text("kind", 16),
        _text("geometry", 16),
        _json("style"),
        _json("report"),
        _time("created"),
        sa.PrimaryKeyConstraint("layer_id", "number", name="pk_versions"),
        sa.ForeignKeyConstraint(
            ["layer_id"], ["layers.id"], name="fk_versions_layer_id_layers", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["source_sha256", "source_suffix"],
            ["archives.sha256", "archives.suffix"],
            name="fk_versions_source_sha256_archives",
        ),
    )
    op.create_table(
        "tilesets",
        _text("layer_id", 64),
        _int("number"),
        _text("tile_matrix_set", 64),
        _text("sha256", 64),
        _text("suffix", 16),
        _text("tile_type", 8),
        _int("minzoom"),
        _int("maxzoom"),
        _json("bounds"),
        _int("tiles", sa.BigInteger),
        _json("vector_layers"),
        _json("rules"),
        sa.PrimaryKeyConstraint("layer_id", "number", "tile_matrix_set", name="pk_tilesets"),
        sa.ForeignKeyConstraint(
            ["layer_id", "number"],
            ["versions.layer_id", "versions.number"],
            name="fk_tilesets_layer_id_versions",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["sha256", "suffix"], ["archives.sha256", "archives.suffix"], name="fk_tilesets_sha256_archives"
        ),
    )


def _keys() -> None:
    op.create_table(
        "keys",
        _text("id", 32),
        _text("name"),
        _text("environment", 16),
        _json("functions"),
        _text("access", 16),
        _json("groups"),
        _json("layers", nullable=True),
        _json("referrers"),
        _json("cidrs"),
        _int("day_quota", sa.BigInteger, nullable=True),
        _int("month_quota", sa.BigInteger, nullable=True),
        _int("second_rate", sa.BigInteger, nullable=True),
        _time("created"),
        _time("expires", nullable=True),
        _time("revoked", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_keys"),
    )
    op.create_table(
        "key_secrets",
        _text("hmac", 64),
        _text("key_id", 32),
        _text("last4", 4),
        _time("created"),
        _time("expires", nullable=True),
        sa.PrimaryKeyConstraint("hmac", name="pk_key_secrets"),
        sa.ForeignKeyConstraint(["key_id"], ["keys.id"], name="fk_key_secrets_key_id_keys", ondelete="CASCADE"),
    )
    op.create_index("ix_key_secrets_key_id", "key_secrets", ["key_id"])
    op.create_table(
        "quota_windows",
        _text("key_id", 32),
        _text("window", 16),
        _int("leased", sa.BigInteger),
        _int("counted", sa.BigInteger),
        sa.PrimaryKeyConstraint("key_id", "window", name="pk_quota_windows"),
    )


def _jobs() -> None:
    op.create_table(
        "jobs",
        _text("id", 32),
        _text("kind", 32),
        _text("state", 16),
        _json("params"),
        sa.Column("progress", sa.Float(), nullable=False),
        _text("message"),
        _int("attempt"),
        _int("max_attempts"),
        _int("fence"),
        _text("worker", 80, nullable=True),
        _time("created"),
        _time("lease_until", nullable=True),
        _time("finished", nullable=True),
        _json("result", nullable=True),
        _json("error", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
    )
    op.create_index("ix_jobs_state", "jobs", ["state"])
    op.create_table(
        "job_log",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        _text("job_id", 32),
        _time("at"),
        _text("message"),
        sa.PrimaryKeyConstraint("id", name="pk_job_log"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_job_log_job_id_jobs", ondelete="CASCADE"),
    )
    op.create_index("ix_job_log_job_id", "job_log", ["job_id"])


def downgrade() -> None:
    """Drop everything: there was nothing before."""
    for table in (
        "job_log",
        "jobs",
        "quota_windows",
        "key_secrets",
        "keys",
        "tilesets",
        "versions",
        "layers",
        "archives",
        "catalogue_state",
    ):
        op.drop_table(table)
