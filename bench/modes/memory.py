"""Memory: bytes of a queued email in PostgreSQL, memory of processes after many emails, and its growth in a soak.

Web, workers and beat run, as in production. Emails go through as fast as they are accepted, half of them in batches of
100. Then comes a soak: a constant rate, each email posted by itself and reported by a signed notification. The growth
of memory is the slope of a line through the last two thirds of the soak. A process does not grow if that line rises by
less than a megabyte per hour, or by less than the error of the slope: an allocator takes memory in steps of up to a
megabyte.
"""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

from bench.baselines.contestants import SIZE, Postern, pause, release
from bench.baselines.direct_sql import direct
from bench.load.notifications import pinned
from bench.load.smtp import smtp_door
from bench.load.soak import Sample, soak
from bench.load.web import Endpoint, postern_web
from bench.measure import disk_footprint
from bench.measure.goals import Goal, Json, at_most
from bench.measure.resident_memory import Resident, resident
from bench.measure.trend import Trend, trend
from bench.modes.mixed import through
from bench.options import Amount, add_amounts, add_transport
from bench.stage.stage import Stage, stage

QUEUED = Amount(name="queued", usual=5000, quick=500, what="emails queued to measure their size")
EMAILS = Amount(name="emails", usual=100_000, quick=2000, what="emails that go through at full speed")
MINUTES = Amount(name="minutes", usual=10, quick=1, what="minutes of the soak; 60 are more precise, 0 skips it")
RATE = Amount(name="rate", usual=30, quick=30, what="emails per second of the soak")
FURTHER: Final = 4
IDLE: Final = 1000
SERVING: Final = ("web", "worker")
KINDS: Final = (*SERVING, "beat", "redis")
GROWS_KB_AN_HOUR: Final = 1024
JUDGED_FROM_S: Final = 580.0
"""A shorter soak is only warm-up."""


