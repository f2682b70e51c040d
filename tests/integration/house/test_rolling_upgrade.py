"""While the tables change, processes of the previous release go on: they write and read the same rows."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from alembic import command
from sqlalchemy import Connection, create_engine, event, text

from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.operating.sweeps import Sweep
from app.wiring.gateway import Gateway, build
from app.wiring.migrations import alembic_config
from tests.support.gateway.emails import bounce, feed, state_of, submit
from tests.support.gateway.gateways import ScriptedMailer, caller, settings_for
from tests.support.gateway.rows import age, count, rows
from tests.support.servers.servers import Postgres


@pytest.fixture
def older(migrated_postgres_url: str, redis_url: str) -> Iterator[Gateway]:
    """A gateway whose every statement uses the name that the table of notifications had before 0009."""
    gateway = build(settings_for(migrated_postgres_url, redis_url), mailer=ScriptedMailer())

    def name_it_as_before(
        connection: Connection, cursor: object, statement: str, parameters: Any, context: object, executemany: bool
    ) -> tuple[str, Any]:
        return re.sub(r"\bnotifications\b", "feedback", statement), parameters

    event.listen(gateway.database.engine, "before_cursor_execute", name_it_as_before, retval=True)
    yield gateway
    gateway.close()


def test_a_process_of_the_previous_release_takes_in_settles_and_erases(older: Gateway) -> None:
    """It stores a notification once, locks and settles it, and its upkeep deletes the old notification."""
    email = submit(older, caller(older), "kim@example.net")
    older.deliver.drain(Lane.TRANSACTIONAL)
    feed(older, bounce(older, email), times=2)
    assert state_of(older, email) is State.BOUNCED
    assert [row["state"] for row in rows(older, "notifications")] == ["processed", "processed"]
    age(older, "notifications", "received_at", timedelta(days=older.settings.feedback_retention_days + 1))
    older.upkeep.run(Sweep.RETENTION)
    assert count(older, "notifications") == 0


@pytest.fixture
def empty_postgres_url(postgres: Postgres) -> Iterator[str]:
    name = postgres.create_database()
    yield postgres.url(name)
    postgres.drop_database(name)


def test_a_role_has_the_same_rights_through_the_old_name_of_the_table(empty_postgres_url: str) -> None:
    """A separate role for the web and the workers keeps its rights when another role migrates, and gets no others."""
    command.upgrade(alembic_config(empty_postgres_url), "0008")
    role = f"web_{uuid4().hex}"
    engine = create_engine(empty_postgres_url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(f"CREATE ROLE {role}"))
            connection.execute(text(f"GRANT SELECT, UPDATE ON feedback TO {role}"))
            command.upgrade(alembic_config(empty_postgres_url), "0009")
            query = text("SELECT has_table_privilege(:role, :name, :right)")
            for name in ("feedback", "notifications"):
                rights = {
                    right: connection.scalar(query, {"role": role, "name": name, "right": right})
                    for right in ("SELECT", "INSERT", "UPDATE", "DELETE")
                }
                assert rights == {"SELECT": True, "INSERT": False, "UPDATE": True, "DELETE": False}, name
            connection.execute(text(f"DROP OWNED BY {role}"))
            connection.execute(text(f"DROP ROLE {role}"))
    finally:
        engine.dispose()
