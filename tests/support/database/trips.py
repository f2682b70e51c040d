"""Counts trips to PostgreSQL and to Redis: how often this process asks and waits for an answer. Linux only."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
from redis.connection import AbstractConnection
from sqlalchemy import event

from app.store.engine.database import Database

# What makes the server answer: a simple query, the end of other messages, or a request for what is known so far.
_ASKS: Final = ("Query", "Sync", "Flush")
# What a new connection begins with, and a drain's look whether its bell rings while it waits for SES.
_BY_CHANCE: Final = ("AUTH", "CLIENT", "HELLO", "SELECT", "EXISTS")


class Trips:
    """The trips of a block so far. libpq writes what it sends to a file."""

    def __init__(self, trace: Path) -> None:
        self._asked: list[str] = []
        self._trace = trace
        self._traced: dict[int, Any] = {}

    @property
    def postgres(self) -> int:
        """How many trips to PostgreSQL there were. Its connections must be at rest."""
        for connection in self._traced.values():
            connection.pgconn.untrace()
        self._traced.clear()
        sent = [kind for line in self._trace.read_text().splitlines() if (kind := _sent(line))]
        # A statement that is prepared, once for each connection, is a trip that does not count.
        return sum(one in _ASKS and before != "Parse" for before, one in pairwise(["", *sent]))

    @property
    def redis(self) -> list[str]:
        """The commands that Redis was asked, but those that a new connection or a slow machine makes necessary."""
        return [command for command in self._asked if command not in _BY_CHANCE]

    def ask(self, packed: Iterable[bytes]) -> None:
        """Note a command to Redis."""
        self._asked.append(b"".join(packed).split(b"\r\n")[2].decode())

    def follow(self, connection: Any, *_: object) -> None:
        """Have libpq write what this connection sends from now on."""
        if id(connection) not in self._traced:
            self._traced[id(connection)] = connection
            connection.pgconn.trace(os.open(self._trace, os.O_WRONLY | os.O_APPEND | os.O_CREAT))


def _sent(line: str) -> str | None:
    """The kind of the message that a line of the trace shows, if we sent it."""
    _, sender, _, kind, *_ = [*line.split("\t"), "", "", ""]
    return kind if sender == "F" else None


@contextmanager
def counted(database: Database, trace: Path) -> Iterator[Trips]:
    """Count the trips of the block."""
    trips = Trips(trace)
    trace.touch()
    real = AbstractConnection.send_packed_command

    def send(self: AbstractConnection, packed: list[bytes], *more: Any, **named: Any) -> Any:
        trips.ask(packed)
        return real(self, packed, *more, **named)  # type: ignore[no-untyped-call]

    engines = (database.engine, database._by_statement)  # noqa: SLF001 - there is no other way to its connections
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AbstractConnection, "send_packed_command", send)
        for engine in engines:
            event.listen(engine, "checkout", trips.follow)
        try:
            yield trips
        finally:
            for engine in engines:
                event.remove(engine, "checkout", trips.follow)
