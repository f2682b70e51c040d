"""Outage: Redis is killed while workers drain, and with it the broker, the pace and the hints of the suppression list.

Compared is the rate of the ten seconds from the kill on with that of the seconds before it, as the stand-in for SES has
counted calls. Some of the queued addresses are on the suppression list, and more are put there all the while, a few
hundred mails before their turn. None of them may be called once its entry is committed, but for those that the answer
to the entry has named as in flight.
"""

import os
import random
import signal
import threading
import time
from argparse import ArgumentParser, Namespace
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Final

from bench.calls import Call, between
from bench.contestants import BENCH, Postern, held_back, person
from bench.cpu import spent_by_kind
from bench.goals import Goal, Json, at_least, at_most, spread
from bench.options import Amount, add_amounts, add_transport
from bench.processes import wait_until
from bench.stage import Stage, stage

MAILS: Final = {"boto3": 24_000, "fast": 50_000}
BEFORE = Amount(name="before", usual=5, quick=3, what="seconds before the kill that count")
RUNS = Amount(name="runs", usual=5, quick=1, what="rounds")
AFTER_S: Final = 10.0
_BEGUN: Final = 500
"""Calls after which the drain is in full swing."""

_EVERY_NTH: Final = 100
_AHEAD: Final = (100, 800)
_PAUSE_S: Final = 0.1
_KINDS = ("worker", "database", "redis")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An address that was suppressed: when that was committed, and whether a mail to it was in flight already."""

    recipient: str
    at: float
    in_flight: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Survived:
    """One round: mails a second before and after; seconds of the longest silence after; entries; and who got mail."""

    before: float
    after: float
    longest_pause_s: float
    entries: int
    in_flight: int
    sent_to_suppressed: int
    cpu_before: dict[str, float]
    cpu_after: dict[str, float]


def add_options(parser: ArgumentParser) -> None:
    """What may be chosen."""
    add_amounts(parser, BEFORE, RUNS)
    add_transport(parser)
    parser.add_argument("--mails", type=int, help=f"mails in the queue (default {MAILS})")


def measure(given: Namespace, tell: Callable[[str], None]) -> Json:
    """Run the rounds, tell the table, and answer with the goals and the figures."""
    runs, mails, rounds = RUNS.of(given), given.mails or MAILS[given.transport], []
    for number in range(1, runs + 1):
        with stage(latency_ms=60) as there:
            rounds.append(_round(there, given.transport, mails=mails, before_s=BEFORE.of(given)))
        one = rounds[-1]
        tell(f"round {number} of {runs}: {one.before:.0f}/s, then {one.after:.0f}/s without Redis")
    for line in table(rounds):
        tell(line)
    return {
        "goals": [goal.told() for goal in goals(given.transport, rounds)],
        "transport": given.transport,
        "rounds": [asdict(one) for one in rounds],
    }


def goals(transport: str, rounds: Sequence[Survived]) -> list[Goal]:
    """The goals of an outage."""
    return [
        at_least(
            f"outage, {transport}: rate of the 10 s after Redis is killed over that before",
            0.9,
            [one.after / one.before for one in rounds],
        ),
        at_most(
            f"outage, {transport}: mails sent to suppressed addresses",
            0.0,
            [one.sent_to_suppressed for one in rounds],
        ),
    ]


def table(rounds: Sequence[Survived]) -> list[str]:
    """Before and after."""
    lines = [f"{'':16}{'mails/s':>22}{'CPU us/mail':>22}   of which, in the last round"]
    for name, rates, spent in (
        ("before", [one.before for one in rounds], [one.cpu_before for one in rounds]),
        ("without Redis", [one.after for one in rounds], [one.cpu_after for one in rounds]),
    ):
        parts = ", ".join(f"{kind} {of * 1e6:.0f}" for kind, of in spent[-1].items())
        cpu = spread([1e6 * sum(one.values()) for one in spent])
        lines.append(f"{name:16}{spread(rates):>22}{cpu:>22}   {parts}")
    entries, flying = sum(one.entries for one in rounds), sum(one.in_flight for one in rounds)
    sent = sum(one.sent_to_suppressed for one in rounds)
    lines.append(f"longest pause without a call, s: {spread([one.longest_pause_s for one in rounds])}")
    lines.append(
        f"suppressed addresses in the queue: {entries}, told to be in flight {flying}, sent to in spite of it {sent}"
    )
    return lines


class Suppressor:
    """Puts addresses on the list: some at once, and then, while it is at work, those whose turn is near."""

    def __init__(self, there: Stage, mails: int) -> None:
        self._there = there
        self._mails = mails
        self._chance = random.Random(mails)
        self._over = threading.Event()
        self.entries: list[Entry] = []

    def add(self, number: int) -> None:
        """Suppress the person of this number."""
        added = self._there.gateway.suppress.add(BENCH, person(number))
        self.entries.append(Entry(recipient=person(number), at=time.monotonic(), in_flight=bool(added.in_flight)))

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Suppress while the block lasts."""
        thread = threading.Thread(target=self._work)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _work(self) -> None:
        while not self._over.wait(_PAUSE_S):
            ahead = self._there.calls_so_far() + self._chance.randint(*_AHEAD)
            if ahead < self._mails and ahead % _EVERY_NTH:
                self.add(ahead)


