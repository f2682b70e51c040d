"""How connections to PostgreSQL behave: none waits for ever, none leads to a standby, and one that rested is tried.

The server bounds its own statements, but not while it is frozen, while its disk hangs, or when its host is gone from
the network. The kernel would then wait for a quarter of an hour, or as long as it takes.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from select import POLLIN, poll
from typing import Any, Final

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

from app.store.engine import pooler
from app.store.engine.database_trouble import Unusable

STANDBY: Final = (
    "It is a read-only standby, as an old primary is after a fail-over: name the primary in DATABASE_URL, "
    "or an address that follows it."
)
_SILENT_S: Final = 7.0
"""How long to wait for an answer: longer than the server lets a statement run."""

_LOOK_EVERY_S: Final = 0.1
_MAY_HAVE_ENDED_AFTER_S: Final = 1.0


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that is closed when an answer does not come in time. What became of the statement is not known."""

    _patience_s = _SILENT_S

    def wait(self, gen: PQGen[RV], interval: float = _LOOK_EVERY_S, timeout: float | None = None) -> RV:
        """What the server answers. Raises `OperationalError` if it does not answer in time."""
        try:
            return super().wait(gen, interval, self._patience_s if timeout is None else timeout)
        except psycopg.OperationalError as error:
            if self.info.transaction_status is not TransactionStatus.ACTIVE:
                raise
            self.close()
            raise psycopg.OperationalError(f"it has not answered for {self._patience_s:.0f} s") from error

    @contextmanager
    def impatient(self, seconds: float) -> Iterator[None]:
        """Wait no longer than this for each answer within the block."""
        self._patience_s = seconds
        try:
            yield
        finally:
            self._patience_s = _SILENT_S


def watch_connections(engine: Engine, *, ping_s: float) -> None:
    """Make an engine's connections behave so. `ping_s` is how long one that rested may take to answer."""

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, words: Any, options: Any) -> BoundedConnection:
        try:
            return BoundedConnection.connect(*words, **options)
        except psycopg.OperationalError as error:
            if pooler.is_refusal(error):
                raise pooler.UnexpectedPooler from None
            raise

    _refuse_standbys(engine)
    _try_what_has_rested(engine, ping_s)


def _refuse_standbys(engine: Engine) -> None:
    """Refuse standbys: they may lag, and connections to one would stay open when it is promoted."""

    @event.listens_for(engine, "connect")
    def refuse(connection: Any, _record: Any) -> None:
        in_standby = connection.info.parameter_status("in_hot_standby")  # since PostgreSQL 14, without asking
        if in_standby is None:
            in_standby = connection.execute("SELECT pg_is_in_recovery()").fetchone()[0]
            connection.rollback()
        if in_standby in {"on", True}:
            connection.close()
            raise Unusable(STANDBY)


def refuse_poolers(engine: Engine) -> None:
    """Refuse connections through a pooler, where neither prepared statements nor the settings of a session last."""

    @event.listens_for(engine, "connect")
    def refuse(connection: Any, _record: Any) -> None:
        if pooler.is_pooled(connection):
            connection.close()
            raise pooler.UnexpectedPooler


def require_bounds(engine: Engine, bounds_ms: dict[str, int]) -> None:
    """Refuse connections whose role has no such timeouts, in milliseconds."""

    @event.listens_for(engine, "connect")
    def refuse(connection: Any, _record: Any) -> None:
        try:
            pooler.require_bounds(connection, bounds_ms)
        except Unusable:
            connection.close()
            raise


def _try_what_has_rested(engine: Engine, ping_s: float) -> None:
    """Test a connection before use if it was idle for a second, or if unread data from the server is waiting.

    Such data usually announces the end of the connection. Testing every connection would cost a round trip each. When
    one has ended, all are opened anew.
    """

    @event.listens_for(engine, "checkin")
    def rest(_connection: Any, record: ConnectionPoolEntry) -> None:
        record.info["rests_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def try_it(connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
        rested_s = time.monotonic() - record.info.get("rests_since", math.inf)
        if rested_s < _MAY_HAVE_ENDED_AFTER_S and not _is_readable(connection):
            return
        try:
            with connection.impatient(ping_s):
                engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error


def _is_readable(connection: Any) -> bool:
    """Whether unexpected data is waiting on a connection."""
    waiting = poll()
    waiting.register(connection, POLLIN)
    return bool(waiting.poll(0))
