"""`apply` that is killed at any moment and repeated always ends with the same account."""

import json
import subprocess
import sys
from typing import Final

from app.services.account.setup import SetUp
from simulator import Simulator
from tests.support.aws.setup.account_setup import account_at, apply
from tests.support.servers.cli import CHECKOUT, surroundings

ROUNDS: Final = 25


def test_apply_killed_at_random_moments_and_repeated_ends_the_same(simulator: Simulator, setup: SetUp) -> None:
    """SIGKILL at 25 random moments of `apply`; each time a second one completes what the first began."""
    apply(setup)
    whole = account_at(simulator.url)
    setup.destroy(setup.plan_removal("postern"), show=lambda _: None)
    words = ["-m", "tests.support.aws.setup.killed_apply", simulator.url, "7", str(ROUNDS)]
    ended = subprocess.run(
        [sys.executable, *words], cwd=CHECKOUT, env=surroundings(), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout.splitlines()[-1])
    assert found["accounts"] == [json.loads(json.dumps(whole))]
    assert len(set(found["resources"])) > 3, "the moments have to be spread over the whole of apply"
