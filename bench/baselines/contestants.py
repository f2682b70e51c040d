"""Those who drain: each takes a number of queued mails, sends them all, and tells its rate and its CPU."""

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

from app.domain.delivery import CLAIMABLE, State
from app.queue import Lane
from app.services.accept import Submission
from app.services.authenticate import caller_of, operator
from app.services.pause import Pause
from app.store import heartbeats
from app.store.models import recipients
from app.wiring import Gateway
from bench.bare import message
from bench.processes import running
from bench.stage import Stage
from bench.window import Drained, watch
from tests.gateways import issue
from tests.mails import submission

SIZE = 6_000
THREADS: Final = {"boto3": 80, "fast": 200}
"""Calls at a time in one process, by transport: as many as serve it best."""

BENCH = operator("bench")
_BATCH = 100
# The states are spelled out, as in the partial indexes: counting must not cost what is measured.
_WAITING = [
    select(func.count()).where(recipients.c.state.in_([literal(state.value, literal_execute=True) for state in states]))
    for states in (sorted(CLAIMABLE), [State.SENDING])
]
LEAN = ("--without-gossip", "--without-mingle", "--without-heartbeat")
COUNTED = ("worker", "database", "redis")


class Contestant(Protocol):
    """Whoever drains."""

    def drain(self, mails: int) -> Drained:
        """Send so many queued mails."""


class Bare:
    """Bare boto3 loops: calls of SES and nothing else."""

    def __init__(self, *, processes: int, threads: int) -> None:
        self._processes = processes
        self._threads = threads

    def drain(self, mails: int) -> Drained:
        """See `Contestant.drain`."""
        words = (sys.executable, "-m", "bench.bare", str(mails // self._processes), str(self._threads), str(SIZE))
        loops = [subprocess.Popen(words, stdout=subprocess.PIPE) for _ in range(self._processes)]  # noqa: S603 - ours
        told = [loop.communicate()[0].split() for loop in loops]
        seconds, cpu = max(float(one[0]) for one in told), sum(float(one[1]) for one in told)
        return Drained(rate=mails / seconds, cpu={"loop": cpu / mails})


class Postern:
    """Postern's workers, by one of its transports; `more` are settings of theirs."""

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

    def drain(self, mails: int) -> Drained:
        """See `Contestant.drain`. The workers are up before the lane is released."""
        gateway = self._there.gateway
        with held_back(gateway, mails) as release, self.workers():
            release()
            return watch(lambda: mails - waiting(gateway), total=mails, kinds=COUNTED)

    def workers(self) -> AbstractContextManager[object]:
        """Its workers, for as long as the context lasts."""
        celery = ("worker.celery", "worker", "--pool", "prefork", "--concurrency", str(self._processes))
        began = time.monotonic()
        return running(
            (sys.executable, "-m", "celery", "-A", *celery, *LEAN),
            log=self._there.directory / "worker.log",
            environment=self._environment,
            ready=lambda: _alive_since(self._there.gateway, began, kind=heartbeats.WORKER) >= self._processes,
        )

    def beat(self) -> AbstractContextManager[object]:
        """What has its workers sweep."""
        schedule = str(self._there.directory / "beat")
        words = (sys.executable, "-m", "celery", "-A", "worker.celery", "beat", "--schedule", schedule)
        log, began = self._there.directory / "beat.log", time.monotonic()
        swept = partial(_alive_since, self._there.gateway, began, kind=heartbeats.SWEEPER)
        return running(words, log=log, environment=self._environment, ready=lambda: swept() > 0)


class Tutorial:
    """The tutorial application, with one kind of Celery pool."""

    def __init__(self, there: Stage, *, pool: str, processes: int, concurrency: int) -> None:
        self._there = there
        self._pool = pool
        self._processes = processes
        self._concurrency = concurrency
        self._engine = create_engine(there.environment["TUTORIAL_DATABASE_URL"])

    def drain(self, mails: int) -> Drained:
        """See `Contestant.drain`. Its queue is full before its workers start."""
        self._fill(mails)
        celery = ("bench.tutorial.worker", "worker", "--pool", self._pool, "--concurrency", str(self._concurrency))
        nodes = [(*celery, *LEAN, "--hostname", f"tutorial{number}@bench") for number in range(self._processes)]
        with ExitStack() as workers:
            for words in nodes:
                workers.enter_context(self._worker(words))
            return watch(self._sent, total=mails, kinds=COUNTED)

    def _worker(self, words: tuple[str, ...]) -> AbstractContextManager[object]:
        log = self._there.directory / "tutorial.log"
        return running((sys.executable, "-m", "celery", "-A", *words), log=log, environment={}, ready=lambda: True)

    def _fill(self, mails: int) -> None:
        log = self._there.directory / "tutorial.log"
        words = (sys.executable, "-m", "bench.tutorial.fill", str(mails), str(SIZE))
        with log.open("ab") as output:
            subprocess.run(words, check=True, stdout=output, stderr=output)  # noqa: S603 - ours

    def _sent(self) -> int:
        with self._engine.connect() as connection:
            sent: int = connection.execute(text("select count(*) from mails where state <> 'queued'")).scalar_one()
            return sent


@contextmanager
def held_back(gateway: Gateway, mails: int) -> Iterator[Callable[[], None]]:
    """So many mails in a lane that is paused, until what is yielded is called."""
    pause(gateway)
    fill(gateway, mails)
    yield partial(release, gateway)


def pause(gateway: Gateway) -> None:
    """Let no more be claimed."""
    Pause(database=gateway.database).pause(BENCH, Lane.TRANSACTIONAL, reason="The benchmark fills the lane.")


def release(gateway: Gateway) -> None:
    """Let it be claimed, and say so."""
    Pause(database=gateway.database).resume(BENCH, Lane.TRANSACTIONAL)
    gateway.upkeep.ring_bells()


def fill(gateway: Gateway, mails: int) -> None:
    """Accept so many mails, in batches, and let the planner look at the tables, as it has where they grew slowly."""
    who = caller_of(issue(gateway, app="bench").key)
    for start in range(0, mails, _BATCH):
        batch = [mail(person(number)) for number in range(start, min(start + _BATCH, mails))]
        gateway.accept(who, batch, idempotency=None, answer=lambda _: {})
    with gateway.database.transaction() as connection:
        connection.execute(text("analyze"))


def person(number: int) -> str:
    """To whom the mail of this number is, from 0."""
    return f"person{number}@example.net"


def mail(*recipients: str) -> Submission:
    """One mail of the usual size."""
    one = submission(*recipients)
    return replace(one, message=replace(one.message, text=message(SIZE).decode(), html=None))


def _alive_since(gateway: Gateway, began: float, *, kind: str) -> int:
    """How many of this kind have shown that they live since that moment: not those of an earlier round."""
    within = timedelta(seconds=time.monotonic() - began)
    with gateway.database.reading() as connection:
        return heartbeats.count_alive(connection, kind=kind, within=within)


def waiting(gateway: Gateway) -> int:
    """How many mails are neither sent nor given up."""
    with gateway.database.asking() as connection:
        return sum(connection.execute(query).scalar_one() for query in _WAITING)
