"""Short drills, through the same harness as `postern chaos`: every promise is kept while everything is killed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.verdict.oracle import Promise

CHECKOUT = Path(__file__).resolve().parents[2]
DRILLS = {("sqlite", "https", "boto3"): (25, 7), ("postgresql", "sqs", "fast"): (30, 8)}
"""The seconds and the seed, by database, intake and transport. `.ci/run` drills PostgreSQL with a webhook for 40 s.

With a queue, workers that poll are killed and frozen, and SQS and the database are cut off.
"""
PATIENCE = ("--drain", "120")
"""The machine may be busy with other tests: promises count here, not speed."""
AT_MOST_S = 400


@pytest.mark.parametrize("database, intake, transport", DRILLS)
def test_no_promise_is_broken_under_fire(database: str, intake: str, transport: str) -> None:
    """Nothing lost, nothing sent twice, no email to an address that bounced, and everything settled at the end."""
    seconds, seed = DRILLS[database, intake, transport]
    where = ("--database", database, "--intake", intake, "--transport", transport)
    status, run, printed = drill(
        *where, "--seconds", f"{seconds}", "--first-seed", f"{seed}", "--rate", "20", *PATIENCE
    )
    assert {promise: run[promise] for promise in Promise} == dict.fromkeys(Promise, 0), printed
    assert status == 0, printed
    assert run["faults"] >= seconds * 0.25
    assert run["accepted"] > seconds * 15
    for door in run["doors"].values():
        assert door["accepted"] > seconds
        assert door["recognised"] > seconds / 10, "no answer was lost after the commit: the drill attacks nothing"
    assert (run["database"], run["intake"]) == (database, intake)


def drill(*words: str) -> tuple[int, dict[str, Any], str]:
    """The exit status of a drill, its figures, and its other output."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--json", *words],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=AT_MOST_S,
        check=False,
    )
    assert done.stdout, done.stderr
    [run] = json.loads(done.stdout.splitlines()[-1])["runs"]
    return done.returncode, run, done.stderr
