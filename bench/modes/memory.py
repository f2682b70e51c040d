"""Memory: bytes of a queued mail in PostgreSQL, what processes hold after many mails, and whether that grows in a soak.

Web, workers and beat are up, as in production. Mails go through as fast as they are taken, half of them in batches of
100; then comes a soak: a constant rate, each mail posted by itself, and reported by a signed notification. Memory that
grows is told by a line through the last two thirds of the soak. A process does not grow if that line rises by less than
a megabyte an hour, or by no more than the samples leave open: an allocator takes memory in steps of up to a megabyte.
"""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

from bench import footprint
from bench.contestants import SIZE, Postern, pause, release
from bench.direct import direct
from bench.goals import Goal, Json, at_most
from bench.mixed import through
from bench.notifications import pinned
from bench.options import Amount, add_amounts, add_transport
from bench.resident import Resident, resident
from bench.soak import Sample, soak
from bench.stage import Stage, stage
from bench.trend import Trend, trend
from bench.web import Endpoint, postern_web

QUEUED = Amount(name="queued", usual=5000, quick=500, what="mails that are queued to see what they take")
MAILS = Amount(name="mails", usual=100_000, quick=2000, what="mails that go through as fast as they can")
MINUTES = Amount(name="minutes", usual=10, quick=1, what="minutes of the soak; 60 say more, 0 leave it out")
RATE = Amount(name="rate", usual=30, quick=30, what="mails a second of the soak")
FURTHER: Final = 4
SERVING: Final = ("web", "worker")
KINDS: Final = (*SERVING, "beat", "redis")
GROWS_KB_AN_HOUR: Final = 1024
JUDGED_FROM_S: Final = 580.0
"""A soak that is shorter is all warming up."""


def add_options(parser: ArgumentParser) -> None:
    """What may be chosen."""
    add_amounts(parser, QUEUED, MAILS, MINUTES, RATE)
    add_transport(parser)
    parser.add_argument("--samples", type=Path, metavar="FILE", help="a line of JSON for each look during the soak")


def measure(given: Namespace, tell: Callable[[str], None]) -> Json:
    """Measure all three, tell the tables, and answer with the goals and the figures."""
    seconds, mails = 60 * MINUTES.of(given), MAILS.of(given)
    with stage(latency_ms=60) as there:
        one, further = _queued(there, QUEUED.of(given))
        for line in queue_table(one, further):
            tell(line)
        with _up(there, given.transport) as endpoints:
            before, after, redis = _through(there, endpoints, mails)
            for line in size_table(before, after, mails=mails):
                tell(line)
            tell(f"Redis' own count: {redis[0] / 1e6:.1f} MB before, {redis[1] / 1e6:.1f} MB after")
            looked = _keeper(given.samples)
            samples = soak(there, endpoints[1], seconds=seconds, rate=RATE.of(given), looked=looked) if seconds else []
    for line in trend_table(samples):
        tell(line)
    return {
        "goals": [goal.told() for goal in goals(one, samples)],
        "queued": [asdict(of) for of in one],
        "further_recipient": [asdict(of) for of in further],
        "before": [asdict(of) for of in before],
        "after": [asdict(of) for of in after],
        "redis": redis,
        "soak": [_told(process, trend_of(samples, process)) for process in _serving(samples)],
    }


def goals(one: Sequence[footprint.Bytes], samples: Sequence[Sample]) -> list[Goal]:
    """What memory may do."""
    found = [at_most("memory: bytes of a queued mail in PostgreSQL over those of its text", 2.0, [_over_text(one)])]
    grown = [trend_of(samples, process).surely for process in _serving(samples)]
    if grown and samples[-1].at >= JUDGED_FROM_S:
        name = "memory: growth of the web or worker process that grows most, kB an hour"
        found.append(at_most(name, GROWS_KB_AN_HOUR, [max(grown)]))
    return found


