"""The engine, the transaction and the database's clock, alike on PostgreSQL and SQLite.

It decides how a connection behaves: how long it may wait, when it takes the write lock, which clock counts. It knows no
table. Services open transactions with it; stores only use the connection they are handed.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from select import POLLIN, poll
from typing import Any

from sqlalchemy import Connection, DateTime, Dialect, Engine, Table, create_engine, event, literal, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import InterfaceError, InternalError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from app.domain.errors import ServiceUnavailable

# A session that hangs must never hold up the others: a transaction left open by a stalled process keeps every sweeper
# waiting for its locks.
_POSTGRES_OPTIONS = (
    "-c statement_timeout=5000 -c lock_timeout=3000 -c idle_in_transaction_session_timeout=5000 -c timezone=UTC"
    # The planner takes a page out of order for four times as dear as the next one, which disks have not been for long:
    # it would read a list of some hundred addresses whole, for each mail.
    " -c random_page_cost=1.1"
)
_SQLITE_BUSY_MS = 30_000
_MAY_HAVE_ENDED_AFTER_S = 1.0


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC instant: `timestamptz` on PostgreSQL, sortable text of fixed width on SQLite.

    What PostgreSQL brings is aware UTC already, since every connection asks for it.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[datetime]:
        """How the dialect keeps it."""
        return dialect.type_descriptor(_UtcText() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Refuse a naive instant, since nobody can say which one it is."""
        if value is not None and value.tzinfo is None:
            raise ValueError("naive datetime")
        return value


class _UtcText(TypeDecorator[datetime]):
    impl = DateTime()
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        return value and value.replace(tzinfo=UTC)


class now(FunctionElement[datetime]):  # noqa: N801 - named as the SQL function that it is
    """The database's clock as a SQL expression: the only clock that decides what is due or expired."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(now, "postgresql")
def _postgres_now(_element: Any, _compiler: Any, **_: Any) -> str:
    return "now()"


@compiles(now, "sqlite")
def _sqlite_now(_element: Any, _compiler: Any, **_: Any) -> str:
    return "(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000')"


class ahead(FunctionElement[datetime]):  # noqa: N801 - named as a SQL function
    """That instant of the database's clock which is so many seconds, a literal of SQL, after `now`."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(ahead, "postgresql")
def _postgres_ahead(element: Any, compiler: Any, **more: Any) -> str:
    return f"now() + make_interval(secs => {compiler.process(element.clauses, **more)})"


@compiles(ahead, "sqlite")
def _sqlite_ahead(element: Any, compiler: Any, **more: Any) -> str:
    return (
        f"(strftime('%Y-%m-%d %H:%M:%f', 'now', ({compiler.process(element.clauses, **more)}) || ' seconds') || '000')"
    )


class Database:
    """One engine and its two kinds of transaction."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.engine = make_engine(url, pool_size=pool_size)
        self._reader = self.engine.execution_options(postern_reading=True)
        on_postgres = self.engine.dialect.name == "postgresql"
        self._asker = self.engine.execution_options(isolation_level="AUTOCOMMIT") if on_postgres else self._reader

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction that commits at the end of the block and is rolled back by any exception.

        Raises `ServiceUnavailable` when the database is away, too slow, full, read-only or keeps a lock too long.
        """
        with _translated(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads: on SQLite it does not wait for the writer."""
        with _translated(), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def asking(self) -> Iterator[Connection]:
        """A connection for queries that need not agree with each other: on PostgreSQL no transaction is around them.

        That saves two of three trips to the server where there is only one query.
        """
        with _translated(), self._asker.connect() as connection:
            yield connection

    def compact(self) -> bool | None:
        """Rewrite a SQLite file, so that no unused page of it, nor its log, holds what was erased; whether it was done.

        None on PostgreSQL, whose own vacuum does it. It waits for readers and writers, and locks them out meanwhile.
        """
        if self.engine.dialect.name != "sqlite":
            return None
        connection = self.engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("VACUUM")
            busy: int = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except self.engine.dialect.loaded_dbapi.OperationalError:
            return False
        finally:
            connection.close()
        return busy == 0

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


@contextmanager
def _translated() -> Iterator[None]:
    # Internal errors are the server's, not ours: it is a replica, was made read-only, or is over a quota of its disk.
    try:
        yield
    except (OperationalError, InterfaceError, InternalError, PoolTimeout) as error:
        raise ServiceUnavailable("The database did not answer in time; repeat the request.", retry_after=1) from error


def clock(connection: Connection) -> datetime:
    """The database's clock, aware UTC."""
    return connection.execute(select(now())).scalar_one()


def add_once(connection: Connection, table: Table, **values: Any) -> bool:
    """Insert a row unless a unique key of it is taken; whether it was inserted. A concurrent taker is waited for."""
    insert = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    statement = insert(table).values(**values).on_conflict_do_nothing().returning(literal(1))
    return connection.execute(statement).first() is not None


def make_engine(url: str, *, pool_size: int = 10) -> Engine:
    """An engine with the bounds above. `url` is a SQLAlchemy URL of PostgreSQL or SQLite."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed)
    engine = create_engine(
        parsed,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        connect_args={"options": _POSTGRES_OPTIONS, "connect_timeout": 3, "application_name": "postern"},
    )
    _try_what_has_rested(engine)
    return engine


def _try_what_has_rested(engine: Engine) -> None:
    """A connection is tried first when it has rested for a second, or when the server has something to say unasked.

    That is its end as a rule. To try each would cost a trip. When one has ended, all are opened anew.
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
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error


def _is_readable(connection: Any) -> bool:
    """Whether anything has come on a connection on which nothing is expected."""
    waiting = poll()
    waiting.register(connection, POLLIN)
    return bool(waiting.poll(0))


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": _SQLITE_BUSY_MS / 1000, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        # The driver must not open transactions by itself: `begin` below decides which kind.
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout={_SQLITE_BUSY_MS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A deferred transaction that turns to writing fails at once under load, whatever the busy timeout.
        reading = connection.get_execution_options().get("postern_reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine
