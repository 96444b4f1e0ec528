"""Alembic's entry point: it writes the migrations out as one script, which `voice_api.db.migrate` runs."""

from alembic import context

context.configure(dialect_name="postgresql", transactional_ddl=context.config.attributes["whole"])
with context.begin_transaction():
    context.run_migrations()
