"""Growth: the cost of an email with a long queue, with a long list, with more processes, and late in a long drain.

Queued emails are sent by the fast transport, as in `drain`. One thing is varied at a time, starting from 1,000 emails
that wait behind the measured ones, an empty list, and two worker processes. The emails that wait behind are copies made
by SQL; they are not sent. In the long drain, all emails were accepted as usual and all are sent.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from bench.baselines.contestants import Postern, release
from bench.baselines.direct_sql import direct
from bench.load.queued_emails import lined_up
from bench.load.ses_calls import Counted
from bench.load.suppression_list import fill as fill_list
from bench.measure.drain_window import Drained, between, reach, watch
from bench.measure.goals import Goal, Json, at_most, spread
from bench.options import Amount, add_amounts
from bench.stage.stage import Stage, stage

EMAILS = Amount(name="emails", usual=5000, quick=1500, what="emails measured in each case")
LONG = Amount(name="long", usual=100_000, quick=4000, what="emails of the long drain")
RUNS = Amount(name="runs", usual=3, quick=1, what="rounds")
SPARE: Final = 1500
"""Emails that may still be claimed before the lane is paused again."""

PARTS: Final = 5
POSTGRES: Final = {"shared_buffers": "1GB", "max_wal_size": "4GB"}
"""A reasonable setting for a queue of this length."""

TRIES: Final = 5
ALONE: Final = {"SES_LIST_SYNC": "off"}
"""The daily comparison of a long list with SES's own takes minutes; it must not run while emails are measured."""

_KINDS: Final = ("worker", "database", "redis")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """One case: emails behind the measured ones, addresses on the list, worker processes."""

    behind: int = 1000
    listed: int = 0
    processes: int = 2

    @property
    def name(self) -> str:
        """Return the name of the case in the report."""
        return f"{self.behind:,} wait, {self.listed:,} listed, {self.processes} processes"


USUAL: Final = Size()
QUEUES: Final = (100_000, 1_000_000)
LISTS: Final = (1_000_000, 10_000_000)
QUEUE, LIST, PROCESSES, LONG_DRAIN = AXES = ("queue", "list", "processes", "long")
Rounds = Mapping[Size, list[Drained]]


