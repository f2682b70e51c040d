"""Pace: queued emails sent at the rate of an account, 50 per second, by two worker processes that share the rate.

The stand-in for SES throttles as SES does: a call passes while credit is left, of which at most a second's worth is
saved up. The calls in the results are those that the stand-in counted.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from bench.baselines.contestants import Postern, held_back, waiting
from bench.load.ses_calls import Call, most_in, rate
from bench.measure.cpu import spent_by_kind
from bench.measure.goals import Goal, Json, at_least, at_most, spread
from bench.options import Amount, add_amounts, add_transport
from bench.stage.processes import wait_until
from bench.stage.stage import Stage, stage

RATE: Final = 50.0
SECONDS = Amount(name="seconds", usual=40, quick=12, what=f"seconds of a round, of {RATE:.0f} emails each")
RUNS = Amount(name="runs", usual=5, quick=1, what="rounds")
_KINDS = ("worker", "database", "redis")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paced:
    """One round: calls per second, refused calls, the most calls in one second, and CPU seconds per email."""

    rate: float
    throttled: int
    most_in_a_second: int
    cpu: dict[str, float]


def add_options(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    add_amounts(parser, SECONDS, RUNS)
    add_transport(parser)


def measure(given: Namespace, say: Callable[[str], None]) -> Json:
    """Run the rounds, print the table, and return the goals and the figures."""
    runs, emails = RUNS.of(given), int(RATE * SECONDS.of(given))
    rounds = []
    with stage(latency_ms=60, rate=RATE) as there:
        postern = Postern(there, transport=given.transport, more={"SES_MAX_SEND_RATE": str(RATE)})
        for number in range(1, runs + 1):
            rounds.append(_round(there, postern, emails))
            say(f"round {number} of {runs}: {rounds[-1].rate:.2f}/s, {rounds[-1].throttled} throttled")
    for line in table(rounds):
        say(line)
    return {
        "goals": [goal.as_json() for goal in goals(rounds)],
        "transport": given.transport,
        "rounds": [asdict(one) for one in rounds],
    }


def goals(rounds: Sequence[Paced]) -> list[Goal]:
    """Return the goals of a paced drain."""
    return [
        at_least("pace: share of the account's rate that is used", 0.98, [one.rate / RATE for one in rounds]),
        at_most("pace: calls that SES throttled", 0.0, [one.throttled for one in rounds]),
    ]


def table(rounds: Sequence[Paced]) -> list[str]:
    """One line."""
    most = max(one.most_in_a_second for one in rounds)
    throttled = sum(one.throttled for one in rounds)
    cpu = [f"{kind} {spread([one.cpu[kind] * 1e6 for one in rounds])}" for kind in _KINDS]
    rates = spread([one.rate for one in rounds])
    return [
        f"emails/s: {rates} of {RATE:.0f}; at most {most} in any second; throttled {throttled}",
        f"CPU us/email:  {', '.join(cpu)}",
    ]


def paced(calls: Sequence[Call], cpu: Mapping[str, float]) -> Paced:
    """Return the figures of these calls."""
    taken = [call.at for call in calls if call.taken]
    return Paced(
        rate=rate(taken),
        throttled=len(calls) - len(taken),
        most_in_a_second=most_in(1.0, taken),
        cpu=dict(cpu),
    )


def _round(there: Stage, postern: Postern, emails: int) -> Paced:
    earlier = len(there.calls())
    with held_back(there.gateway, emails) as release, postern.workers():
        before = spent_by_kind()
        release()
        wait_until(lambda: waiting(there.gateway) == 0)
        after = spent_by_kind()
    cpu = {kind: (after[kind] - before[kind]) / emails for kind in _KINDS}
    return paced(there.calls()[earlier:], cpu)
