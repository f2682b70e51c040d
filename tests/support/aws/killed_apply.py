"""`python -m tests.support.aws.killed_apply URL SEED ROUNDS`: `apply` is killed at a random moment, and repeated.

Each round begins with an empty account behind the endpoint. A child process applies everything and is killed with
SIGKILL; another applies it again, to its end. The last line is a JSON object: the account of each round after the
second, without doubles, and how many resources the killed one had made.
"""

import json
import os
import random
import signal
import sys
import time
from typing import NoReturn

from app.services.account.setup import SetUp
from tests.support.aws.account_setup import account_at, apply, setup_at


def main(url: str, seed: int, rounds: int) -> None:
    """Play the rounds and print what came of them."""
    dice, own = random.Random(seed), setup_at(url)
    setup = setup_at(url)  # only the children use it: a connection must not be shared over a fork
    began = time.monotonic()
    _in_child(setup)
    lasts_s = time.monotonic() - began
    accounts, resources = set(), []
    for _ in range(rounds):
        own.destroy(own.plan_removal("postern", ("example.com",)), show=lambda _: None)
        _in_child(setup, killed_after_s=dice.uniform(0, lasts_s))
        killed = account_at(url)
        resources.append(sum(len(named) for named in killed.values()))
        _in_child(setup)
        accounts.add(json.dumps(account_at(url), sort_keys=True))
    sys.stdout.write(json.dumps({"accounts": [json.loads(one) for one in accounts], "resources": resources}))


def _in_child(setup: SetUp, *, killed_after_s: float | None = None) -> None:
    """Apply in a child process, which is killed after this time, if any; else it has to end well."""
    child = os.fork()
    if child == 0:
        _apply_and_exit(setup)
    if killed_after_s is not None:
        time.sleep(killed_after_s)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if killed_after_s is None and os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit("apply failed")


def _apply_and_exit(setup: SetUp) -> NoReturn:
    try:
        apply(setup)
    except BaseException as error:  # noqa: BLE001 - a child that fell through would play the rounds as well
        sys.stderr.write(f"{error!r}\n")
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
