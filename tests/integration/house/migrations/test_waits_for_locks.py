"""A migration waits for a lock without holding up email, and finishes what an earlier try left incomplete."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from alembic import command
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text

from app.wiring.migrations import alembic_config
from tests.support.servers.cli import until
from tests.support.servers.servers import Postgres

READ_FOR_S = 3.0
ACCEPTS_WAIT_AT_MOST = "-c lock_timeout=20s"
"""Without an end of its own, a migration would hold up accepts until the reader ends, which is after them."""
ADDS_A_COLUMN, ADDS_INDEXES = "0022", "0023"
CHANGES_APPS_AND_THEN_KEYS = "0013"
INDEX = "ix_emails_app_id_lane_id"


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    """An empty database of its own."""
    name = postgres.create_database()
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.mark.parametrize("before, after", [("0021", ADDS_A_COLUMN), (ADDS_A_COLUMN, ADDS_INDEXES)])
def test_accepts_go_on_while_a_migration_waits_for_a_reader(url: str, before: str, after: str) -> None:
    """A backup reads for longer than a migration waits for a lock; when it has ended, the migration succeeds."""
    command.upgrade(alembic_config(url), before)
    engine = create_engine(url, connect_args={"options": ACCEPTS_WAIT_AT_MOST})
    with ThreadPoolExecutor(1) as threads, engine.connect() as accept:
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as reader:
            reader.execute(text("SELECT count(*) FROM emails"))
            migrating = threads.submit(command.upgrade, alembic_config(url), after)
            lock_as_accepts_do(accept)
            assert not migrating.done()
        migrating.result(timeout=60)
        revision = MigrationContext.configure(accept).get_current_revision()
    engine.dispose()
    assert revision == after


def test_a_migration_that_deadlocks_lets_the_other_session_pass(url: str) -> None:
    """It has locked a table that a session wants next, and wants one that this session has read: it begins again."""
    command.upgrade(alembic_config(url), "0012")
    engine = create_engine(url)
    with ThreadPoolExecutor(1) as threads, engine.connect() as watcher:
        with engine.connect() as reader:
            reader.execute(text("SET deadlock_timeout = '1min'"))  # the migration is the one that gives way
            reader.execute(text("SELECT count(*) FROM api_keys"))
            migrating = threads.submit(command.upgrade, alembic_config(url), CHANGES_APPS_AND_THEN_KEYS)
            until(lambda: watcher.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))
            reader.execute(text("SELECT count(*) FROM apps"))
        migrating.result(timeout=60)
        revision = MigrationContext.configure(watcher).get_current_revision()
    engine.dispose()
    assert revision == CHANGES_APPS_AND_THEN_KEYS


def lock_as_accepts_do(connection: Connection) -> None:
    """Lock the table as an INSERT does, again and again, for longer than a migration waits for its lock."""
    ends = time.monotonic() + READ_FOR_S
    while time.monotonic() < ends:
        connection.execute(text("LOCK TABLE emails IN ROW EXCLUSIVE MODE"))
        connection.rollback()
        time.sleep(0.05)


def test_an_index_that_was_left_incomplete_is_built_anew(url: str) -> None:
    """A build that was broken off leaves an index that nothing uses: the next upgrade replaces it."""
    command.upgrade(alembic_config(url), ADDS_A_COLUMN)
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE INDEX {INDEX} ON emails (id)")
        connection.execute(f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{INDEX}'::regclass")
        command.upgrade(alembic_config(url), ADDS_INDEXES)
        [[definition, is_valid]] = connection.execute(
            "SELECT pg_get_indexdef(indexrelid), indisvalid FROM pg_index WHERE indexrelid = %s::regclass", (INDEX,)
        ).fetchall()
    assert is_valid
    assert "(app_id, lane, id)" in definition
