"""What alembic runs; the connection comes from `lib.migrations.upgrade`, in its transaction."""

from alembic import context

from lib.migrations.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,  # SQLite can; the driver's default of not starting a transaction is off
)
with context.begin_transaction():
    context.run_migrations()
