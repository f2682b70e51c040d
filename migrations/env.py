"""How alembic reaches the database: DATABASE_URL, one transaction, and one migrator at a time.

Processes that start together may all try to migrate: the first takes a lock that the database keeps, the others wait
for it and then find nothing left to do.
"""

from alembic import context
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.engine import make_url

from app.store.models import metadata
from config import load

# Any number will do, as long as nobody else uses it for an advisory lock in this database.
_LOCK = 7_303_014_811


def run() -> None:
    """Migrate to where alembic was told to."""
    url = make_url(context.config.attributes.get("database_url") or load().database_url)
    engine = create_engine(url, connect_args={"timeout": 60} if url.get_backend_name() == "sqlite" else {})
    if engine.dialect.name == "sqlite":
        _take_the_write_lock_first(engine)
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        _migrate(connection)
        connection.commit()
    engine.dispose()


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_server_default=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def _take_the_write_lock_first(engine: object) -> None:
    @event.listens_for(engine, "connect")
    def configure(connection: object, _record: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


run()
