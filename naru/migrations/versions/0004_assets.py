"""Versions get assets: files that belong to them beside their tilesets, such as a river terrain's native grid.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; no version has any yet."""
    op.create_table(
        "assets",
        sa.Column("layer_id", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("suffix", sa.String(16), nullable=False),
        sa.Column("about", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("layer_id", "number", "name", name="pk_assets"),
        sa.ForeignKeyConstraint(
            ["layer_id", "number"],
            ["versions.layer_id", "versions.number"],
            name="fk_assets_layer_id_versions",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["sha256", "suffix"], ["archives.sha256", "archives.suffix"], name="fk_assets_sha256_archives"
        ),
    )
