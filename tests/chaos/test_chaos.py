"""Short drills, through the same harness as `postern chaos`: every promise is kept while everything is killed."""

import json
import subprocess
import sys
from pathlib import Path

from tests.chaos.verdict.oracle import Promise
from tests.support.gateway.production import in_production, untouched
from tests.support.house.checkout_copy import AT_MOST_S, copy_checkout, run_in_copy
from tests.support.servers.cli import CHECKOUT, command

PATIENCE = ("--drain", "120")
"""The machine may be busy with other tests: promises count here, not speed."""


def test_no_promise_is_broken_under_fire_on_sqlite(tmp_path: Path, migrated_sqlite_url: str, redis_url: str) -> None:
    """Nothing lost, nothing sent twice, no email to an address that bounced, and everything settled at the end.

    As a developer runs it, where the settings of production are: it reads none, and leaves production alone.
    """
    production = in_production(migrated_sqlite_url, redis_url)
    copy_checkout(tmp_path, production)
    words = (*words_of("sqlite", "https", "boto3"), "--seconds", "25", "--first-seed", "7")
    with untouched(production):
        done = run_in_copy(tmp_path, production, *command("chaos", *words))
    assert_that_it_kept_all(done, seconds=25, database="sqlite", intake="https")


def test_no_promise_is_broken_under_fire_on_postgresql() -> None:
    """The same with a queue: workers that poll are killed and frozen, and SQS and the database are cut off.

    `.ci/run` drills PostgreSQL with a webhook for 40 s.
    """
    words = (*words_of("postgresql", "sqs", "fast"), "--seconds", "30", "--first-seed", "8")
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos", *words],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=AT_MOST_S,
        check=False,
    )
    assert_that_it_kept_all(done, seconds=30, database="postgresql", intake="sqs")


def words_of(database: str, intake: str, transport: str) -> tuple[str, ...]:
    where = ("--database", database, "--intake", intake, "--transport", transport)
    return (*where, "--rate", "20", *PATIENCE, "--json")


def assert_that_it_kept_all(
    done: "subprocess.CompletedProcess[str]", *, seconds: int, database: str, intake: str
) -> None:
    """The drill attacked enough, and every counter of a broken promise is 0."""
    assert done.stdout, done.stderr
    [run] = json.loads(done.stdout.splitlines()[-1])["runs"]
    assert {promise: run[promise] for promise in Promise} == dict.fromkeys(Promise, 0), done.stderr
    assert done.returncode == 0, done.stderr
    assert run["faults"] >= seconds * 0.25
    assert run["accepted"] > seconds * 15
    for door in run["doors"].values():
        assert door["accepted"] > seconds
        assert door["recognised"] > seconds / 10, "no answer was lost after the commit: the drill attacks nothing"
    assert (run["database"], run["intake"]) == (database, intake)
