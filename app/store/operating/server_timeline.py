"""Which PostgreSQL server, and which timeline of it, this database was last known to be on.

A standby that takes over, and a restore to an earlier moment, start a new timeline; a copy in another cluster has
another system identifier. The row that stores the old one travels with the data, so the server and the row disagree
exactly if the data moved elsewhere. A crash, a restart and a clean shutdown change neither.

The server's identity comes from a function of the migrations, which returns NULL where it may not be read. SQLite has
no identity, and NULL is stored.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, String, select, update
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from app.domain.errors import ServiceUnavailable
from app.store.engine.database import add_once, now
from app.store.tables.core import database_server

_ONLY = 1


class this_server(FunctionElement[str]):  # noqa: N801 - named as the SQL function that it is
    """`system identifier/timeline` of the server that runs the statement, or NULL."""

    type = String()
    inherit_cache = True


@compiles(this_server, "postgresql")
def _postgres_server(_element: Any, _compiler: Any, **_: Any) -> str:
    return "postern_this_server()"


@compiles(this_server, "sqlite")
def _sqlite_server(_element: Any, _compiler: Any, **_: Any) -> str:
    return "NULL"


_REMEMBERED = select(database_server.c.identity).where(database_server.c.id == _ONLY).scalar_subquery()
# As a subquery it is evaluated once per statement, and not for each row.
IS_KNOWN = _REMEMBERED.is_not_distinct_from(select(this_server()).scalar_subquery())
"""SQL: whether the statement runs where the database was last known to be."""


class OnUnknownServer(ServiceUnavailable):
    """Nothing is claimed until a recovery has begun, or until the server is known to have lost nothing."""

    def __init__(self) -> None:
        super().__init__("The database is on another server than it was: nothing is claimed before that is noted.")


@dataclass(frozen=True, slots=True)
class Server:
    """The identity of a server, as it states it."""

    identity: str

    @property
    def system(self) -> str:
        """The system identifier, made by `initdb` and the same on every physical copy."""
        return self.identity.partition("/")[0]

    @property
    def timeline(self) -> str:
        """The timeline, one more after each promotion."""
        return self.identity.partition("/")[2]


@dataclass(frozen=True, slots=True)
class Move:
    """From where the database was known to be to where it is; None for a server that does not say."""

    before: Server | None
    after: Server | None


def is_known(connection: Connection) -> bool:
    """Whether the database is where it was last known to be."""
    return bool(connection.scalar(select(IS_KNOWN)))


def reports_timeline(connection: Connection) -> bool:
    """Whether this server states its identity; SQLite has none."""
    return connection.dialect.name == "sqlite" or connection.scalar(select(this_server())) is not None


def settle_down(connection: Connection) -> Move | None:
    """Store where the database is now. None if it was known. Of several callers one gets the move."""
    add_once(connection, database_server, id=_ONLY, identity=None, since=now())
    kept = select(database_server.c.identity).where(database_server.c.id == _ONLY).with_for_update()
    before, after = connection.scalar(kept), connection.scalar(select(this_server()))
    if before == after:
        return None
    here = {"identity": after, "since": now()}
    connection.execute(update(database_server).where(database_server.c.id == _ONLY).values(here))
    return Move(before and Server(before), after and Server(after))