def trend_of(samples: Sequence[Sample], process: Resident) -> Trend:
    """How the process grew in the last two thirds of a soak, in kB an hour."""
    return trend([(sample.at / 3600, _of(sample, process.pid).rss) for sample in samples[len(samples) // 3 :]])


def queue_table(one: Sequence[footprint.Bytes], further: Sequence[footprint.Bytes]) -> list[str]:
    """A line for each table."""
    lines = [f"{'bytes in PostgreSQL':22}{'rows':>12}{'indexes':>12}"]
    for name, of in (("a queued mail", one), (f"each of {FURTHER} more recipients", further)):
        lines += [f"{name}: {footprint.together(of):.0f}"]
        lines += [f"  {each.table:20}{each.rows:>12.0f}{each.indexes:>12.0f}" for each in of]
    return lines


def size_table(before: Sequence[Resident], after: Sequence[Resident], *, mails: int) -> list[str]:
    """A line for each process."""
    lines = [f"{'MB':16}{'before':>10}{f'after {mails:,} mails':>24}{'':>6}shared pages by halves, before and after"]
    now = {one.pid: one for one in after}
    for was in before:
        then = now[was.pid]
        shares = f"{was.pss / 1024:>10.1f}{then.pss / 1024:>10.1f}"
        lines.append(f"{was.name:16}{was.rss / 1024:>10.1f}{then.rss / 1024:>24.1f}{'':>6}{shares}")
    return lines


def trend_table(samples: Sequence[Sample]) -> list[str]:
    """A line for each process of the soak."""
    if not samples:
        return []
    third = samples[len(samples) // 3]
    lines = [f"soak of {samples[-1].at / 60:.1f} minutes, {samples[-1].mails:,} mails; in its last two thirds:"]
    for process in _serving(samples):
        trend = trend_of(samples, process)
        sizes = f"{_of(third, process.pid).rss / 1024:.1f} to {_of(samples[-1], process.pid).rss / 1024:.1f} MB"
        lines.append(f"{process.name:16}{sizes:>20}{trend.slope:>+10.0f} kB an hour, +- {2 * trend.error:.0f}")
    return lines


def _queued(there: Stage, mails: int) -> tuple[list[footprint.Bytes], list[footprint.Bytes]]:
    """What a mail takes, and what each recipient besides the first does."""
    pause(there.gateway)
    one = footprint.queued(there.gateway, mails)
    more = footprint.queued(there.gateway, mails, recipients=1 + FURTHER)
    with direct(there.environment["DATABASE_URL"]) as connection:
        connection.execute("truncate emails cascade")
    release(there.gateway)
    first = {each.table: each for each in one}
    nothing = footprint.Bytes(table="", rows=0, indexes=0)
    further = []
    for each in more:
        base = first.get(each.table, nothing)
        rows, indexes = (each.rows - base.rows) / FURTHER, (each.indexes - base.indexes) / FURTHER
        further.append(footprint.Bytes(table=each.table, rows=rows, indexes=indexes))
    return one, further


def _through(
    there: Stage, endpoints: Mapping[int, Endpoint], mails: int
) -> tuple[list[Resident], list[Resident], tuple[int, int]]:
    """Processes before and after so many mails went through, and Redis' memory as it counts it."""
    for endpoint in endpoints.values():
        through(there, endpoint, 400)
    before, redis = resident(KINDS), _redis(there)
    for endpoint in endpoints.values():
        through(there, endpoint, mails // 2)
    return before, resident(KINDS), (redis, _redis(there))


def _redis(there: Stage) -> int:
    return int(there.gateway.redis.info("memory")["used_memory"])


@contextmanager
def _up(there: Stage, transport: str) -> Iterator[Mapping[int, Endpoint]]:
    """A gateway with all its parts, which believes the signatures of the benchmark."""
    postern = Postern(there, transport=transport)
    with postern_web(there, more=pinned(there.directory)) as endpoints, postern.workers(), postern.beat():
        yield endpoints


def _keeper(file: Path | None) -> Callable[[Sample], None]:
    def keep(sample: Sample) -> None:
        if file is not None:
            with file.open("a") as out:
                out.write(json.dumps(asdict(sample)) + "\n")

    return keep


def _serving(samples: Sequence[Sample]) -> list[Resident]:
    """The processes whose growth counts, as they were at the end."""
    return [one for one in samples[-1].processes if one.role in SERVING] if samples else []


def _of(sample: Sample, pid: int) -> Resident:
    return next(one for one in sample.processes if one.pid == pid)


def _over_text(one: Sequence[footprint.Bytes]) -> float:
    return footprint.together(one) / SIZE


def _told(process: Resident, grows: Trend) -> Json:
    return {"process": process.name, "pid": process.pid, "rss": process.rss, **asdict(grows)}
