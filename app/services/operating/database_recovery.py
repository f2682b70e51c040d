"""After the database was restored to an earlier moment: send nothing until SES's events have told what was sent since.

Mails that look unsent may have left after that moment. Meanwhile claims are refused, feedback is settled as always, and
an event with a tag that the database has forgotten brings the accepted attempt back. It ends once the inbox is drained
and a quiet time has passed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.domain.callers import Caller, Scope
from app.domain.errors import Conflict
from app.store import audit, circuits, inbox
from app.store.db import Database, clock
from app.store.inbox import InboxState

RECOVERY: Final = "recovery"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """How far it is. `unread` notifications wait to be settled; it may end at `not_before`."""

    since: datetime
    not_before: datetime
    unread: int

    def is_over(self, now: datetime) -> bool:
        """Whether sending may begin again."""
        return self.unread == 0 and now >= self.not_before


class Restore:
    """Begins and ends recovery."""

    def __init__(self, *, database: Database, quiet: timedelta) -> None:
        self._database = database
        self._quiet = quiet

    def begin(self, caller: Caller, *, reason: str) -> None:
        """Pause all sending. To be called before the first worker starts on the restored database."""
        caller.require(Scope.ADMIN)
        with self._database.transaction() as connection:
            circuits.pause(connection, RECOVERY, reason=reason)
            audit.write(connection, actor=caller.actor, action="recovery_begin", key=None, reason=reason, data={})

    def progress(self) -> Recovery | None:
        """How far it is; None when nothing is being recovered."""
        with self._database.reading() as connection:
            circuit = next((one for one in circuits.all_open(connection) if one.scope == RECOVERY), None)
            unread = inbox.counts(connection).get(InboxState.NEW, 0)
        if circuit is None:
            return None
        return Recovery(since=circuit.opened_at, not_before=circuit.opened_at + self._quiet, unread=unread)

    def end(self, caller: Caller, *, force: bool = False) -> None:
        """Let mail go again. Raises `Conflict` while events may still be on their way, unless it is forced."""
        caller.require(Scope.ADMIN)
        recovery = self.progress()
        if recovery is None:
            raise Conflict("Nothing is being recovered.")
        with self._database.transaction() as connection:
            now = clock(connection)
            if not recovery.is_over(now) and not force:
                until = f"{recovery.not_before:%H:%M:%S} UTC"
                raise Conflict(f"{recovery.unread} notifications wait, and events may come until {until}.")
            circuits.resume(connection, RECOVERY)
            audit.write(
                connection, actor=caller.actor, action="recovery_end", key=None, reason=None, data={"forced": force}
            )
