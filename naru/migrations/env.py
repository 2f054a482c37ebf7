"""Alembic's environment: runs the migrations on the connection that `run.upgrade` hands over."""

from alembic import context

from naru.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
