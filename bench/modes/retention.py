"""Retention: how fast old emails are deleted, how long each transaction takes, and what it writes.

A PostgreSQL is filled by SQL with this many emails of ninety days, and as many recipients, attempts, notifications and
events; the list has half as many entries. The older half of the emails is then deleted, as the sweep `old_emails` does
it, and the tables are vacuumed. Each run has a copy of the database.
"""

import statistics
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Connection, event, text

from app.services.operating.retention import EmailRetention
from app.store.engine.database import Database
from bench.measure.goals import Goal, Json, at_least, at_most, spread
from bench.modes.history.filled import POSTGRES
from bench.options import Amount, add_amounts
from tests.support.database.history import fill
from tests.support.gateway.gateways import migrate
from tests.support.servers.servers import running_postgres, service_directory

EMAILS = Amount(name="emails", usual=400_000, quick=5_000, what="emails of the history, of which half are deleted")
ROUNDS = Amount(name="rounds", usual=3, quick=1, what="runs")
LASTS: Final = timedelta(days=45)
VACUUMED: Final = ("emails", "recipients", "attempts", "events")


def add_options(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    add_amounts(parser, EMAILS, ROUNDS)


def measure(given: Namespace, say: Callable[[str], None]) -> Json:
    """Fill once, delete in each round, print the medians, and return the goals and the figures."""
    with (
        service_directory(durable=True) as directory,
        running_postgres(directory, more=POSTGRES) as postgres,
    ):
        template = postgres.create_database()
        migrate(postgres.url(template))
        fill(postgres.url(template), emails=EMAILS.of(given))
        rounds = []
        for _ in range(ROUNDS.of(given)):
            name = postgres.create_database(template=template)
            rounds.append(_deleted(postgres.url(name)))
            postgres.drop_database(name)
    for figure in rounds[0]:
        say(f"{figure:40}{spread([one[figure] for one in rounds])}")
    return {"goals": [goal.as_json() for goal in goals(rounds)], "rounds": rounds}


def goals(rounds: list[dict[str, float]]) -> list[Goal]:
    """Return the goals: it keeps up with any rate at which one gateway sends, and holds no row for long."""
    return [
        at_least("retention: emails deleted in a second", 500, [one["emails in a second"] for one in rounds]),
        at_most("retention: longest transaction, ms", 1_000, [one["longest transaction, ms"] for one in rounds]),
    ]


def _deleted(url: str) -> dict[str, float]:
    database = Database(url)
    retention = EmailRetention(database=database, lasts=LASTS)
    try:
        with _transactions(database) as took_s:
            wrote = _log_position(database)
            began, deleted = time.monotonic(), 0
            while number := retention.sweep():
                deleted += number
            elapsed_s = time.monotonic() - began
            wrote = _log_position(database) - wrote
        began = time.monotonic()
        retention.sweep()
        idle_s = time.monotonic() - began
        began = time.monotonic()
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("SET statement_timeout TO 0"))
            connection.execute(text(f"VACUUM {', '.join(VACUUMED)}"))
        vacuum_s = time.monotonic() - began
    finally:
        database.close()
    return {
        "emails": deleted,
        "emails in a second": deleted / elapsed_s,
        "longest transaction, ms": 1_000 * max(took_s),
        "transaction, 99 of 100, ms": 1_000 * statistics.quantiles(took_s, n=100)[-1],
        "median transaction, ms": 1_000 * statistics.median(took_s),
        "write-ahead log for an email, bytes": wrote / deleted,
        "vacuum for a thousand emails, ms": 1_000_000 * vacuum_s / deleted,
        "run with nothing to do, ms": 1_000 * idle_s,
    }


@contextmanager
def _transactions(database: Database) -> Iterator[list[float]]:
    """Yield a list of how long each transaction in the block took, in seconds."""
    began: dict[Any, float] = {}
    took_s: list[float] = []

    def begin(connection: Connection) -> None:
        began[connection.connection.dbapi_connection] = time.monotonic()

    def commit(connection: Connection) -> None:
        took_s.append(time.monotonic() - began[connection.connection.dbapi_connection])

    event.listen(database.engine, "begin", begin)
    event.listen(database.engine, "commit", commit)
    yield took_s


def _log_position(database: Database) -> float:
    with database.reading() as connection:
        return float(connection.scalar(text("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')")) or 0)
