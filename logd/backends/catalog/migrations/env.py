"""What Alembic runs: the migrations, on the connection that schema.py hands over."""

from __future__ import annotations

from alembic import context

from logd.backends.catalog.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    # SQLite alters a table by making a new one.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
