"""What a database, or the way to it, said when it did not answer: one sentence for the person on call.

It names the server as the URL does, and never the password. The words are those of the server or the driver, which
quote a user, a host and a file at most: no statement, and no value of one.
"""

import re
import sqlite3
from typing import Final

import psycopg
from sqlalchemy import Connection
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

_BEFORE_THE_REASON: Final = re.compile(r"\A(?:.*\bfailed: )?(?:FATAL: +)?")
_LONGEST: Final = 200
# The server ends these by itself, and says so in words about a statement. It is there, and slow.
_SLOW: Final = re.compile(r"statement timeout|lock timeout|idle-in-transaction timeout|database is locked")


class Unusable(psycopg.OperationalError):
    """A server that answers and is not used as it is; the text says what to change, and is for the operator alone."""


def is_read_only(connection: Connection) -> bool:
    """Whether the database answers but takes no writes, as far as it says so in advance."""
    if connection.dialect.name == "sqlite":
        return connection.exec_driver_sql("PRAGMA query_only").scalar() == 1
    return connection.exec_driver_sql("SHOW transaction_read_only").scalar() == "on"


def in_words(error: BaseException | None, url: URL) -> str:
    """Which server said what; `error` is the cause of a `ServiceUnavailable`."""
    return f"{_server(url)} {_said(error)}"


def _server(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return f"The file {url.database or '(in memory)'}"
    named = url.host or url.query.get("host") or "the local socket"
    place = f"{named}:{url.port or 5432}" if isinstance(named, str) else " or ".join(named)
    return f"The server at {place}, database {url.database or '(default)'},"


def _said(error: BaseException | None) -> str:
    if isinstance(error, PoolTimeout):
        return "answers, but all connections of this process are in use."
    said = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(said, (psycopg.Error, sqlite3.Error)):
        return "did not answer in time."
    text = str(said)
    if isinstance(said, Unusable):
        return f"is not used: {text}"
    if _SLOW.search(text):
        return "answers too slowly, or another session keeps a lock."
    first = next(iter(text.splitlines()), "")
    reason = _BEFORE_THE_REASON.sub("", first, count=1).strip(" .")[:_LONGEST] or type(said).__name__
    return f"cannot be used: {reason}."
