"""Latency: from the POST of an email, and from its 2xx, until SES has the whole request; idle and under half load.

Web, workers and beat run, as in production. Idle is one email each 100 to 200 ms, uniformly; half load is half the rate
at which web and workers together processed a burst of single posts, with the gaps of many independent clients
(exponential). The stand-in for SES records when each request was complete, by the clock that the client uses too. For
comparison, the same client posts directly to the stand-in at the same pace: latency there comes from the machine.
"""

import json
import statistics
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final

from bench.baselines.contestants import Postern, waiting
from bench.load.ses_calls import rate
from bench.load.web import Endpoint, mail_to, postern_web
from bench.measure.ceiling import PATH, call_to, ceiling
from bench.measure.cpu import spent_by_kind
from bench.measure.goals import Goal, Json, at_most, spread
from bench.modes.mixed import KINDS, through
from bench.options import Amount, add_amounts, add_transport
from bench.stage.processes import wait_until
from bench.stage.stage import Stage, stage

IDLE, HALF = "idle", "half load"
IDLE_GAP_MS: Final = (100, 200)
HALF_S: Final = 8
EMAILS = Amount(name="emails", usual=200, quick=50, what="emails of an idle round")
BURST = Amount(name="burst", usual=3000, quick=1000, what="single posts that find the maximum rate")
RUNS = Amount(name="runs", usual=5, quick=1, what="rounds")
_COLUMNS = {
    "POST to SES p50": "p50_ms",
    "p90": "p90_ms",
    "p99": "p99_ms",
    "most": "most_ms",
    "2xx to SES p50": "after_p50_ms",
    "p99 of it": "after_p99_ms",
    "POST to 2xx p50": "answer_p50_ms",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """One round: milliseconds from POST to SES, from 2xx to SES (`after`), from POST to 2xx; CPU seconds per email."""

    rate: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    most_ms: float
    after_p50_ms: float
    after_p99_ms: float
    answer_p50_ms: float
    cpu: dict[str, float]


def add_options(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    add_amounts(parser, EMAILS, BURST, RUNS)
    add_transport(parser)


def measure(given: Namespace, say: Callable[[str], None]) -> Json:
    """Run the rounds, print the table, and return the goals and the figures."""
    emails, runs = EMAILS.of(given), RUNS.of(given)
    straight: list[Took] = []
    rounds: dict[str, list[Took]] = {IDLE: [], HALF: []}
    with stage(latency_ms=60) as there, _up(there, given.transport) as endpoint:
        most = ceiling(there.directory)
        say(most.line)
        post = Poster(there, endpoint)
        through(there, endpoint, 200)
        for number in range(1, runs + 1):
            straight.append(post.straight(f"straight-{number}", emails=emails // 4))
            rounds[IDLE].append(post(f"idle-{number}", emails=emails, gap_ms=IDLE_GAP_MS))
            maximum = through(there, endpoint, BURST.of(given)).rate
            half = post(f"half-{number}", emails=int(HALF_S * maximum / 2), gap_ms=2000 / maximum)
            rounds[HALF].append(half)
            spreads = ", ".join(
                f"{name} p50 {of[-1].p50_ms:.1f} p99 {of[-1].p99_ms:.1f} ms" for name, of in rounds.items()
            )
            say(f"round {number} of {runs}: {spreads}; maximum {maximum:.0f}/s")
    for line in table(rounds):
        say(line)
    floor = f"p50 {spread([one.p50_ms for one in straight])}, p99 {spread([one.p99_ms for one in straight])} ms"
    say(f"the same client directly to the stand-in: {floor}")
    highest = 2 * max(one.rate for one in rounds[HALF])
    return {
        "goals": [
            goal.as_json()
            for goal in (*goals(given.transport, rounds[IDLE]), most.over(f"latency, {given.transport}", highest))
        ],
        "standin": most.as_json(),
        "transport": given.transport,
        "rounds": {name: [asdict(one) for one in of] for name, of in (("straight", straight), *rounds.items())},
    }


def goals(transport: str, idle: list[Took]) -> list[Goal]:
    """Return the goals of an idle gateway."""
    name = f"latency, idle, {transport}: accepted (2xx) to SES call"
    return [
        at_most(f"{name}, p50 ms", 8.0, [one.after_p50_ms for one in idle]),
        at_most(f"{name}, p99 ms", 30.0, [one.after_p99_ms for one in idle]),
    ]


def table(rounds: Mapping[str, list[Took]]) -> list[str]:
    """Return a column per load with milliseconds, then lines with CPU."""
    lines = [f"{'ms':18}" + "".join(f"{name:>26}" for name in rounds)]
    for title, field in _COLUMNS.items():
        cells = [spread([getattr(one, field) for one in of]) for of in rounds.values()]
        lines.append(f"{title:18}" + "".join(f"{cell:>26}" for cell in cells))
    for name, of in rounds.items():
        cpu = {kind: statistics.median(one.cpu[kind] for one in of) * 1e6 for kind in KINDS}
        parts = ", ".join(f"{kind} {spent:.0f}" for kind, spent in cpu.items())
        lines.append(
            f"{name}: {spread([one.rate for one in of])} emails/s; CPU us/email {sum(cpu.values()):.0f}: {parts}"
        )
    return lines


class Poster:
    """Posts emails at a pace and finds out when the stand-in got them."""

    def __init__(self, there: Stage, endpoint: Endpoint) -> None:
        self._there = there
        self._gateway = {
            "url": endpoint.url,
            "headers": dict(endpoint.headers),
            "body": json.dumps(mail_to("%s")),
        }
        self._standin = {
            "url": f"http://127.0.0.1:{there.standin.port}{PATH}",
            "headers": {},
            "body": call_to("%s"),
        }

    def __call__(self, name: str, *, emails: int, gap_ms: float | tuple[float, float]) -> Took:
        """Post through the gateway, and wait until all are recorded."""
        return self._post(self._gateway | {"name": name, "emails": emails, "gap_ms": gap_ms})

    def straight(self, name: str, *, emails: int) -> Took:
        """Post directly to the stand-in, as to an idle gateway."""
        return self._post(self._standin | {"name": name, "emails": emails, "gap_ms": IDLE_GAP_MS})

    def _post(self, order: dict[str, Any]) -> Took:
        before = spent_by_kind()
        words = (sys.executable, "-m", "bench.load.arrivals", json.dumps(order))
        ended = subprocess.run(words, check=True, stdout=subprocess.PIPE)  # noqa: S603 - our own program
        wait_until(lambda: waiting(self._there.gateway) == 0)
        after = spent_by_kind()
        cpu = {kind: (after[kind] - before[kind]) / order["emails"] for kind in KINDS}
        called = {call.recipient: call.at for call in self._there.calls()}
        return took(json.loads(ended.stdout), called, cpu)


def took(answered: Mapping[str, Sequence[float]], called: Mapping[str, float], cpu: dict[str, float]) -> Took:
    """Return the latencies. `answered` has when each email was posted and answered, `called` when its call came."""
    moments = [(posted, answer, called[recipient]) for recipient, (posted, answer) in answered.items()]
    whole = _hundredths([call - posted for posted, _, call in moments])
    after = _hundredths([call - answer for _, answer, call in moments])
    return Took(
        rate=rate(sorted(posted for posted, _, _ in moments)),
        p50_ms=whole[49],
        p90_ms=whole[89],
        p99_ms=whole[98],
        most_ms=1000 * max(call - posted for posted, _, call in moments),
        after_p50_ms=after[49],
        after_p99_ms=after[98],
        answer_p50_ms=1000 * statistics.median(answer - posted for posted, answer, _ in moments),
        cpu=cpu,
    )


def _hundredths(seconds: list[float]) -> list[float]:
    return [1000 * one for one in statistics.quantiles(seconds, n=100, method="inclusive")]


@contextmanager
def _up(there: Stage, transport: str) -> Iterator[Endpoint]:
    """Run a gateway with all its parts."""
    postern = Postern(there, transport=transport)
    with postern_web(there) as endpoints, postern.workers(), postern.beat():
        yield endpoints[1]
