"""A pooler such as PgBouncer before PostgreSQL: how it is noticed, and what its connections must have.

A pooler gives the connection to the server away between two transactions. So prepared statements and settings of a
session do not last, and `options` of a client are refused or dropped. The timeouts have to come from the role instead.
"""

from typing import Any, Final

import psycopg

from app.store.engine.database_trouble import Unusable

_REFUSED: Final = "unsupported startup parameter"
"""How PgBouncer begins its refusal of `options`."""

_ASKED: Final = (
    "SELECT quote_ident(current_user) AS role, current_setting('TimeZone') AS timezone, name, setting::bigint"
    " FROM pg_settings WHERE name = ANY(%s) ORDER BY name"
)
_UTC: Final = frozenset({"UTC", "Etc/UTC"})


class UnexpectedPooler(Unusable):
    """A pooler stands before PostgreSQL, and the settings do not say so: only another setting helps."""

    def __init__(self) -> None:
        super().__init__(
            "DATABASE_URL leads to a pooler such as PgBouncer: set DATABASE_POOLED=true, and give the role its "
            "timeouts as docs/infrastructure.md says."
        )


def is_refusal(error: psycopg.OperationalError) -> bool:
    """Whether a pooler refused to connect, since it takes no `options`."""
    return _REFUSED in str(error)


def is_pooled(connection: psycopg.Connection[Any]) -> bool:
    """Whether another process answers than the one that the connection was opened with."""
    row = _asked(connection, "SELECT pg_backend_pid()", ())[0]
    return bool(row[0] != connection.info.backend_pid)


def require_bounds(connection: psycopg.Connection[Any], bounds_ms: dict[str, int]) -> None:
    """Raise `Unusable` unless the role has each of these timeouts, or a shorter one, and reads times in UTC.

    The text says what an administrator has to run.
    """
    rows = _asked(connection, _ASKED, ([*bounds_ms],))
    role, timezone = rows[0][:2]
    lacks = [f"{name} = {bounds_ms[name]}" for *_, name, setting in rows if not 0 < setting <= bounds_ms[name]]
    if timezone not in _UTC:
        lacks.append("timezone = 'UTC'")
    if lacks:
        statements = " ".join(f"ALTER ROLE {role} SET {one};" for one in lacks)
        raise Unusable(
            f"A pooler passes on no timeouts, and the role has none of its own: run {statements} "
            "Then have the pooler connect anew (RECONNECT)."
        )


def _asked(connection: psycopg.Connection[Any], query: str, values: tuple[object, ...]) -> list[Any]:
    """The rows, in one round trip: no transaction is begun for them."""
    as_before = connection.autocommit
    connection.autocommit = True
    rows = connection.execute(query.encode(), values).fetchall()
    connection.autocommit = as_before
    return rows
