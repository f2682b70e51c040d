"""Disk: the bytes of each table and of its indexes in PostgreSQL, for one email.

A PostgreSQL of its own is filled by SQL with this many emails of ninety days, and with the rows that belong to them:
one recipient, attempt, notification, event, webhook message, delivery and call each, and half as many entries of the
list. The indexes are built from full tables and the tables are vacuumed, so this is the least that the rows need.
"""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import Final

from sqlalchemy import text

from app.store.engine.database import Database
from bench.measure.goals import Json
from bench.modes.sweeps import POSTGRES
from bench.options import Amount, add_amounts
from tests.support.database.history import TABLES, fill
from tests.support.gateway.gateways import migrate
from tests.support.servers.servers import running_postgres, service_directory

EMAILS = Amount(name="emails", usual=300_000, quick=5_000, what="emails of the history")
_SIZES: Final = text(
    "select relname as table, reltuples::bigint as rows, pg_relation_size(oid) as heap, "
    "pg_table_size(oid) - pg_relation_size(oid) as toast, pg_indexes_size(oid) as indexes "
    "from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace and relname = any(:names) "
    "order by pg_total_relation_size(oid) desc"
)


def add_options(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    add_amounts(parser, EMAILS)


def measure(given: Namespace, say: Callable[[str], None]) -> Json:
    """Fill, print the table, and return the figures. It has no goal: how much disk is much is for its reader to say."""
    emails = EMAILS.of(given)
    with service_directory(durable=True) as directory, running_postgres(directory, more=POSTGRES) as postgres:
        url = postgres.url(postgres.create_database())
        migrate(url)
        say(f"filling a database of its own with {emails:,} emails")
        began = time.monotonic()
        fill(url, emails=emails)
        say(f"filled and vacuumed in {time.monotonic() - began:.0f} s")
        tables = _tables(url)
    say(f"{'table':22}{'rows':>12}{'bytes of a row:':>18} heap{'toast':>8}{'indexes':>9}{'all':>8}")
    for one in tables:
        each = [one[name] / max(one["rows"], 1) for name in ("heap", "toast", "indexes")]
        shown = "".join(f"{size:>{width}.0f}" for size, width in zip((*each, sum(each)), (23, 8, 9, 8), strict=True))
        say(f"{one['table']:22}{one['rows']:>12,}{shown}")
    return {"goals": [], "emails": emails, "tables": tables}


def _tables(url: str) -> list[Json]:
    database = Database(url)
    try:
        with database.reading() as connection:
            return [dict(row) for row in connection.execute(_SIZES, {"names": list(TABLES)}).mappings()]
    finally:
        database.close()
