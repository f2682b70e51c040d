"""Latency: from a mail's POST, and from its 2xx, until SES has the whole request; when idle, and under half load.

Web, workers and beat are up, as in production. Idle is one mail each 100 to 200 ms, evenly; half load is half the rate
at which web and workers together got a burst of single posts through, the gaps those of many strangers (exponential).
The stand-in for SES notes when each request was there, by the clock that the client reads too. Beside it, the same
client at the same pace posts straight to the stand-in: what is slow there is the machine.
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

from bench.calls import rate
from bench.ceiling import PATH, call_to, ceiling
from bench.contestants import Postern, waiting
from bench.cpu import spent_by_kind
from bench.goals import Goal, Json, at_most, spread
from bench.mixed import KINDS, through
from bench.options import Amount, add_amounts, add_transport
from bench.processes import wait_until
from bench.stage import Stage, stage
from bench.web import Endpoint, mail_to, postern_web

IDLE, HALF = "idle", "half load"
IDLE_GAP_MS: Final = (100, 200)
HALF_S: Final = 8
MAILS = Amount(name="mails", usual=200, quick=50, what="mails of an idle round")
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
    """One round: milliseconds from POST to SES, from 2xx to SES (`after`), from POST to 2xx; CPU seconds a mail."""

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
    """What may be chosen."""
    add_amounts(parser, MAILS, BURST, RUNS)
    add_transport(parser)


def measure(given: Namespace, tell: Callable[[str], None]) -> Json:
    """Run the rounds, tell the table, and answer with the goals and the figures."""
    mails, runs = MAILS.of(given), RUNS.of(given)
    straight: list[Took] = []
    rounds: dict[str, list[Took]] = {IDLE: [], HALF: []}
    with stage(latency_ms=60) as there, _up(there, given.transport) as endpoint:
        most = ceiling(there.directory)
        tell(most.line)
        post = Poster(there, endpoint)
        through(there, endpoint, 200)
        for number in range(1, runs + 1):
            straight.append(post.straight(f"straight-{number}", mails=mails // 4))
            rounds[IDLE].append(post(f"idle-{number}", mails=mails, gap_ms=IDLE_GAP_MS))
            maximum = through(there, endpoint, BURST.of(given)).rate
            half = post(f"half-{number}", mails=int(HALF_S * maximum / 2), gap_ms=2000 / maximum)
            rounds[HALF].append(half)
            told = ", ".join(
                f"{name} p50 {of[-1].p50_ms:.1f} p99 {of[-1].p99_ms:.1f} ms" for name, of in rounds.items()
            )
            tell(f"round {number} of {runs}: {told}; maximum {maximum:.0f}/s")
    for line in table(rounds):
        tell(line)
    floor = f"p50 {spread([one.p50_ms for one in straight])}, p99 {spread([one.p99_ms for one in straight])} ms"
    tell(f"the same client straight to the stand-in: {floor}")
    highest = 2 * max(one.rate for one in rounds[HALF])
    return {
        "goals": [
            goal.told()
            for goal in (*goals(given.transport, rounds[IDLE]), most.over(f"latency, {given.transport}", highest))
        ],
        "standin": most.told(),
        "transport": given.transport,
        "rounds": {name: [asdict(one) for one in of] for name, of in (("straight", straight), *rounds.items())},
    }


def goals(transport: str, idle: list[Took]) -> list[Goal]:
    """The goals of an idle gateway."""
    name = f"latency, idle, {transport}: accepted (2xx) to SES call"
    return [
        at_most(f"{name}, p50 ms", 10.0, [one.after_p50_ms for one in idle]),
        at_most(f"{name}, p99 ms", 30.0, [one.after_p99_ms for one in idle]),
    ]


def table(rounds: Mapping[str, list[Took]]) -> list[str]:
    """A column for each load: milliseconds, then CPU."""
    lines = [f"{'ms':18}" + "".join(f"{name:>26}" for name in rounds)]
    for title, field in _COLUMNS.items():
        cells = [spread([getattr(one, field) for one in of]) for of in rounds.values()]
        lines.append(f"{title:18}" + "".join(f"{cell:>26}" for cell in cells))
    for name, of in rounds.items():
        cpu = {kind: statistics.median(one.cpu[kind] for one in of) * 1e6 for kind in KINDS}
        parts = ", ".join(f"{kind} {spent:.0f}" for kind, spent in cpu.items())
        lines.append(
            f"{name}: {spread([one.rate for one in of])} mails/s; CPU us/mail {sum(cpu.values()):.0f}: {parts}"
        )
    return lines


class Poster:
    """Posts mails at a pace and finds out when the stand-in had them."""

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

    def __call__(self, name: str, *, mails: int, gap_ms: float | tuple[float, float]) -> Took:
        """Through the gateway, until all are recorded."""
        return self._post(self._gateway | {"name": name, "mails": mails, "gap_ms": gap_ms})

    def straight(self, name: str, *, mails: int) -> Took:
        """To the stand-in itself, as to an idle gateway."""
        return self._post(self._standin | {"name": name, "mails": mails, "gap_ms": IDLE_GAP_MS})

    def _post(self, order: dict[str, Any]) -> Took:
        before = spent_by_kind()
        words = (sys.executable, "-m", "bench.arrivals", json.dumps(order))
        told = subprocess.run(words, check=True, stdout=subprocess.PIPE)  # noqa: S603 - our own program
        wait_until(lambda: waiting(self._there.gateway) == 0)
        after = spent_by_kind()
        cpu = {kind: (after[kind] - before[kind]) / order["mails"] for kind in KINDS}
        called = {call.recipient: call.at for call in self._there.calls()}
        return took(json.loads(told.stdout), called, cpu)


def took(answered: Mapping[str, Sequence[float]], called: Mapping[str, float], cpu: dict[str, float]) -> Took:
    """The latencies of mails that were posted and answered at these moments, and had their calls at those."""
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
    """A gateway with all its parts."""
    postern = Postern(there, transport=transport)
    with postern_web(there) as endpoints, postern.workers(), postern.beat():
        yield endpoints[1]
