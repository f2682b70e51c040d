"""Mixed: mails accepted over HTTP while workers send them: all that a mail costs, beside a loop that only calls SES.

CPU is that of web, workers, database and Redis together, from the first post until the last mail is recorded, by the
fast transport; the loop is boto3's and stores nothing.
"""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable

from bench.contestants import Bare, Postern, waiting
from bench.cpu import spent_by_kind
from bench.goals import Goal, Json, at_most, spread
from bench.options import Amount, add_amounts
from bench.processes import wait_until
from bench.stage import Stage, stage
from bench.web import Endpoint, postern_web
from bench.window import Drained

SINGLE, BATCH, BARE = "single posts", "batches of 100", "bare boto3 loop"
MAILS = Amount(name="mails", usual=4000, quick=1000, what="mails a round")
RUNS = Amount(name="runs", usual=5, quick=1, what="rounds")
KINDS = ("web", "worker", "database", "redis")


def add_options(parser: ArgumentParser) -> None:
    """What may be chosen."""
    add_amounts(parser, MAILS, RUNS)


def measure(given: Namespace, tell: Callable[[str], None]) -> Json:
    """Run the rounds, tell the table, and answer with the goals and the figures."""
    mails, runs = MAILS.of(given), RUNS.of(given)
    rounds: dict[str, list[Drained]] = {SINGLE: [], BATCH: [], BARE: []}
    with stage(latency_ms=60) as there:
        postern = Postern(there, transport="fast")
        with postern_web(there) as endpoints, postern.workers():
            through(there, endpoints[1], 200)
            for number in range(1, runs + 1):
                rounds[SINGLE].append(through(there, endpoints[1], mails))
                rounds[BATCH].append(through(there, endpoints[100], mails))
                rounds[BARE].append(Bare(processes=2, threads=50).drain(mails))
                told = ", ".join(f"{name} {of[-1].cpu_per_mail * 1e6:.0f} us" for name, of in rounds.items())
                tell(f"round {number} of {runs}: {told}")
    for line in table(rounds):
        tell(line)
    systems = {name: [round(one.cpu_per_mail * 1e6, 1) for one in of] for name, of in rounds.items()}
    return {"goals": [goal.told() for goal in goals(rounds)], "cpu_us": systems}


def goals(rounds: dict[str, list[Drained]]) -> list[Goal]:
    """The goals of the whole way."""
    batches = list(zip(rounds[BATCH], rounds[BARE], strict=True))
    singles = list(zip(rounds[SINGLE], rounds[BARE], strict=True))
    return [
        at_most("accept to recorded, batch posts: CPU a mail over a bare boto3 loop's", 0.5, _ratios(batches)),
        at_most("accept to recorded, single posts: CPU a mail over a bare boto3 loop's", 0.9, _ratios(singles)),
    ]


def table(rounds: dict[str, list[Drained]]) -> list[str]:
    """One line for each way."""
    lines = [f"{'':18}{'mails/s':>24}{'CPU us/mail':>24}   of which, in the last round"]
    for name, of in rounds.items():
        rate, cpu = spread([one.rate for one in of]), spread([one.cpu_per_mail * 1e6 for one in of])
        parts = ", ".join(f"{kind} {spent * 1e6:.0f}" for kind, spent in of[-1].cpu.items())
        lines.append(f"{name:18}{rate:>24}{cpu:>24}   {parts}")
    return lines


def _ratios(pairs: list[tuple[Drained, Drained]]) -> list[float]:
    return [mine.cpu_per_mail / other.cpu_per_mail for mine, other in pairs]


def through(there: Stage, endpoint: Endpoint, mails: int) -> Drained:
    """Post so many and wait until the last is recorded: all of that is counted."""
    before, began = spent_by_kind(), time.monotonic()
    endpoint.post(max(mails // endpoint.mails, 32))
    wait_until(lambda: waiting(there.gateway) == 0)
    seconds, after = time.monotonic() - began, spent_by_kind()
    sent = max(mails // endpoint.mails, 32) * endpoint.mails
    return Drained(rate=sent / seconds, cpu={kind: (after[kind] - before[kind]) / sent for kind in KINDS})
