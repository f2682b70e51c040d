"""After a restore to an earlier moment: send nothing until SES's events show what was sent since.

Emails that look unsent may have left after that moment. Meanwhile claims are refused, notifications are settled as
always, and an event with a tag that the database has lost recreates the accepted attempt. The recovery ends once the
inbox is drained and a quiet time has passed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Conflict
from app.store.engine.database import Database, clock
from app.store.feedback import notifications
from app.store.operating import audit, server_timeline
from app.store.sending import circuits
from app.store.sending.circuits import Circuit

RECOVERY: Final = "recovery"
COUNTED_UP_TO: Final = 10_001


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """The progress of a recovery. `unread` notifications wait to be settled, counted up to `COUNTED_UP_TO`.

    It may end at `not_before`.
    """

    since: datetime
    not_before: datetime
    unread: int

    def is_over(self, now: datetime) -> bool:
        """Whether sending may begin again."""
        return self.unread == 0 and now >= self.not_before


class Restore:
    """Begins and ends a database recovery."""

    def __init__(self, *, database: Database, quiet: timedelta) -> None:
        self._database = database
        self._quiet = quiet

    def begin(self, caller: Caller, *, reason: str) -> None:
        """Pause all sending. To be called before the first worker starts on the restored database."""
        caller.require(Scope.ADMIN)
        with self._database.transaction() as connection:
            server_timeline.settle_down(connection)  # so that a restore begun by hand is not noticed again
            circuits.pause(connection, RECOVERY, reason=reason)
            audit.write(connection, actor=caller.actor, action="recovery_begin", key=None, reason=reason, data={})

    def progress(self) -> Recovery | None:
        """The progress of the recovery; None when there is none."""
        with self._database.reading() as connection:
            circuit = _circuit(connection)
            if circuit is None:
                return None
            unread = notifications.unread(connection, limit=COUNTED_UP_TO)
        return Recovery(since=circuit.opened_at, not_before=circuit.opened_at + self._quiet, unread=unread)

    def end(self, caller: Caller, *, force: bool = False) -> None:
        """Resume sending. Raises `Conflict` while events may still arrive, unless it is forced.

        With `force` the only condition is that a recovery is under way.
        """
        caller.require(Scope.ADMIN)
        recovery = None if force else self.progress()
        with self._database.transaction() as connection:
            if _circuit(connection) is None or not (force or recovery):
                raise Conflict("Nothing is being recovered.")
            if recovery is not None and not recovery.is_over(clock(connection)):
                until = f"{recovery.not_before:%H:%M:%S} UTC"
                raise Conflict(f"{counted(recovery)} notifications wait, and events may come until {until}.")
            circuits.resume(connection, RECOVERY)
            audit.write(
                connection, actor=caller.actor, action="recovery_end", key=None, reason=None, data={"forced": force}
            )


def counted(recovery: Recovery) -> str:
    """The number of unread notifications in words, since they are not all counted."""
    return f"more than {COUNTED_UP_TO - 1:,}" if recovery.unread >= COUNTED_UP_TO else f"{recovery.unread}"


def _circuit(connection: Connection) -> Circuit | None:
    return next((one for one in circuits.all_open(connection) if one.scope == RECOVERY), None)
