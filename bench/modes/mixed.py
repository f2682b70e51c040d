"""Mixed: emails accepted over HTTP while workers send them: the whole cost, beside a loop that only calls SES.

CPU is that of web, workers, database and Redis together, from the first post until the last email is recorded, with the
fast transport. The loop uses boto3 and stores nothing.
"""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable

from bench.baselines.contestants import Bare, Postern, waiting
from bench.load.web import Endpoint, postern_web
from bench.measure.cpu import spent_by_kind
from bench.measure.drain_window import Drained
from bench.measure.goals import Goal, Json, at_most, spread
from bench.options import Amount, add_amounts
from bench.stage.processes import wait_until
from bench.stage.stage import Stage, stage

SINGLE, BATCH, BARE = "single posts", "batches of 100", "bare boto3 loop"
EMAILS = Amount(name="emails", usual=4000, quick=1000, what="emails per round")
RUNS = Amount(name="runs", usual=5, quick=1, what="rounds")
KINDS = ("web", "worker", "database", "redis")


def add_options(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    add_amounts(parser, EMAILS, RUNS)


def measure(given: Namespace, say: Callable[[str], None]) -> Json:
    """Run the rounds, print the table, and return the goals and the figures."""
    emails, runs = EMAILS.of(given), RUNS.of(given)
    rounds: dict[str, list[Drained]] = {SINGLE: [], BATCH: [], BARE: []}
    with stage(latency_ms=60) as there:
        postern = Postern(there, transport="fast")
        with postern_web(there) as endpoints, postern.workers():
            through(there, endpoints[1], 200)
            for number in range(1, runs + 1):
                rounds[SINGLE].append(through(there, endpoints[1], emails))
                rounds[BATCH].append(through(there, endpoints[100], emails))
                rounds[BARE].append(Bare(processes=2, threads=50).drain(emails))
                costs = ", ".join(f"{name} {of[-1].cpu_per_mail * 1e6:.0f} us" for name, of in rounds.items())
                say(f"round {number} of {runs}: {costs}")
    for line in table(rounds):
        say(line)
    systems = {name: [round(one.cpu_per_mail * 1e6, 1) for one in of] for name, of in rounds.items()}
    return {"goals": [goal.as_json() for goal in goals(rounds)], "cpu_us": systems}


def goals(rounds: dict[str, list[Drained]]) -> list[Goal]:
    """Return the goals of the whole way."""
    batches = list(zip(rounds[BATCH], rounds[BARE], strict=True))
    singles = list(zip(rounds[SINGLE], rounds[BARE], strict=True))
    return [
        at_most("accept to recorded, batch posts: CPU per email over a bare boto3 loop's", 0.5, _ratios(batches)),
        at_most("accept to recorded, single posts: CPU per email over a bare boto3 loop's", 1.2, _ratios(singles)),
    ]


def table(rounds: dict[str, list[Drained]]) -> list[str]:
    """Return a line per kind of post."""
    lines = [f"{'':18}{'emails/s':>24}{'CPU us/email':>24}   of which, in the last round"]
    for name, of in rounds.items():
        rate, cpu = spread([one.rate for one in of]), spread([one.cpu_per_mail * 1e6 for one in of])
        parts = ", ".join(f"{kind} {spent * 1e6:.0f}" for kind, spent in of[-1].cpu.items())
        lines.append(f"{name:18}{rate:>24}{cpu:>24}   {parts}")
    return lines


def _ratios(pairs: list[tuple[Drained, Drained]]) -> list[float]:
    return [attempt.cpu_per_mail / other.cpu_per_mail for attempt, other in pairs]


def through(there: Stage, endpoint: Endpoint, emails: int) -> Drained:
    """Post `mails` emails and wait until the last is recorded; return the figures of all of it."""
    before, began = spent_by_kind(), time.monotonic()
    endpoint.post(max(emails // endpoint.emails, 32))
    wait_until(lambda: waiting(there.gateway) == 0)
    seconds, after = time.monotonic() - began, spent_by_kind()
    sent = max(emails // endpoint.emails, 32) * endpoint.emails
    return Drained(rate=sent / seconds, cpu={kind: (after[kind] - before[kind]) / sent for kind in KINDS})
