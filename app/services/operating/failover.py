"""After PostgreSQL failed over or was restored: send nothing until SES's events show what it lost.

A standby that takes over may lack the last commits, and a restored copy lacks more. So a server that the database does
not know already holds back every claim (`app.store.sending.claims`). Here that becomes a database recovery, once for
all processes.
"""

from typing import Final

import structlog

from app.services.operating.database_recovery import RECOVERY
from app.store.engine.database import Database
from app.store.operating import audit, incidents, server_timeline
from app.store.operating.server_timeline import Move
from app.store.sending import circuits
from config import PostgresFailover

log = structlog.get_logger()

_ACTOR: Final = "postern"
_KIND: Final = "database_moved"


class Failover:
    """Notices that the database moved to another server.

    If `standby` is synchronous, another timeline of the same system is trusted to lack no commit. Another system is a
    copy or an upgrade and no fail-over, whatever the standby is.
    """

    def __init__(self, *, database: Database, standby: PostgresFailover) -> None:
        self._database = database
        self._loses_nothing = standby is PostgresFailover.SYNCHRONOUS

    def look(self) -> bool:
        """Look once. Whether a recovery has begun by this look. Raises `ServiceUnavailable`."""
        with self._database.asking() as connection:
            if server_timeline.is_known(connection):
                return False
        with self._database.transaction() as connection:
            move = server_timeline.settle_down(connection)
            if move is None or move.before is None:
                return False
            summary = _summary(move)
            begins = not (self._loses_nothing and _is_same_system(move))
            if begins:
                reason = f"{summary} The last commits may be missing: see `./postern recovery status`."
                circuits.pause(connection, RECOVERY, reason=reason)
                incidents.note(connection, kind=_KIND, subject="database", detail=reason)
            action = "recovery_begin" if begins else "failover"
            audit.write(connection, actor=_ACTOR, action=action, key=None, reason=summary, data={})
        log.error("database_moved", recovery=begins)
        return begins


def _is_same_system(move: Move) -> bool:
    return move.before is not None and move.after is not None and move.before.system == move.after.system


def _summary(move: Move) -> str:
    if move.before is None or move.after is None:
        return "PostgreSQL no longer says which server it is."
    if _is_same_system(move):
        return f"PostgreSQL failed over, or was restored: timeline {move.before.timeline} became {move.after.timeline}."
    return "The database is on another PostgreSQL system than before: it was copied, restored or upgraded."