def _round(there: Stage, transport: str, *, mails: int, before_s: float) -> Survived:
    suppressor = Suppressor(there, mails)
    with held_back(there.gateway, mails) as release:
        for number in range(0, mails, _EVERY_NTH):
            suppressor.add(number)
        with Postern(there, transport=transport).workers(), suppressor.at_work():
            release()
            wait_until(lambda: there.calls_so_far() >= _BEGUN)
            began, spent = time.monotonic(), spent_by_kind()
            time.sleep(before_s)
            killed, spent_by_then = _kill_redis(there), spent_by_kind()
            time.sleep(AFTER_S)
            over, spent_by_the_end = time.monotonic(), spent_by_kind()
    return survived(
        there.calls(),
        suppressor.entries,
        moments=(began, killed, over),
        spent=(spent, spent_by_then, spent_by_the_end),
    )


def survived(
    calls: Sequence[Call],
    entries: Sequence[Entry],
    *,
    moments: tuple[float, float, float],
    spent: tuple[Mapping[str, float], ...],
) -> Survived:
    """What came of a round: `moments` are when it began to count, when Redis was killed, and the end."""
    began, killed, over = moments
    times = [call.at for call in calls]
    before, after = between(times, began, killed), between(times, killed, over)
    return Survived(
        before=before / (killed - began),
        after=after / (over - killed),
        longest_pause_s=longest_pause(times, killed, over),
        entries=len(entries),
        in_flight=sum(entry.in_flight for entry in entries),
        sent_to_suppressed=len(broken(calls, entries)),
        cpu_before=_cpu(spent[0], spent[1], before),
        cpu_after=_cpu(spent[1], spent[2], after),
    )


def broken(calls: Sequence[Call], entries: Sequence[Entry]) -> list[Entry]:
    """Entries whose address was called after they were committed, though they had named no mail in flight."""
    last = {call.recipient: call.at for call in calls}
    return [one for one in entries if not one.in_flight and last.get(one.recipient, 0.0) > one.at]


def longest_pause(times: Sequence[float], since: float, until: float) -> float:
    """Seconds of the longest time without a call between two moments."""
    inside = [since, *times[bisect_left(times, since) : bisect_left(times, until)], until]
    return max(later - earlier for earlier, later in pairwise(inside))


def _kill_redis(there: Stage) -> float:
    """Kill it as nothing can be handled; the moment."""
    process = there.gateway.redis.info("server")["process_id"]
    os.kill(process, signal.SIGKILL)
    return time.monotonic()


def _cpu(before: Mapping[str, float], after: Mapping[str, float], mails: int) -> dict[str, float]:
    """Seconds of CPU a mail by kind; of a kind that is gone, none."""
    return {kind: max(0.0, after.get(kind, 0.0) - before.get(kind, 0.0)) / max(1, mails) for kind in _KINDS}