def add_options(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    add_amounts(parser, EMAILS, LONG, RUNS)
    parser.add_argument("--only", choices=AXES, action="append", help="vary only this (may be repeated)")
    parser.add_argument("--full", action="store_true", help="add a million waiting and ten million listed: 15 GB")


def measure(given: Namespace, say: Callable[[str], None]) -> Json:
    """Run the rounds, print the table, and return the goals and the figures."""
    axes, emails, runs = given.only or AXES, EMAILS.of(given), RUNS.of(given)
    rounds: dict[Size, list[Drained]] = {size: [] for size in sizes(axes, quick=given.quick, full=given.full)}
    with stage(latency_ms=60, postgres_settings=POSTGRES) as there:
        long = in_parts(there, LONG.of(given)) if LONG_DRAIN in axes else []
        for listed, of in _by_list(rounds):
            _list(there, listed)
            for number in range(1, runs + 1):
                for size in of:
                    rounds[size].append(drained(there, size, emails))
                    one = rounds[size][-1]
                    say(f"round {number} of {runs}: {size.name}: {one.rate:.0f}/s, {one.cpu_per_mail * 1e6:.0f} us")
    for line in table(rounds, long):
        say(line)
    return {
        "goals": [goal.as_json() for goal in goals(rounds, long)],
        "rounds": {size.name: [_as_json(one) for one in of] for size, of in rounds.items()},
        "long": [_as_json(one) for one in long],
    }


def sizes(axes: Collection[str], *, quick: bool, full: bool) -> list[Size]:
    """Return the cases; each axis begins with the case in which nothing is varied."""
    few, part = (1, 10) if quick else (2 if full else 1, 1)
    cases = {
        QUEUE: [USUAL, *(replace(USUAL, behind=behind // part) for behind in QUEUES[:few])],
        LIST: [USUAL, *(replace(USUAL, listed=listed // part) for listed in LISTS[:few])],
        PROCESSES: [replace(USUAL, processes=processes) for processes in (1, 2, 4)],
        LONG_DRAIN: [],
    }
    return list(dict.fromkeys(size for axis in AXES if axis in axes for size in cases[axis]))


def drained(there: Stage, size: Size, emails: int) -> Drained:
    """Send `mails` emails out of a queue of this size, and return the figures."""
    postern = Postern(there, transport="fast", processes=size.processes, more=ALONE)
    with lined_up(there.gateway, ahead=emails + SPARE, behind=size.behind), postern.workers():
        counted = Counted(there.standin.journal)
        release(there.gateway)
        return watch(counted, total=emails, kinds=_KINDS)


def in_parts(there: Stage, emails: int) -> list[Drained]:
    """Send `mails` emails in one drain, and return the figures of each part, in order of time."""
    with lined_up(there.gateway, ahead=emails), Postern(there, transport="fast", more=ALONE).workers():
        counted = Counted(there.standin.journal)
        release(there.gateway)
        edges = [emails * (0.02 + 0.96 * part / PARTS) for part in range(PARTS + 1)]
        moments = [reach(counted, edge) for edge in edges]
    return [between(*pair, kinds=_KINDS) for pair in pairwise(moments)]


def goals(rounds: Rounds, long: list[Drained]) -> list[Goal]:
    """Return how much each measured cost may grow."""
    longest = max(rounds, key=lambda size: size.behind, default=USUAL)
    largest = max(rounds, key=lambda size: size.listed, default=USUAL)
    found = []
    if longest.behind > USUAL.behind:
        name = f"growth: CPU per email with {longest.behind:,} waiting over {USUAL.behind:,}"
        found.append(at_most(name, 1.15, _ratios(rounds, longest)))
    if largest.listed > USUAL.listed:
        name = f"growth: CPU per email with {largest.listed:,} listed over none"
        found.append(at_most(name, 1.15, _ratios(rounds, largest)))
    if long:
        last = long[-1].cpu_per_mail / long[0].cpu_per_mail
        found.append(at_most("growth: CPU per email in the last fifth of a long drain over the first", 1.25, [last]))
    return found


def table(rounds: Rounds, long: list[Drained]) -> list[str]:
    """Return a line per case, and a line per part of the long drain."""
    lines = [f"{'':46}{'emails/s':>24}{'CPU us/email':>22}   of which"]
    lines += [_line(size.name, of) for size, of in rounds.items()]
    return lines + [_line(f"long drain, part {number} of {PARTS}", [one]) for number, one in enumerate(long, 1)]


def _line(name: str, of: list[Drained]) -> str:
    rate, cpu = spread([one.rate for one in of]), spread([one.cpu_per_mail * 1e6 for one in of])
    parts = ", ".join(f"{kind} {spread([one.cpu[kind] * 1e6 for one in of])}" for kind in _KINDS)
    return f"{name:46}{rate:>24}{cpu:>22}   {parts}"


def _ratios(rounds: Rounds, size: Size) -> list[float]:
    return [one.cpu_per_mail / other.cpu_per_mail for one, other in zip(rounds[size], rounds[USUAL], strict=True)]


def _by_list(rounds: Rounds) -> Iterator[tuple[int, list[Size]]]:
    for listed in sorted({size.listed for size in rounds}):
        yield listed, [size for size in rounds if size.listed == listed]


def _list(there: Stage, listed: int) -> None:
    """Refill the list and Redis with `listed` addresses. Autovacuum of the list is off while emails are measured."""
    with direct(there.environment["DATABASE_URL"]) as connection:
        connection.execute("truncate suppressions cascade")
        connection.execute("alter table suppressions set (autovacuum_enabled = off)")
    if listed:
        fill_list(there.environment["DATABASE_URL"], listed)
    there.gateway.redis.flushdb()
    tries = 0
    while not there.gateway.upkeep.warm_positives():
        tries += 1
        if tries > TRIES:
            raise RuntimeError("the positives could not be filled")


def _as_json(one: Drained) -> Json:
    cpu = {kind: round(spent * 1e6, 1) for kind, spent in one.cpu.items()}
    return {"rate": round(one.rate, 1), "cpu_us": round(one.cpu_per_mail * 1e6, 1), "cpu_us_by_kind": cpu}
