"""Migrations of the catalogue (Alembic), from the first day."""
