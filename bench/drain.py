"""Drain: mails that are queued already, sent by real Celery workers, against a bare boto3 loop.

The loop has as many calls in flight and stores nothing; Postern claims, gates, opens, renders, takes the last look,
calls and records each mail. Both speak to the same simulator, one after the other in each round.
"""

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlalchemy import func, select

from app.cli.supervise import Child
from app.domain.delivery import CLAIMABLE, State
from app.queue import Lane
from app.services.accept import Submission
from app.services.authenticate import caller_of, operator
from app.services.pause import Pause
from app.store.models import recipients
from app.wiring import Gateway
from bench.bare import message
from bench.cpu import spent_by_kind
from bench.stage import Stage, stage, wait_until
from tests.gateways import issue
from tests.mails import submission

PROCESSES, THREADS, SIZE = 2, 50, 6_000
_BENCH = operator("bench")
_BATCH = 100
_COUNTED = ("worker", "database", "redis")


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """One round: mails a second, and CPU seconds a mail by kind of process."""

    rate: float
    cpu: dict[str, float]

    @property
    def cpu_per_mail(self) -> float:
        """Seconds of CPU for one mail, everybody's."""
        return sum(self.cpu.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Postern and its baseline in the same minute."""

    postern: Drained
    bare: Drained


def run(*, mails: int, runs: int, latency_ms: int, tell: Callable[[str], None]) -> list[Round]:
    """Measure; `tell` hears of each round."""
    with stage(latency_ms=latency_ms, threads=THREADS) as there:
        there.supervisor.start(_worker(there))
        rounds = []
        for number in range(1, runs + 1):
            rounds.append(Round(postern=_postern(there, mails), bare=_bare(mails)))
            tell(f"round {number} of {runs}: {rounds[-1].postern.rate:.0f}/s against {rounds[-1].bare.rate:.0f}/s")
        return rounds


def _postern(there: Stage, mails: int) -> Drained:
    gateway = there.gateway
    _hold(gateway)
    _fill(gateway, mails)
    before, began = spent_by_kind(), time.monotonic()
    _release(gateway)
    wait_until(lambda: _left(gateway) == 0)
    seconds, after = time.monotonic() - began, spent_by_kind()
    return Drained(rate=mails / seconds, cpu={kind: (after[kind] - before[kind]) / mails for kind in _COUNTED})


def _bare(mails: int) -> Drained:
    before = _spent_by_finished_children()
    words = (sys.executable, "-m", "bench.bare", str(mails // PROCESSES), str(THREADS), str(SIZE))
    loops = [subprocess.Popen(words, stdout=subprocess.PIPE) for _ in range(PROCESSES)]  # noqa: S603 - our own program
    wait_until(lambda: all(loop.poll() is not None for loop in loops))
    seconds = max(float(loop.communicate()[0]) for loop in loops)
    return Drained(rate=mails / seconds, cpu={"loop": (_spent_by_finished_children() - before) / mails})


def _spent_by_finished_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _fill(gateway: Gateway, mails: int) -> None:
    who = caller_of(issue(gateway, app="bench").key)
    for start in range(0, mails, _BATCH):
        batch = [_mail(f"person{number}@example.net") for number in range(start, start + _BATCH)]
        gateway.accept(who, batch, idempotency=None, answer=lambda _: {})


def _mail(recipient: str) -> Submission:
    mail = submission(recipient)
    return replace(mail, message=replace(mail.message, text=message(SIZE).decode(), html=None))


def _hold(gateway: Gateway) -> None:
    Pause(database=gateway.database).pause(_BENCH, Lane.TRANSACTIONAL, reason="The benchmark fills the lane.")


def _release(gateway: Gateway) -> None:
    Pause(database=gateway.database).resume(_BENCH, Lane.TRANSACTIONAL)
    gateway.upkeep.ring_bells()


def _worker(there: Stage) -> Child:
    words = ("-A", "worker.celery", "worker", "--pool", "prefork", "--concurrency", str(PROCESSES))
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    return Child(
        name="worker",
        argv=(sys.executable, "-m", "celery", *words, *quiet),
        ready=lambda: there.gateway.workforce.count() >= PROCESSES,
        grace_s=30.0,
    )


def _left(gateway: Gateway) -> int:
    waiting = [*CLAIMABLE, State.SENDING]
    with gateway.database.reading() as connection:
        return connection.execute(select(func.count()).where(recipients.c.state.in_(waiting))).scalar_one()
