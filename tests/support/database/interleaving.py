"""Forced interleavings of transactions on PostgreSQL: work between two statements, and waits for locks."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, select, text

from app.store.tables.core import metadata
from app.wiring.gateway import Gateway

T = TypeVar("T")
_LONGEST_S = 30.0
_END_WAITING = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)
_WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


def just_after(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, happens: Callable[[], object]) -> None:
    """Call `happens` once, right after a function of a module has read its rows."""
    real = getattr(module, name)
    left = [happens]

    def read(*given: Any, **named: Any) -> Any:
        found = real(*given, **named)
        if left:
            left.pop()()
        return found

    monkeypatch.setattr(module, name, read)


@contextmanager
def locked(gateway: Gateway, table: str, **where: Any) -> Iterator[Connection]:
    """Hold locks on these rows for the block, as another transaction would."""
    of = metadata.tables[table]
    query = select(of).where(*[of.c[name] == value for name, value in where.items()]).with_for_update()
    with gateway.database.transaction() as connection:
        assert connection.execute(query).all()
        yield connection


def waiting(gateway: Gateway) -> int:
    """Return how many sessions wait for a lock."""
    with gateway.database.asking() as connection:
        return int(connection.scalar(_WAITING) or 0)


def until_blocked(gateway: Gateway, sessions: int) -> None:
    """Wait until `sessions` sessions wait for a lock."""
    wait_until(lambda: waiting(gateway) >= sessions)


def end_blocked(gateway: Gateway) -> None:
    """End the sessions that wait for a lock, as a server that stops does."""
    with gateway.database.asking() as connection:
        connection.execute(_END_WAITING)


class Others:
    """Concurrent work, each piece in its own thread."""

    def __init__(self, gateway: Gateway, pool: ThreadPoolExecutor) -> None:
        self._gateway = gateway
        self._pool = pool
        self._working: list[Future[Any]] = []

    def begin(self, work: Callable[[], T]) -> "Future[T]":
        """Start a piece of work, and return when it waits for a lock or is done."""
        before = waiting(self._gateway)
        future = self._pool.submit(work)
        self._working.append(future)
        wait_until(lambda: future.done() or waiting(self._gateway) > before)
        return future

    def results(self) -> list[Any]:
        """Return the results of all pieces. Raises the exception that any of them raised."""
        return [one.result(timeout=_LONGEST_S) for one in self._working]


@contextmanager
def others(gateway: Gateway) -> Iterator[Others]:
    """Run concurrent work, and wait for it at the end of the block."""
    with ThreadPoolExecutor(4) as pool:
        yield Others(gateway, pool)


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait until it is so."""
    ends = time.monotonic() + _LONGEST_S
    while not is_so():
        assert time.monotonic() < ends, "it does not come"
        time.sleep(0.01)
