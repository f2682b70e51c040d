"""Statements that the driver's cursor runs, past SQLAlchemy, on `Database.by_statement` (ADR 0053). PostgreSQL alone.

SQLAlchemy writes their text when a module is imported, and checks none of their values afterwards.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from psycopg import Cursor
from psycopg.adapt import Dumper, PyFormat
from psycopg.types.datetime import DatetimeDumper
from sqlalchemy import ClauseElement, Engine, event
from sqlalchemy.engine import make_url

_DIALECT: Final = make_url("postgresql+psycopg://").get_dialect()()


def driver_text(statement: ClauseElement) -> str:
    """The text of a statement, with parameters as psycopg takes them. It must have no bound values."""
    return str(statement.compile(dialect=_DIALECT))


@contextmanager
def one_transaction(cursor: "Cursor[Any]") -> Iterator[None]:
    """Run the statements of the block in one trip. PostgreSQL takes what a pipeline sends as one transaction.

    The end of a pipeline commits what was sent. So when the block fails, which may be at a value that the driver cannot
    send, the connection is closed instead.
    """
    connection = cursor.connection
    with connection.pipeline():
        try:
            yield
        except BaseException:
            connection.close()
            raise


class _AwareDumper(DatetimeDumper):
    def upgrade(self, obj: datetime, format: PyFormat) -> Dumper:  # noqa: A002, ARG002 - as psycopg calls it
        if obj.tzinfo is None:
            raise ValueError("naive datetime")
        return self


def refuse_naive_times(engine: Engine) -> None:
    """Refuse an instant whose time zone is unknown, which psycopg takes as one of the session's zone."""

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.adapters.register_dumper(datetime, _AwareDumper)
