"""Leases of quotas become rows of their own, so that each can be settled once and only once.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the leases; what was counted stays, and is never more than what is taken."""
    op.create_table(
        "quota_leases",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("key_id", sa.String(32), nullable=False),
        sa.Column("day", sa.String(16), nullable=False),
        sa.Column("month", sa.String(16), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("counted", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_quota_leases"),
    )
    windows = sa.table("quota_windows", sa.column("leased"), sa.column("counted"))
    op.execute(windows.update().where(windows.c.leased < windows.c.counted).values(leased=windows.c.counted))
