"""How alembic reaches the database: DATABASE_URL, a transaction for each migration, and one migrator at a time.

Processes that start together may all try to migrate: the first takes a lock that the database keeps, the others wait
for it and then find nothing left to do.

All sessions that need a table wait behind a migration that waits for its lock. So on PostgreSQL a migration waits two
seconds at most, lets the others pass, and begins again. What it does outside of a transaction is not bounded, since
nothing waits behind a concurrent build of an index.
"""

import time
from typing import Any, cast

import psycopg
from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.script import Script
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from app.store.engine import pooler
from app.store.operating import schema
from app.store.tables.core import metadata
from app.wiring.migrations import OLDEST_CODE, oldest_code
from config import SettingsError, load

# Any number that no other program uses for an advisory lock in this database.
_LOCK = 7_303_014_811
_LOOK_EVERY_S = 0.2
# The role may bound the statements of the gateway; an index of a large table takes longer.
_CONNECTING = {
    "sqlite": {"timeout": 60},
    "postgresql": {"options": "-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0"},
}
_LOCK_TIMEOUT = "2s"
_OTHERS_FIRST = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)
"""A lock was not free in time, or another session holds it and waits for one of ours."""
_PAUSES_S = (0.5, 1, 2, 4, 8, 15, 30, 30, 30, 30)
_NEVER_FREE = (
    "Other sessions kept locks on a table that a migration changes. End them (docs/operations.md, under Upgrading), "
    "and run this again: what is done stays."
)
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
    else:
        _bound_the_waits_for_locks(engine)
    try:
        with _opened(engine) as connection:
            if connection.dialect.name == "postgresql":
                _refuse_a_pooler(connection)
                _wait_for_the_lock(connection)
            _migrate_in_turns(connection)
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


def _migrate_in_turns(connection: Connection) -> None:
    """Migrate; begin again, after a longer pause each time, with the migration whose lock was not free."""
    for pause_s in (*_PAUSES_S, None):
        try:
            _migrate(connection)
        except OperationalError as error:
            if not isinstance(error.orig, _OTHERS_FIRST):
                raise
            connection.rollback()
            if pause_s is None:
                raise CommandError(_NEVER_FREE) from error
            time.sleep(pause_s)
        else:
            return


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_server_default=True,
        transactional_ddl=True,
        transaction_per_migration=connection.dialect.name == "postgresql",
        on_version_apply=_keep_the_oldest_code,
    )
    with context.begin_transaction():
        context.run_migrations()


def _keep_the_oldest_code(ctx: MigrationContext, step: MigrationInfo, heads: object, run_args: object) -> None:  # noqa: ARG001 - alembic names them
    """After a migration that older code does not bear, leave in the database which code may run with it."""
    if ctx.connection is not None and hasattr(cast("Script", step.up_revision).module, OLDEST_CODE):
        schema.set_oldest_code(ctx.connection, oldest_code(context.script, step.destination_revision_ids))


def _bound_the_waits_for_locks(engine: Engine) -> None:
    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")


def _take_the_write_lock_first(engine: object) -> None:
    @event.listens_for(engine, "connect")
    def configure(connection: object, _record: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


run()
