"""Deleted layers stay for a while: when each was deleted.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the moment of deletion; null: the layer is there."""
    op.add_column("layers", sa.Column("deleted", sa.DateTime(), nullable=True))
