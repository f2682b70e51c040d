"""What emails leave behind that were sent by the product: dead rows, and pages of indexes that are half empty.

Each day's emails are accepted, sent and reported on; then the tables are vacuumed, all bodies are erased, and the
tables are vacuumed again. The growth of the last day is what an email costs for good: earlier days have left room that
it uses. Autovacuum has to be off, so that each run finds the same.
"""

import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from psycopg import Connection, sql

from app.wiring.gateway import build
from bench.baselines.direct_sql import direct
from bench.load.sent_emails import AcceptingMailer, Senders
from bench.measure.disk_footprint import Bytes, grown, sizes
from tests.support.gateway.gateways import settings_for

DAYS: Final = 3
TABLES: Final = ("emails", "recipients", "attempts", "notifications", "events")
_ALL: Final = sql.SQL(", ").join(map(sql.Identifier, TABLES))
_FILLFACTOR: Final = sql.SQL("alter table {} set (fillfactor = {})")
_VACUUM: Final = sql.SQL("vacuum (analyze) {}").format(_ALL)
_REWRITE: Final = sql.SQL("vacuum full {}").format(_ALL)
_OTHERS: Final = (
    "select pid from pg_stat_activity where datname = current_database() and backend_type = 'client backend' "
    "and pid <> pg_backend_pid()"
)
_OTHERS_END_WITHIN_S: Final = 30.0
_UPDATES: Final = "select relname, n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where relname = any(%s)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Churn:
    """Of one table, for one email: its updates, those that were HOT, and its bytes after use and when rewritten."""

    table: str
    updates: float
    hot: float
    used: Bytes
    rewritten: Bytes


def after_use(database_url: str, redis_url: str, *, emails: int, fillfactor: int) -> Sequence[Churn]:
    """Send `emails` emails on each of some days from a migrated PostgreSQL, and return what each table has of one."""
    mailer = AcceptingMailer()
    with direct(database_url) as connection, tempfile.TemporaryDirectory() as flight_dir:
        for table in TABLES:
            connection.execute(_FILLFACTOR.format(sql.Identifier(table), sql.Literal(fillfactor)))
        settings = settings_for(database_url, redis_url, flight_dir=Path(flight_dir), ses_max_send_rate=100_000.0)
        with closing(build(settings, mailer=mailer)) as gateway:
            senders = Senders(gateway, mailer)
            empty = before = sizes(gateway)
            for _ in range(DAYS):
                before = sizes(gateway)
                senders.send(emails)
                connection.execute(_VACUUM)
                senders.erase_bodies()
                connection.execute(_VACUUM)
            used = grown(before, sizes(gateway), emails)
            connection.execute(_REWRITE)
            rewritten = grown(empty, sizes(gateway), emails * DAYS)
        # PostgreSQL counts the updates of a connection when its backend ends, which is shortly after it was closed.
        _wait_for_others_to_end(connection)
        counted = {name: counts for name, *counts in connection.execute(_UPDATES, [list(TABLES)])}
    return [_churn(table, counted[table], emails * DAYS, used, rewritten) for table in TABLES]


def _wait_for_others_to_end(connection: Connection[Any]) -> None:
    ends = time.monotonic() + _OTHERS_END_WITHIN_S
    while connection.execute(_OTHERS).fetchall():
        if time.monotonic() > ends:
            raise TimeoutError("a connection of the gateway did not end")
        time.sleep(0.01)


def lines_of(churn: Sequence[Churn]) -> list[str]:
    """Return a line for each table, below one that names the columns."""
    names = ("updates", "HOT", "after use: heap", "indexes", "rewritten: heap", "indexes")
    lines = [f"{'for one email':16}" + "".join(f"{name:>17}" for name in names)]
    for one in churn:
        share = one.hot / one.updates if one.updates else 0.0
        sizes_of = (one.used.rows, one.used.indexes, one.rewritten.rows, one.rewritten.indexes)
        lines.append(
            f"{one.table:16}{one.updates:>17.2f}{share:>17.0%}" + "".join(f"{size:>17.0f}" for size in sizes_of)
        )
    return lines


def _churn(table: str, counts: Sequence[int], emails: int, used: Sequence[Bytes], rewritten: Sequence[Bytes]) -> Churn:
    updates, hot = counts
    return Churn(
        table=table,
        updates=updates / emails,
        hot=hot / emails,
        used=_of(table, used),
        rewritten=_of(table, rewritten),
    )


def _of(table: str, found: Sequence[Bytes]) -> Bytes:
    """The bytes of this table; none if few emails found room for all that they needed."""
    return next((one for one in found if one.table == table), Bytes(table=table, rows=0, indexes=0))
