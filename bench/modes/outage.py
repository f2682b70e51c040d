"""Outage: Redis is killed while workers drain, and with it the broker, the send rate and the positives of the list.

The rate in the ten seconds after the kill is compared with the rate in the seconds before it, as the stand-in for SES
counted the calls. Some of the queued addresses are on the suppression list, and more are added all the time, a few
hundred emails before their turn. Once the entry of an address is committed, the address may not be called, unless the
answer to the entry has named it as in flight.
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

from bench.baselines.contestants import BENCH, Postern, held_back, person
from bench.load.ses_calls import Call, between
from bench.measure.cpu import spent_by_kind
from bench.measure.goals import Goal, Json, at_least, at_most, spread
from bench.options import Amount, add_amounts, add_transport
from bench.stage.processes import wait_until
from bench.stage.stage import Stage, stage

EMAILS: Final = {"boto3": 24_000, "fast": 50_000}
BEFORE = Amount(name="before", usual=5, quick=3, what="seconds before the kill that count")
RUNS = Amount(name="runs", usual=5, quick=1, what="rounds")
AFTER_S: Final = 10.0
_BEGUN: Final = 500
"""After this many calls the drain runs at full speed."""

_EVERY_NTH: Final = 100
_AHEAD: Final = (100, 800)
_PAUSE_S: Final = 0.1
_KINDS = ("worker", "database", "redis")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An address that was suppressed: when that was committed, and whether an email to it was already in flight."""

    recipient: str
    at: float
    in_flight: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Survived:
    """One round: emails per second before and after, the longest pause after, the entries, and those sent to anyway."""

    before: float
    after: float
    longest_pause_s: float
    entries: int
    in_flight: int
    sent_to_suppressed: int
    cpu_before: dict[str, float]
    cpu_after: dict[str, float]


def add_options(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    add_amounts(parser, BEFORE, RUNS)
    add_transport(parser)
    parser.add_argument("--emails", type=int, help=f"emails in the queue (default {EMAILS})")


def measure(given: Namespace, say: Callable[[str], None]) -> Json:
    """Run the rounds, print the table, and return the goals and the figures."""
    runs, emails, rounds = RUNS.of(given), given.emails or EMAILS[given.transport], []
    for number in range(1, runs + 1):
        with stage(latency_ms=60) as there:
            rounds.append(_round(there, given.transport, emails=emails, before_s=BEFORE.of(given)))
        one = rounds[-1]
        say(f"round {number} of {runs}: {one.before:.0f}/s, then {one.after:.0f}/s without Redis")
    for line in table(rounds):
        say(line)
    return {
        "goals": [goal.as_json() for goal in goals(given.transport, rounds)],
        "transport": given.transport,
        "rounds": [asdict(one) for one in rounds],
    }


def goals(transport: str, rounds: Sequence[Survived]) -> list[Goal]:
    """Return the goals of an outage."""
    return [
        at_least(
            f"outage, {transport}: rate of the 10 s after Redis is killed over that before",
            0.9,
            [one.after / one.before for one in rounds],
        ),
        at_most(
            f"outage, {transport}: emails sent to suppressed addresses",
            0.0,
            [one.sent_to_suppressed for one in rounds],
        ),
    ]


def table(rounds: Sequence[Survived]) -> list[str]:
    """Return the lines for before and after."""
    lines = [f"{'':16}{'emails/s':>22}{'CPU us/email':>22}   of which, in the last round"]
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
    lines.append(f"suppressed addresses in the queue: {entries}, named as in flight {flying}, sent to anyway {sent}")
    return lines


class Suppressor:
    """Puts addresses on the list: some at once, and then, while it is running, those whose turn is near."""

    def __init__(self, there: Stage, emails: int) -> None:
        self._there = there
        self._emails = emails
        self._chance = random.Random(emails)
        self._over = threading.Event()
        self.entries: list[Entry] = []

    def add(self, number: int) -> None:
        """Suppress the address with this number."""
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
            if ahead < self._emails and ahead % _EVERY_NTH:
                self.add(ahead)


def _round(there: Stage, transport: str, *, emails: int, before_s: float) -> Survived:
    suppressor = Suppressor(there, emails)
    with held_back(there.gateway, emails) as release:
        for number in range(0, emails, _EVERY_NTH):
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
    """Return the figures of a round; `moments` are the start of counting, the kill of Redis, and the end."""
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
    """Return entries whose address was called after their commit although they named no email in flight."""
    last = {call.recipient: call.at for call in calls}
    return [one for one in entries if not one.in_flight and last.get(one.recipient, 0.0) > one.at]


def longest_pause(times: Sequence[float], since: float, until: float) -> float:
    """Return the seconds of the longest time without a call between two moments."""
    inside = [since, *times[bisect_left(times, since) : bisect_left(times, until)], until]
    return max(later - earlier for earlier, later in pairwise(inside))


def _kill_redis(there: Stage) -> float:
    """Kill Redis with SIGKILL, which it cannot handle, and return the monotonic time."""
    process = there.gateway.redis.info("server")["process_id"]
    os.kill(process, signal.SIGKILL)
    return time.monotonic()


def _cpu(before: Mapping[str, float], after: Mapping[str, float], emails: int) -> dict[str, float]:
    """Return the CPU seconds per email by kind; a kind that is gone counts as none."""
    return {kind: max(0.0, after.get(kind, 0.0) - before.get(kind, 0.0)) / max(1, emails) for kind in _KINDS}
