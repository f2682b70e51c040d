"""Short drills, through the same harness as `postern chaos`: every promise is kept while everything is killed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.verdict.oracle import Promise

CHECKOUT = Path(__file__).resolve().parents[2]
DRILLS = {"postgresql": 40, "sqlite": 25}
AT_MOST_S = 400


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


@pytest.mark.parametrize("database", DRILLS)
def test_no_promise_is_broken_under_fire(database: str) -> None:
    """Nothing lost, nothing sent twice, no email to an address that bounced, and everything settled at the end."""
    seconds = DRILLS[database]
    patience = ("--drain", "120")  # the machine may be busy with other tests: promises count here, not speed
    status, run, printed = drill(
        *("--database", database, "--seconds", str(seconds), "--first-seed", "7", "--rate", "20"), *patience
    )
    assert {promise: run[promise] for promise in Promise} == dict.fromkeys(Promise, 0), printed
    assert status == 0, printed
    assert run["faults"] >= seconds * 0.25
    assert run["accepted"] > seconds * 15
    for door in run["doors"].values():
        assert door["accepted"] > seconds
        assert door["recognised"] > seconds / 10, "no answer was lost after the commit: the drill attacks nothing"


def test_no_promise_is_broken_when_notifications_come_through_a_queue() -> None:
    """The same without a webhook: workers that poll are killed and frozen, and SQS and the database are cut off."""
    status, run, told = drill(
        "--intake", "sqs", "--seconds", "30", "--first-seed", "8", "--rate", "20", "--drain", "120"
    )
    assert {promise: run[promise] for promise in Promise} == dict.fromkeys(Promise, 0), told
    assert (status, run["intake"]) == (0, "sqs"), told
    assert run["accepted"] > 30 * 15
