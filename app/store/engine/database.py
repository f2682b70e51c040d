"""The engine, the transaction and the database's clock, alike on PostgreSQL and SQLite.

This module decides how a connection behaves: how long it may wait, when it takes the write lock, which clock counts. It
knows no table. Services open transactions with it; stores only use the connection that they are given.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, cast

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, DateTime, Dialect, Engine, Table, create_engine, event, literal, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from app.domain.errors import ServiceUnavailable
from app.store.engine import database_trouble
from app.store.engine.driver_statements import refuse_naive_times
from app.store.engine.postgres_connections import refuse_poolers, require_bounds, watch_connections


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for locks and connections, in seconds, and how many connections to have.

    `connections` are kept open; `more` are opened when all of those are in use, and closed afterwards. `writer_s` is
    how long to wait for the one writer that SQLite allows.
    """

    connections: int = 10
    more: int = 0
    connection_s: float = 5.0
    lock_s: float = 3.0
    writer_s: float = 30.0


WORKING: Final = Patience()
ANSWERING: Final = Patience(connections=20, more=20, connection_s=2.0, lock_s=2.0, writer_s=2.0)
"""For requests: a client gets an error and may retry, before all requests wait."""

TRANSACTION_MAY_IDLE_S = 5
"""How long a transaction may do nothing: one of a stalled process keeps every sweeper waiting for its locks."""

_STATEMENT_MAY_RUN_S: Final = 5
_POSTGRES_OPTIONS: Final = (
    "-c timezone=UTC"
    # By default the planner assumes that a random page costs four times as much as the next one, which no longer
    # holds for disks: it would read a list of some hundred addresses whole, for each email.
    " -c random_page_cost=1.1"
)
_AWAY: Final = (
    *(OperationalError, InterfaceError, InternalError),
    *(psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError),
)
_SUPERSEDED = frozenset({"40P01", "40001"})  # a deadlock, or no serial order: rolled back for certain


