"""How alembic reaches the database: DATABASE_URL, a transaction for each migration, and one migrator at a time.

Processes that start together may all try to migrate: the first takes a lock that the database keeps, the others wait
for it and then find nothing left to do.
"""

import time
from typing import Any, cast

import psycopg
from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from app.store.engine import pooler
from app.store.tables.core import metadata
from config import SettingsError, load

# Any number that no other program uses for an advisory lock in this database.
_LOCK = 7_303_014_811
_LOOK_EVERY_S = 0.2
# The role may bound the statements of the gateway; an index of a large table takes longer.
_CONNECTING = {
    "sqlite": {"timeout": 60},
    "postgresql": {"options": "-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0"},
}
_PAST_THE_POOLER = (
    "The database of DATABASE_URL is behind a pooler, where the lock of a migration does not last: for this command "
    "set DATABASE_URL to the server itself."
)


def run() -> None:
    """Migrate to the requested revision. Trouble with settings or connection raises `CommandError`, not a traceback."""
    url = make_url(context.config.attributes.get("database_url") or _configured())
    engine = create_engine(url, connect_args=_CONNECTING[url.get_backend_name()])
    if engine.dialect.name == "sqlite":
        _take_the_write_lock_first(engine)
    try:
        with _opened(engine) as connection:
            if connection.dialect.name == "postgresql":
                _refuse_a_pooler(connection)
                _wait_for_the_lock(connection)
            _migrate(connection)
            connection.commit()
    finally:
        engine.dispose()


def _refuse_a_pooler(connection: Connection) -> None:
    if pooler.is_pooled(cast("psycopg.Connection[Any]", connection.connection.driver_connection)):
        raise CommandError(_PAST_THE_POOLER)


def _wait_for_the_lock(connection: Connection) -> None:
    """Take a lock of this session, which PostgreSQL releases when the session ends for any reason.

    It polls: each index that is built while email flows would wait for a statement that waits here, and so for ever.
    """
    while not connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": _LOCK}):
        connection.commit()
        time.sleep(_LOOK_EVERY_S)
    connection.commit()


def _configured() -> str:
    try:
        return load().database_url
    except SettingsError as error:
        raise CommandError(str(error)) from error


def _opened(engine: Engine) -> Connection:
    try:
        return engine.connect()
    except OperationalError as error:
        if isinstance(error.orig, psycopg.OperationalError) and pooler.is_refusal(error.orig):
            raise CommandError(_PAST_THE_POOLER) from error
        why = str(error.orig).splitlines()[0]
        raise CommandError(f"The database of DATABASE_URL does not answer: {why}") from error


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_server_default=True,
        transactional_ddl=True,
        transaction_per_migration=connection.dialect.name == "postgresql",
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
