"""Growth: what a mail costs with a long queue, with a long list, with more processes, and late in a long drain.

Queued mails are sent by the fast transport, as in `drain`. One thing is varied at a time, from 1,000 mails that wait
behind those that are measured, nobody on the list, and two worker processes. Mails that wait behind are copies made by
SQL; they are not sent. The long drain is of mails that were all accepted, and all are sent.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from bench.calls import Counted
from bench.contestants import Postern, release
from bench.direct import direct
from bench.goals import Goal, Json, at_most, spread
from bench.lines import lined_up
from bench.listed import fill as fill_list
from bench.options import Amount, add_amounts
from bench.stage import Stage, stage
from bench.window import Drained, between, reach, watch

MAILS = Amount(name="mails", usual=5000, quick=1500, what="mails that are measured, each time")
LONG = Amount(name="long", usual=100_000, quick=4000, what="mails of the long drain")
RUNS = Amount(name="runs", usual=3, quick=1, what="rounds")
SPARE: Final = 1500
"""Mails that may still be claimed before the lane is paused again."""

PARTS: Final = 5
POSTGRES: Final = {"shared_buffers": "1GB", "max_wal_size": "4GB"}
"""As somebody with such a queue would have it."""

TRIES: Final = 5
ALONE: Final = {"SES_LIST_SYNC": "off"}
"""Comparing a long list with SES's own takes minutes, once a day: as it happens, while mails are measured."""

_KINDS: Final = ("worker", "database", "redis")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """One case: mails behind those that are measured, addresses on the list, worker processes."""

    behind: int = 1000
    listed: int = 0
    processes: int = 2

    @property
    def name(self) -> str:
        """How it is told."""
        return f"{self.behind:,} wait, {self.listed:,} listed, {self.processes} processes"


USUAL: Final = Size()
QUEUES: Final = (100_000, 1_000_000)
LISTS: Final = (1_000_000, 10_000_000)
QUEUE, LIST, PROCESSES, LONG_DRAIN = AXES = ("queue", "list", "processes", "long")
Rounds = Mapping[Size, list[Drained]]


def add_options(parser: ArgumentParser) -> None:
    """What may be chosen."""
    add_amounts(parser, MAILS, LONG, RUNS)
    parser.add_argument("--only", choices=AXES, action="append", help="vary this alone (may be given again)")
    parser.add_argument("--full", action="store_true", help="a million waiting and ten million listed besides: 15 GB")


def measure(given: Namespace, tell: Callable[[str], None]) -> Json:
    """Run the rounds, tell the table, and answer with the goals and the figures."""
    axes, mails, runs = given.only or AXES, MAILS.of(given), RUNS.of(given)
    rounds: dict[Size, list[Drained]] = {size: [] for size in sizes(axes, quick=given.quick, full=given.full)}
    with stage(latency_ms=60, postgres_settings=POSTGRES) as there:
        long = in_parts(there, LONG.of(given)) if LONG_DRAIN in axes else []
        for listed, of in _by_list(rounds):
            _list(there, listed)
            for number in range(1, runs + 1):
                for size in of:
                    rounds[size].append(drained(there, size, mails))
                    one = rounds[size][-1]
                    tell(f"round {number} of {runs}: {size.name}: {one.rate:.0f}/s, {one.cpu_per_mail * 1e6:.0f} us")
    for line in table(rounds, long):
        tell(line)
    return {
        "goals": [goal.told() for goal in goals(rounds, long)],
        "rounds": {size.name: [_told(one) for one in of] for size, of in rounds.items()},
        "long": [_told(one) for one in long],
    }


def sizes(axes: Collection[str], *, quick: bool, full: bool) -> list[Size]:
    """The cases; each axis begins where nothing is varied."""
    few, part = (1, 10) if quick else (2 if full else 1, 1)
    cases = {
        QUEUE: [USUAL, *(replace(USUAL, behind=behind // part) for behind in QUEUES[:few])],
        LIST: [USUAL, *(replace(USUAL, listed=listed // part) for listed in LISTS[:few])],
        PROCESSES: [replace(USUAL, processes=processes) for processes in (1, 2, 4)],
        LONG_DRAIN: [],
    }
    return list(dict.fromkeys(size for axis in AXES if axis in axes for size in cases[axis]))


def drained(there: Stage, size: Size, mails: int) -> Drained:
    """Send so many out of such a queue."""
    postern = Postern(there, transport="fast", processes=size.processes, more=ALONE)
    with lined_up(there.gateway, ahead=mails + SPARE, behind=size.behind), postern.workers():
        counted = Counted(there.standin.journal)
        release(there.gateway)
        return watch(counted, total=mails, kinds=_KINDS)


def in_parts(there: Stage, mails: int) -> list[Drained]:
    """Send so many in one go; what each part of them cost, in the order of time."""
    with lined_up(there.gateway, ahead=mails), Postern(there, transport="fast", more=ALONE).workers():
        counted = Counted(there.standin.journal)
        release(there.gateway)
        edges = [mails * (0.02 + 0.96 * part / PARTS) for part in range(PARTS + 1)]
        moments = [reach(counted, edge) for edge in edges]
    return [between(*pair, kinds=_KINDS) for pair in pairwise(moments)]


def goals(rounds: Rounds, long: list[Drained]) -> list[Goal]:
    """What may grow, and how little; of what was measured."""
    longest = max(rounds, key=lambda size: size.behind, default=USUAL)
    largest = max(rounds, key=lambda size: size.listed, default=USUAL)
    found = []
    if longest.behind > USUAL.behind:
        name = f"growth: CPU a mail with {longest.behind:,} waiting over {USUAL.behind:,}"
        found.append(at_most(name, 1.15, _ratios(rounds, longest)))
    if largest.listed > USUAL.listed:
        name = f"growth: CPU a mail with {largest.listed:,} listed over none"
        found.append(at_most(name, 1.15, _ratios(rounds, largest)))
    if long:
        last = long[-1].cpu_per_mail / long[0].cpu_per_mail
        found.append(at_most("growth: CPU a mail in the last fifth of a long drain over the first", 1.25, [last]))
    return found


def table(rounds: Rounds, long: list[Drained]) -> list[str]:
    """One line for each case, and one for each part of the long drain."""
    lines = [f"{'':46}{'mails/s':>24}{'CPU us/mail':>22}   of which"]
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
    """Have so many on the list and in Redis, however many there were; nothing tidies up while mails are measured."""
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


def _told(one: Drained) -> Json:
    cpu = {kind: round(spent * 1e6, 1) for kind, spent in one.cpu.items()}
    return {"rate": round(one.rate, 1), "cpu_us": round(one.cpu_per_mail * 1e6, 1), "cpu_us_by_kind": cpu}