class RolledBack(ServiceUnavailable):
    """The database rolled a transaction back in favour of another one. The same work may succeed at once."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC instant: `timestamptz` on PostgreSQL, sortable text of fixed width on SQLite.

    Values from PostgreSQL are aware UTC already, since every connection asks for it.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[datetime]:
        """The type for this dialect."""
        return dialect.type_descriptor(_UtcText() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Refuse a naive instant, since its time zone is unknown."""
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
    """The instant that many seconds, a literal of SQL, after `now` of the database's clock."""

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

    def __init__(
        self,
        url: str,
        *,
        pool_size: int | None = None,
        patience: Patience = WORKING,
        pooled: bool = False,
        observe: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        """`pool_size`: connections to keep, if only that differs from `patience`. `pooled`: a pooler is in between.

        `observe` gets how many seconds each transaction took, from the wait for a connection to the commit.
        """
        self._observe = observe
        patience = replace(patience, connections=pool_size) if pool_size else patience
        self.engine = make_engine(url, patience=patience, pooled=pooled)
        self._reader = self.engine.execution_options(postern_reading=True)
        self.on_postgres = self.engine.dialect.name == "postgresql"
        self._asker = self.engine.execution_options(isolation_level="AUTOCOMMIT") if self.on_postgres else self._reader
        if self.on_postgres:
            two = replace(patience, connections=2, more=0)  # one thread commits emails, and one notifications
            self._by_statement = make_engine(url, patience=two, pooled=pooled, autocommit=True)
            refuse_naive_times(self._by_statement)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction that commits at the end of the block and is rolled back by any exception.

        Raises `ServiceUnavailable` when the database is away, too slow, full, read-only or keeps a lock too long.
        """
        with _translated(self._observe), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads: on SQLite it does not wait for the writer."""
        with _translated(self._observe), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def asking(self) -> Iterator[Connection]:
        """A connection for queries that need not agree with each other: PostgreSQL runs them without a transaction.

        If there is only one query, this saves two of three round trips to the server.
        """
        with _translated(self._observe), self._asker.connect() as connection:
            yield connection

    @contextmanager
    def by_statement(self) -> Iterator["psycopg.Cursor[Any]"]:
        """A cursor of the driver on which each statement, or each pipeline, is a transaction. PostgreSQL alone.

        Neither BEGIN nor COMMIT travels, and SQLAlchemy is not between: for a single statement, that is most of what it
        costs. Raises `ServiceUnavailable` as `transaction` does; other errors are psycopg's, and were rolled back.
        """
        with _translated(self._observe):
            pooled = self._by_statement.raw_connection()
            try:
                yield cast("psycopg.Cursor[Any]", pooled.cursor())
            finally:
                connection = cast("psycopg.Connection[Any]", pooled.driver_connection)
                if connection.info.transaction_status is not TransactionStatus.IDLE:
                    pooled.invalidate()
                pooled.close()

    def trouble(self, error: ServiceUnavailable) -> str:
        """Which server said what when it raised this error: for the operator, not for a client."""
        return database_trouble.in_words(error.__cause__, self.engine.url) if error.__cause__ else error.detail

    def compact(self) -> bool | None:
        """Rewrite a SQLite file, so that no unused page and no log holds erased data. Whether it was done.

        None on PostgreSQL, whose own vacuum does this. It waits for readers and writers, and locks them out meanwhile.
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
        """Close the connections."""
        self.engine.dispose()
        if self.on_postgres:
            self._by_statement.dispose()


@contextmanager
def _translated(observe: Callable[[float], None]) -> Iterator[None]:
    # Internal errors are the server's, not ours: it is a replica, was made read-only, or exceeds a quota of its disk.
    began = time.perf_counter()
    try:
        yield
    except (*_AWAY, PoolTimeout) as error:
        if getattr(getattr(error, "orig", error), "sqlstate", None) in _SUPERSEDED:
            raise RolledBack("The database ended this work in favour of other work.", retry_after=1) from error
        raise ServiceUnavailable("The database did not answer in time; repeat the request.", retry_after=1) from error
    finally:
        observe(time.perf_counter() - began)


def clock(connection: Connection) -> datetime:
    """The database's clock, aware UTC."""
    return connection.execute(select(now())).scalar_one()


def add_once(connection: Connection, table: Table, **values: Any) -> bool:
    """Insert a row unless one of its unique keys is taken. Whether it was inserted. Waits for a concurrent insert."""
    insert = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    statement = insert(table).values(**values).on_conflict_do_nothing().returning(literal(1))
    return connection.execute(statement).first() is not None


def make_engine(url: str, *, patience: Patience = WORKING, pooled: bool = False, autocommit: bool = False) -> Engine:
    """An engine with the bounds above. `url` is a SQLAlchemy URL of PostgreSQL or SQLite.

    If it is `pooled`, no statement is prepared on the server, and the role must have the bounds. With `autocommit` each
    statement on PostgreSQL is a transaction.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed, patience)
    bounds_ms = {
        "idle_in_transaction_session_timeout": 1000 * TRANSACTION_MAY_IDLE_S,
        "lock_timeout": round(1000 * patience.lock_s),
        "statement_timeout": 1000 * _STATEMENT_MAY_RUN_S,
    }
    bounded = " ".join(f"-c {name}={value}" for name, value in bounds_ms.items())
    engine = create_engine(
        parsed,
        pool_size=patience.connections,
        max_overflow=patience.more,
        pool_timeout=patience.connection_s,
        pool_reset_on_return=None if autocommit else "rollback",
        connect_args={
            "autocommit": autocommit,
            "connect_timeout": min(3, int(patience.connection_s)),
            "application_name": "postern",
            **({"prepare_threshold": None} if pooled else {"options": f"{_POSTGRES_OPTIONS} {bounded}"}),
        },
    )
    watch_connections(engine, ping_s=min(2.0, patience.connection_s))
    if pooled:
        require_bounds(engine, bounds_ms | {"lock_timeout": round(1000 * WORKING.lock_s)})
    else:
        refuse_poolers(engine)
    return engine


def _sqlite(url: URL, patience: Patience) -> Engine:
    in_memory = url.database in {None, "", ":memory:"}
    pool = {} if in_memory else {"max_overflow": 40, "pool_timeout": patience.connection_s}
    engine = create_engine(url, connect_args={"timeout": patience.writer_s, "check_same_thread": False}, **pool)

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        # The driver must not open transactions by itself: `begin` below decides which kind.
        connection.isolation_level = None
        patient = f"busy_timeout={1000 * patience.writer_s:.0f}"
        for pragma in (patient, "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A deferred transaction that starts writing fails at once under load, whatever the busy timeout.
        reading = connection.get_execution_options().get("postern_reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine
