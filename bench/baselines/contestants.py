"""The contestants of a drain: each sends a number of queued emails and returns its rate and its CPU time."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Final, Protocol

from sqlalchemy import create_engine, func, literal, select, text

from app.domain.sending.state_machine import CLAIMABLE, State
from app.queue import Lane
from app.services.apps.authenticate import caller_of, operator
from app.services.operating.pause_lanes import PauseLanes
from app.services.submission.accept import Submission
from app.store.operating import heartbeats
from app.store.tables.core import recipients
from app.wiring.gateway import Gateway
from bench.baselines.bare_boto3 import message
from bench.measure.drain_window import Drained, watch
from bench.stage.processes import running
from bench.stage.stage import Stage
from tests.support.gateway.emails import message_of, submission
from tests.support.gateway.gateways import issue

SIZE = 6_000
THREADS: Final = {"boto3": 80, "fast": 200}
"""Concurrent calls in one process, by transport: the number at which it is fastest."""

BENCH = operator("bench")
_BATCH = 100
# The states are literals, as in the partial indexes, so that counting is cheap and does not distort the measurement.
_WAITING = [
    select(func.count()).where(recipients.c.state.in_([literal(state.value, literal_execute=True) for state in states]))
    for states in (sorted(CLAIMABLE), [State.SENDING])
]
LEAN = ("--without-gossip", "--without-mingle", "--without-heartbeat")
COUNTED = ("worker", "database", "redis")


class Contestant(Protocol):
    """A sender that can drain a queue."""

    def drain(self, emails: int) -> Drained:
        """Send `mails` queued emails."""


class Bare:
    """Bare boto3 loops: calls to SES and nothing else."""

    def __init__(self, *, processes: int, threads: int) -> None:
        self._processes = processes
        self._threads = threads

    def drain(self, emails: int) -> Drained:
        """See `Contestant.drain`."""
        words = (
            sys.executable,
            "-m",
            "bench.baselines.bare_boto3",
            str(emails // self._processes),
            str(self._threads),
            str(SIZE),
        )
        loops = [subprocess.Popen(words, stdout=subprocess.PIPE) for _ in range(self._processes)]  # noqa: S603 - ours
        outputs = [loop.communicate()[0].split() for loop in loops]
        seconds, cpu = max(float(one[0]) for one in outputs), sum(float(one[1]) for one in outputs)
        return Drained(rate=emails / seconds, cpu={"loop": cpu / emails})


class Postern:
    """Postern's workers, with one of its transports; `more` are further settings."""

    def __init__(
        self,
        there: Stage,
        *,
        transport: str,
        processes: int = 2,
        threads: int | None = None,
        more: Mapping[str, str] | None = None,
    ) -> None:
        self._there = there
        self._processes = processes
        self._environment = {
            "SES_TRANSPORT": transport,
            "SES_THREADS": str(threads or THREADS[transport]),
            **(more or {}),
        }

    def drain(self, emails: int) -> Drained:
        """See `Contestant.drain`. The workers run before the lane is released."""
        gateway = self._there.gateway
        with held_back(gateway, emails) as release, self.workers():
            release()
            return watch(lambda: emails - waiting(gateway), total=emails, kinds=COUNTED)

    def workers(self) -> AbstractContextManager[object]:
        """Run its workers for as long as the context lasts."""
        celery = ("worker.celery", "worker", "--pool", "prefork", "--concurrency", str(self._processes))
        began = time.monotonic()
        return running(
            (sys.executable, "-m", "celery", "-A", *celery, *LEAN),
            log=self._there.directory / "worker.log",
            environment=self._environment,
            ready=lambda: _alive_since(self._there.gateway, began, kind=heartbeats.WORKER) >= self._processes,
        )

    def beat(self) -> AbstractContextManager[object]:
        """Run the beat, which schedules the sweeps."""
        words = (sys.executable, "-m", "celery", "-A", "worker.beat", "beat", "--pidfile=")
        log, began = self._there.directory / "beat.log", time.monotonic()
        swept = partial(_alive_since, self._there.gateway, began, kind=heartbeats.SWEEPER)
        return running(words, log=log, environment=self._environment, ready=lambda: swept() > 0)


class Tutorial:
    """The tutorial application with one kind of Celery pool."""

    def __init__(self, there: Stage, *, pool: str, processes: int, concurrency: int) -> None:
        self._there = there
        self._pool = pool
        self._processes = processes
        self._concurrency = concurrency
        self._engine = create_engine(there.environment["TUTORIAL_DATABASE_URL"])

    def drain(self, emails: int) -> Drained:
        """See `Contestant.drain`. Its queue is full before its workers start."""
        self._fill(emails)
        celery = ("bench.tutorial.worker", "worker", "--pool", self._pool, "--concurrency", str(self._concurrency))
        nodes = [(*celery, *LEAN, "--hostname", f"tutorial{number}@bench") for number in range(self._processes)]
        with ExitStack() as workers:
            for words in nodes:
                workers.enter_context(self._worker(words))
            return watch(self._sent, total=emails, kinds=COUNTED)

    def _worker(self, words: tuple[str, ...]) -> AbstractContextManager[object]:
        log = self._there.directory / "tutorial.log"
        return running((sys.executable, "-m", "celery", "-A", *words), log=log, environment={}, ready=lambda: True)

    def _fill(self, emails: int) -> None:
        log = self._there.directory / "tutorial.log"
        words = (sys.executable, "-m", "bench.tutorial.fill", str(emails), str(SIZE))
        with log.open("ab") as output:
            subprocess.run(words, check=True, stdout=output, stderr=output)  # noqa: S603 - ours

    def _sent(self) -> int:
        with self._engine.connect() as connection:
            sent: int = connection.execute(text("select count(*) from mails where state <> 'queued'")).scalar_one()
            return sent


@contextmanager
def held_back(gateway: Gateway, emails: int) -> Iterator[Callable[[], None]]:
    """Put `mails` emails into a paused lane; calling the yielded function releases it."""
    pause(gateway)
    fill(gateway, emails)
    yield partial(release, gateway)


def pause(gateway: Gateway) -> None:
    """Pause the lane, so that no more emails are claimed."""
    PauseLanes(database=gateway.database).pause(BENCH, Lane.TRANSACTIONAL, reason="The benchmark fills the lane.")


def release(gateway: Gateway) -> None:
    """Release the lane, and wake the workers."""
    PauseLanes(database=gateway.database).resume(BENCH, Lane.TRANSACTIONAL)
    gateway.upkeep.ring_bells()


def fill(gateway: Gateway, emails: int) -> None:
    """Accept `mails` emails in batches, then analyze the tables, as autovacuum has where they grew slowly."""
    who = caller_of(issue(gateway, app="bench").key)
    for start in range(0, emails, _BATCH):
        batch = [email(person(number)) for number in range(start, min(start + _BATCH, emails))]
        gateway.accept(who, batch, idempotency=None, answer=lambda _: {})
    with gateway.database.transaction() as connection:
        connection.execute(text("analyze"))


def person(number: int) -> str:
    """Return the recipient of the email with this number, from 0."""
    return f"person{number}@example.net"


def email(*recipients: str) -> Submission:
    """Return an email of the usual size."""
    one = submission(*recipients)
    return replace(one, message=replace(message_of(one), text=message(SIZE).decode(), html=None))


def _alive_since(gateway: Gateway, began: float, *, kind: str) -> int:
    """Return how many processes of this kind sent a heartbeat since `began`, so not those of an earlier round."""
    within = timedelta(seconds=time.monotonic() - began)
    with gateway.database.reading() as connection:
        return heartbeats.count_alive(connection, kind=kind, within=within)


def waiting(gateway: Gateway) -> int:
    """Return how many emails are neither sent nor failed for good."""
    with gateway.database.asking() as connection:
        return sum(connection.execute(query).scalar_one() for query in _WAITING)
