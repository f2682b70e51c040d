"""`python -m tests.support.aws.setup.killed_apply URL SEED ROUNDS`: `apply` is killed at random moments, and repeated.

Each round begins with an empty account behind the endpoint. A child process applies everything and is killed with
SIGKILL right before one of its calls, or once that was answered. The rounds go through the calls, by steps of random
length. Another child applies it again, to its end. The last line is
a JSON object: the accounts after the second one, without doubles, and how many resources each killed one had made.
"""

import json
import os
import random
import signal
import sys
from typing import Any, Final, NoReturn

from app.aws.setup.account_resources import AccountResources, Clients
from app.services.account.setup import SetUp
from tests.support.aws.setup.account_setup import REGION, account_at, apply, clients, setup_at

MOMENTS: Final = ("before-send", "response-received")
_CALLS: Final = 45
"""About as many calls as `apply` makes; one that is to be killed later than its last call is not killed."""


def main(url: str, seed: int, rounds: int) -> None:
    """Play the rounds and print what came of them."""
    dice, own = random.Random(seed), setup_at(url)
    accounts, resources = set(), []
    for number in range(rounds):
        own.destroy(own.plan_removal("postern", ("example.com",)), show=lambda _: None)
        call = int((number + dice.random()) * _CALLS / rounds)
        status = _in_child(url, moment=dice.choice(MOMENTS), call=call)
        if status not in {0, -signal.SIGKILL}:
            raise SystemExit("the first apply failed")
        resources.append(sum(len(named) for named in account_at(url).values()))
        if _in_child(url) != 0:
            raise SystemExit("the second apply failed")
        accounts.add(json.dumps(account_at(url), sort_keys=True))
    found = {"accounts": [json.loads(one) for one in accounts], "resources": resources}
    sys.stdout.write(json.dumps(found) + "\n")


def _in_child(url: str, *, moment: str = "", call: int = 0) -> int:
    """Apply in a child process, which is killed at this moment of its call of this number; return its exit status."""
    child = os.fork()
    if child == 0:
        _apply_and_exit(url, moment, call)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _apply_and_exit(url: str, moment: str, call: int) -> NoReturn:
    try:
        of = clients(url)
        if moment:
            _kill_at(of, moment, call)
        apply(SetUp(AccountResources(clients=of, region=REGION)))
    except BaseException as error:  # noqa: BLE001 - a child that fell through would play the rounds as well
        sys.stderr.write(f"{error!r}\n")
        os._exit(1)
    os._exit(0)


def _kill_at(of: Clients, moment: str, call: int) -> None:
    calls = iter(range(_CALLS))

    def count(**_: Any) -> None:
        if next(calls, None) == call:
            os.kill(os.getpid(), signal.SIGKILL)

    for client in (of.ses, of.sns, of.sqs, of.sts):
        client.meta.events.register(moment, count)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
