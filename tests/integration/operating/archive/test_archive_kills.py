"""`./postern archive write` is killed by `kill -9` again and again: nothing is lost, and nothing is written twice."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import psycopg
import pytest

from app.services.operating.archive.archive import verify
from app.wiring.gateway import Gateway
from tests.integration.operating.archive.test_archive import archived, audited
from tests.integration.operating.test_old_emails import Past
from tests.support.gateway.emails import ROOT, delivery, feed
from tests.support.gateway.gateways import SECRET_KEY, gateway_on
from tests.support.gateway.rows import count, rows
from tests.support.servers.cli import command, surroundings, until

EMAILS: Final = 2_000
BATCH: Final = 200
BEFORE: Final = datetime.now(UTC) - timedelta(days=61)

IN_DELETE, IN_COMMIT = 1, 2
_HOLDS: Final = f"""
create function hold() returns trigger language plpgsql as
    $$ begin perform pg_advisory_xact_lock(tg_argv[0]::bigint); return null; end $$;
create trigger in_delete after delete on emails for each statement execute function hold({IN_DELETE});
create constraint trigger in_commit after delete on emails deferrable initially deferred
    for each row execute function hold({IN_COMMIT});
"""
"""A deletion waits for advisory locks of the test: in its statement, and in its commit."""

_COPY: Final = f"""
create function other(id uuid, n int) returns uuid language sql
    return overlay(id::text placing lpad(to_hex(n), 12, '0') from 25)::uuid;
create temp table others as select n, emails.created_at - n / 500 * interval '1 day' as created_at, 'ses-' || n as ses,
    other(emails.id, n) as email_id, other(recipients.id, n) as recipient_id
    from emails, recipients, generate_series(1, {EMAILS - 1}) as n;
insert into emails select (jsonb_populate_record(emails, jsonb_build_object(
    'id', email_id, 'created_at', others.created_at))).* from emails, others;
insert into recipients select (jsonb_populate_record(recipients, jsonb_build_object(
    'id', others.recipient_id, 'email_id', others.email_id, 'ses_message_id', ses))).* from recipients, others;
insert into attempts select (jsonb_populate_record(attempts, jsonb_build_object(
    'id', other(id, n), 'recipient_id', others.recipient_id))).* from attempts, others;
insert into events select (jsonb_populate_record(events, jsonb_build_object(
    'id', other(id, n), 'recipient_id', others.recipient_id, 'ses_message_id', ses))).* from events, others;
"""
_WAITING: Final = (
    "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
)


class EnoughError(Exception):
    """Ends a run after its first batch."""


def test_an_archive_that_is_killed_at_any_moment_loses_nothing(
    migrated_postgres_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its deletion, in its commit, which PostgreSQL completes all the same, and anywhere else."""
    directory = tmp_path / "archive"
    url = migrated_postgres_url.replace("+psycopg", "")
    environment = {"DATABASE_URL": migrated_postgres_url, "REDIS_URL": redis_url, "SECRET_KEYS": SECRET_KEY}

    def started() -> "subprocess.Popen[bytes]":
        words = command("archive", "write", "--before", BEFORE.isoformat(), "--to", str(directory))
        return subprocess.Popen(words, cwd=tmp_path, env=surroundings(**environment), stderr=subprocess.DEVNULL)

    with (
        gateway_on(migrated_postgres_url, redis_url) as gateway,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        feed(gateway, delivery(gateway, Past(gateway, monkeypatch).submit(ago=timedelta(days=70))))
        connection.execute(_COPY.encode())
        connection.execute(_HOLDS.encode())
        emails = sorted(str(row["id"]) for row in rows(gateway, "emails"))

        def waiting(number: int) -> bool:
            return connection.execute(_WAITING).fetchone() == (number,)

        for moment, left in ((IN_DELETE, EMAILS - BATCH), (IN_COMMIT, EMAILS - 3 * BATCH)):
            connection.execute("select pg_advisory_lock(%s)", [moment])
            with started() as process:
                until(lambda: waiting(1))
                process.kill()
            with ThreadPoolExecutor() as thread:
                run = thread.submit(move_one_batch, gateway, directory)
                until(lambda: waiting(2))
                connection.execute("select pg_advisory_unlock(%s)", [moment])
                run.result()
            assert count(gateway, "emails") == left
        assert [one["action"] for one in audited(gateway)] == ["archive"] * 3
        with started() as process:
            before = bytes_in(directory)
            until(lambda: bytes_in(directory) > before)
            process.kill()
        gateway.archive.write(ROOT, directory, before=BEFORE)
        assert sorted(one["id"] for one in archived(directory)) == emails
        assert [count(gateway, table) for table in ("emails", "recipients", "attempts", "events")] == [0] * 4
    found = verify(directory)
    assert {day.fault for day in found} == {None}
    assert sum(day.counts.emails for day in found) == sum(day.counts.events for day in found) == EMAILS


def move_one_batch(gateway: Gateway, directory: Path) -> None:
    """Archive a batch in this process, which has to wait for what holds its emails."""

    def stop(_: int) -> None:
        raise EnoughError

    with suppress(EnoughError):
        gateway.archive.write(ROOT, directory, before=BEFORE, progress=stop)


def bytes_in(directory: Path) -> int:
    """Return the bytes of all files there."""
    return sum(file.stat().st_size for file in directory.iterdir())
