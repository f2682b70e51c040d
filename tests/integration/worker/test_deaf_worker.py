"""Real Celery workers that stop hearing a real Valkey end by themselves, and their supervisor starts them again."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from app.cli.local.children.supervisor import Child, Supervisor, tail_of
from app.store.engine.database import Database
from app.store.tables.core import heartbeats
from tests.support.gateway.gateways import SECRET_KEY, TOPIC
from tests.support.servers.cli import member, surroundings
from tests.support.servers.valkey import failing_valkey

PATIENCE_S = 120.0
SILENCE_S = 5
CALLED = "-A "  # if an older lock left setproctitle installed, Celery drops the rest of its command line


class Worker:
    """A supervised worker with two processes, and its rows in the database."""

    def __init__(self, supervisor: Supervisor, database: Database) -> None:
        self.supervisor = supervisor
        self._database = database

    @property
    def main(self) -> int:
        """The main process, 0 while there is none."""
        try:
            return member(os.getpid(), called=CALLED)
        except (ValueError, KeyError):  # the process starts or ends meanwhile
            return 0

    def heard(self) -> dict[str, object]:
        """The time at which each node last heard its broker."""
        query = select(heartbeats.c.name, heartbeats.c.seen_at).where(heartbeats.c.kind == "canary")
        with self._database.reading() as connection:
            return {row.name: row.seen_at for row in connection.execute(query)}

    def has_heard(self, main: int) -> bool:
        """Whether the database says that this main process has heard its broker."""
        return any(name.endswith(f":{main}") for name in self.heard())

    def tend_until(self, look: Callable[[], bool]) -> None:
        """Supervise until the condition is true."""
        deadline = time.monotonic() + PATIENCE_S
        while not look():
            assert time.monotonic() < deadline, tail_of(self.supervisor.log_of("worker"))
            self.supervisor.tend()
            time.sleep(0.1)

    def tend_for(self, seconds: float) -> None:
        """Supervise for some time."""
        ends = time.monotonic() + seconds
        self.tend_until(lambda: time.monotonic() >= ends)

    def logged(self) -> str:
        """The log of the workers."""
        return self.supervisor.log_of("worker").read_text()


@contextmanager
def a_worker(directory: Path, database_url: str, broker_url: str, *, app: str = "worker.celery") -> Iterator[Worker]:
    """A running worker, which is started again when it ends."""
    environment = surroundings(
        DATABASE_URL=database_url,
        REDIS_URL=broker_url,
        SECRET_KEYS=SECRET_KEY,
        SNS_TOPIC_ARNS=TOPIC,
        SES_MAX_SEND_RATE="10",
        FLIGHT_DIR=str(directory / "flight"),
        WORKER_SILENCE_SECONDS=str(SILENCE_S),
    )
    words = ("-P", "-m", "celery", "-A", app, "worker", "--concurrency", "2", "-Q", "transactional")
    child = Child(name="worker", argv=(sys.executable, *words), env=environment, restart=True)
    database = Database(database_url)
    try:
        with Supervisor(directory / "logs", announce=print) as supervisor:
            worker = Worker(supervisor, database)
            supervisor.start(child)
            yield worker
    finally:
        database.close()


def test_a_worker_that_hears_its_broker_goes_on(tmp_path: Path, migrated_postgres_url: str, redis_url: str) -> None:
    """No bell rings, but canaries come through: the worker records that in the database and stays the same process."""
    with a_worker(tmp_path, migrated_postgres_url, redis_url) as worker:
        worker.tend_until(lambda: worker.has_heard(worker.main))
        main, before = worker.main, worker.heard()
        worker.tend_for(2.5 * SILENCE_S)
        assert worker.main == main
        assert worker.heard() != before
        assert "worker_deaf" not in worker.logged()


def test_a_frozen_worker_is_replaced(tmp_path: Path, migrated_sqlite_url: str, redis_url: str) -> None:
    """A main process that cannot even be asked to stop is killed, and the next one hears its broker."""
    with a_worker(tmp_path, migrated_sqlite_url, redis_url) as worker:
        worker.tend_until(lambda: worker.has_heard(worker.main))
        frozen = worker.main
        os.kill(frozen, signal.SIGSTOP)
        worker.tend_until(lambda: worker.main not in {0, frozen} and worker.has_heard(worker.main))
        assert "worker_deaf" in worker.logged()


def test_a_deaf_worker_is_replaced(tmp_path: Path, migrated_sqlite_url: str, redis_url: str) -> None:
    """Alive, connected and consuming nothing: it stops in good order, and the next one hears its broker."""
    with a_worker(tmp_path, migrated_sqlite_url, redis_url, app="tests.support.servers.deaf_worker") as worker:
        worker.tend_until(lambda: worker.main != 0)
        deaf = worker.main
        worker.tend_until(lambda: worker.main not in {0, deaf} and worker.has_heard(worker.main))
        assert not worker.has_heard(deaf)
        assert "worker_deaf" in worker.logged()


@pytest.mark.parametrize("gone", ["frozen", "killed"])
def test_without_its_broker_no_worker_is_stopped(tmp_path: Path, migrated_sqlite_url: str, gone: str) -> None:
    """A canary that cannot be sent proves nothing about the worker that should hear it."""
    with failing_valkey() as valkey, a_worker(tmp_path, migrated_sqlite_url, valkey.url) as worker:
        worker.tend_until(lambda: worker.has_heard(worker.main))
        main = worker.main
        valkey.freeze() if gone == "frozen" else valkey.kill()
        worker.tend_for(2.5 * SILENCE_S)
        assert worker.main == main
        assert "worker_deaf" not in worker.logged()
