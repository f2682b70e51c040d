"""Disk: the bytes of each table and of its indexes in PostgreSQL, for one email.

Emails are sent by the product on three days, and after each of them their bodies are erased and the tables vacuumed.
The first table has how often the rows of one email were updated, which of those updates were HOT (no index was
written), and the growth of the last day beside the size once everything is rewritten: its least.

A second database is filled by SQL with ninety days of history. The second table has the other tables that grow: each
email has one message, delivery and call of a webhook, and every second one an entry of the list. Its indexes are built
from full tables, so this is the least that the rows need.
"""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import asdict
from typing import Final

from sqlalchemy import text

from app.store.engine.database import Database
from bench.measure.goals import Json
from bench.modes.history import churn
from bench.modes.history.filled import POSTGRES
from bench.options import Amount, add_amounts
from tests.support.database.history import TABLES, fill
from tests.support.gateway.gateways import migrate
from tests.support.servers.servers import Postgres, running_postgres, running_valkey, service_directory

EMAILS = Amount(name="emails", usual=300_000, quick=5_000, what="emails of the history")
SENT = Amount(name="sent", usual=5_000, quick=100, what="emails sent on each day")
FILLFACTOR: Final = 100
_SIZES: Final = text(
    "select relname as table, reltuples::bigint as rows, pg_relation_size(oid) as heap, "
    "pg_table_size(oid) - pg_relation_size(oid) as toast, pg_indexes_size(oid) as indexes "
    "from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace and relname = any(:names) "
    "order by pg_total_relation_size(oid) desc"
)


def add_options(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    add_amounts(parser, EMAILS, SENT)
    text_of_it = f"room that PostgreSQL leaves in the pages of emails, in percent used (default {FILLFACTOR})"
    parser.add_argument("--fillfactor", type=int, default=FILLFACTOR, metavar="N", help=text_of_it)


def measure(given: Namespace, say: Callable[[str], None]) -> Json:
    """Send and fill, print the tables, and return the figures. It has no goal: how much is much is for its reader."""
    with (
        service_directory(durable=True) as directory,
        running_postgres(directory, more=POSTGRES | {"autovacuum": "off"}) as postgres,
        running_valkey(directory) as redis,
    ):
        used = _used(postgres, redis, SENT.of(given), given.fillfactor, say)
        emails = EMAILS.of(given)
        tables = _least(postgres, emails, say)
    return {"goals": [], "sent": [asdict(one) for one in used], "emails": emails, "tables": tables}


def _used(
    postgres: Postgres, redis_url: str, emails: int, fillfactor: int, say: Callable[[str], None]
) -> list[churn.Churn]:
    url = _migrated(postgres)
    say(f"sending {emails:,} emails on each of {churn.DAYS} days")
    found = list(churn.after_use(url, redis_url, emails=emails, fillfactor=fillfactor))
    for line in churn.lines_of(found):
        say(line)
    return found


def _least(postgres: Postgres, emails: int, say: Callable[[str], None]) -> list[Json]:
    url = _migrated(postgres)
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
    return tables


def _migrated(postgres: Postgres) -> str:
    url = postgres.url(postgres.create_database())
    migrate(url)
    return url


def _tables(url: str) -> list[Json]:
    database = Database(url)
    try:
        with database.reading() as connection:
            others = [name for name in TABLES if name not in churn.TABLES]
            return [dict(row) for row in connection.execute(_SIZES, {"names": others}).mappings()]
    finally:
        database.close()