def add_options(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    add_amounts(parser, QUEUED, EMAILS, MINUTES, RATE)
    add_transport(parser)
    parser.add_argument("--samples", type=Path, metavar="FILE", help="write a line of JSON for each sample of the soak")


def measure(given: Namespace, say: Callable[[str], None]) -> Json:
    """Measure all three, print the tables, and return the goals and the figures."""
    seconds, emails = 60 * MINUTES.of(given), EMAILS.of(given)
    with stage(latency_ms=60) as there:
        one, further = _queued(there, QUEUED.of(given))
        for line in queue_table(one, further):
            say(line)
        with _up(there, given.transport) as endpoints:
            before, after, redis = _through(there, endpoints, emails)
            for line in size_table(before, after, emails=emails):
                say(line)
            say(f"Redis' own count: {redis[0] / 1e6:.1f} MB before, {redis[1] / 1e6:.1f} MB after")
            idle = idle_connections(there)
            say(f"an idle connection of the SMTP door, of {IDLE:,}: {idle:.1f} kB")
            looked = _keeper(given.samples)
            samples = soak(there, endpoints[1], seconds=seconds, rate=RATE.of(given), looked=looked) if seconds else []
    for line in trend_table(samples):
        say(line)
    return {
        "goals": [goal.as_json() for goal in goals(one, samples)],
        "queued": [asdict(of) for of in one],
        "further_recipient": [asdict(of) for of in further],
        "before": [asdict(of) for of in before],
        "after": [asdict(of) for of in after],
        "redis": redis,
        "idle_smtp_connection_kb": round(idle, 2),
        "soak": [_as_json(process, trend_of(samples, process)) for process in _serving(samples)],
    }


def goals(one: Sequence[disk_footprint.Bytes], samples: Sequence[Sample]) -> list[Goal]:
    """Return the goals for memory."""
    found = [at_most("memory: bytes of a queued email in PostgreSQL over those of its text", 2.0, [_over_text(one)])]
    grown = [trend_of(samples, process).surely for process in _serving(samples)]
    if grown and samples[-1].at >= JUDGED_FROM_S:
        name = "memory: growth of the web or worker process that grows most, kB per hour"
        found.append(at_most(name, GROWS_KB_AN_HOUR, [max(grown)]))
    return found


def idle_connections(there: Stage) -> float:
    """Return the kB that an SMTP connection takes which has signed in and is idle."""
    with smtp_door(there) as door:
        [before] = resident(("smtp",))
        with door.idle(IDLE):
            [after] = resident(("smtp",))
    return (after.rss - before.rss) / IDLE


def trend_of(samples: Sequence[Sample], process: Resident) -> Trend:
    """Return the growth of the process in the last two thirds of a soak, in kB per hour."""
    return trend([(sample.at / 3600, _of(sample, process.pid).rss) for sample in samples[len(samples) // 3 :]])


def queue_table(one: Sequence[disk_footprint.Bytes], further: Sequence[disk_footprint.Bytes]) -> list[str]:
    """Return a line per table."""
    lines = [f"{'bytes in PostgreSQL':22}{'rows':>12}{'indexes':>12}"]
    for name, of in (("a queued email", one), (f"each of {FURTHER} more recipients", further)):
        lines += [f"{name}: {disk_footprint.together(of):.0f}"]
        lines += [f"  {each.table:20}{each.rows:>12.0f}{each.indexes:>12.0f}" for each in of]
    return lines


def size_table(before: Sequence[Resident], after: Sequence[Resident], *, emails: int) -> list[str]:
    """Return a line per process."""
    lines = [f"{'MB':16}{'before':>10}{f'after {emails:,} emails':>24}{'':>6}shared pages by halves, before and after"]
    now = {one.pid: one for one in after}
    for was in before:
        then = now[was.pid]
        shares = f"{was.pss / 1024:>10.1f}{then.pss / 1024:>10.1f}"
        lines.append(f"{was.name:16}{was.rss / 1024:>10.1f}{then.rss / 1024:>24.1f}{'':>6}{shares}")
    return lines


def trend_table(samples: Sequence[Sample]) -> list[str]:
    """Return a line per process of the soak."""
    if not samples:
        return []
    third = samples[len(samples) // 3]
    lines = [f"soak of {samples[-1].at / 60:.1f} minutes, {samples[-1].emails:,} emails; in its last two thirds:"]
    for process in _serving(samples):
        trend = trend_of(samples, process)
        sizes = f"{_of(third, process.pid).rss / 1024:.1f} to {_of(samples[-1], process.pid).rss / 1024:.1f} MB"
        lines.append(f"{process.name:16}{sizes:>20}{trend.slope:>+10.0f} kB per hour, +- {2 * trend.error:.0f}")
    return lines


def _queued(there: Stage, emails: int) -> tuple[list[disk_footprint.Bytes], list[disk_footprint.Bytes]]:
    """Return the size of an email, and of each recipient after the first."""
    pause(there.gateway)
    one = disk_footprint.queued(there.gateway, emails)
    more = disk_footprint.queued(there.gateway, emails, recipients=1 + FURTHER)
    with direct(there.environment["DATABASE_URL"]) as connection:
        connection.execute("truncate emails cascade")
    release(there.gateway)
    first = {each.table: each for each in one}
    nothing = disk_footprint.Bytes(table="", rows=0, indexes=0)
    further = []
    for each in more:
        base = first.get(each.table, nothing)
        rows, indexes = (each.rows - base.rows) / FURTHER, (each.indexes - base.indexes) / FURTHER
        further.append(disk_footprint.Bytes(table=each.table, rows=rows, indexes=indexes))
    return one, further


def _through(
    there: Stage, endpoints: Mapping[int, Endpoint], emails: int
) -> tuple[list[Resident], list[Resident], tuple[int, int]]:
    """Return the processes before and after `mails` emails went through, and Redis' own count of its memory."""
    for endpoint in endpoints.values():
        through(there, endpoint, 400)
    before, redis = resident(KINDS), _redis(there)
    for endpoint in endpoints.values():
        through(there, endpoint, emails // 2)
    return before, resident(KINDS), (redis, _redis(there))


def _redis(there: Stage) -> int:
    return int(there.gateway.redis.info("memory")["used_memory"])


@contextmanager
def _up(there: Stage, transport: str) -> Iterator[Mapping[int, Endpoint]]:
    """Run a gateway with all its parts, which trusts the signatures of the benchmark."""
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
    """Return the processes whose growth counts, as they were at the end."""
    return [one for one in samples[-1].processes if one.role in SERVING] if samples else []


def _of(sample: Sample, pid: int) -> Resident:
    return next(one for one in sample.processes if one.pid == pid)


def _over_text(one: Sequence[disk_footprint.Bytes]) -> float:
    return disk_footprint.together(one) / SIZE


def _as_json(process: Resident, grows: Trend) -> Json:
    return {"process": process.name, "pid": process.pid, "rss": process.rss, **asdict(grows)}
