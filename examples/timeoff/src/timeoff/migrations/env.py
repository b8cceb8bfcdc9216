"""Alembic's environment. timeoff.migrate hands over the connection that holds the lock."""

from alembic import context

from timeoff.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # MySQL commits each statement by itself; at least the version is written after each step.
    transaction_per_migration=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
