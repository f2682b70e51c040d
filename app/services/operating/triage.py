"""What an operator has to look at: open incidents, and notifications that wait for a later look or were set aside.

It shows and closes the former, shows and retries the latter. It never drops a notification, and never reads one: that
is for `app.services.settle`, which a retry only asks to look again.
"""

from typing import Final
from uuid import UUID

from app.domain.callers import Caller, Scope
from app.domain.errors import Conflict, NotFound
from app.store import audit, inbox, incidents
from app.store.db import Database
from app.store.inbox import InboxState, Waiting
from app.store.incidents import Incident

MOST_AT_ONCE: Final = 10_000
_LISTS: Final = {InboxState.QUARANTINED: inbox.set_aside, InboxState.PARKED: inbox.parked}


class Triage:
    """Shows what is wrong, and does with it what a person says. Every method is for admins."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def incidents(self, caller: Caller, *, limit: int) -> tuple[Incident, ...]:
        """The open incidents, the latest first."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            return incidents.all_open(connection, limit=limit)

    def close(self, caller: Caller, incident_id: UUID, *, reason: str) -> Incident:
        """Close an incident; when it happens again it is open again. Raises `NotFound` unless it is open."""
        caller.require(Scope.ADMIN)
        with self._database.transaction() as connection:
            closed = incidents.close(connection, incident_id)
            if closed is None:
                raise NotFound("There is no such incident, or it was closed before.")
            told = {"incident_id": str(closed.id), "kind": closed.kind, "subject": closed.subject}
            audit.write(connection, actor=caller.actor, action="incident_close", key=None, reason=reason, data=told)
        return closed

    def notifications(self, caller: Caller, state: InboxState, *, limit: int) -> tuple[Waiting, ...]:
        """Notifications that are parked, the longest put off first, or quarantined, the newest first."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            return _LISTS[state](connection, limit=limit)

    def notification(self, caller: Caller, notification_id: UUID) -> tuple[Waiting, str]:
        """One notification, in whatever state, and its raw text. Raises `NotFound`."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            found = inbox.find(connection, notification_id)
        if found is None:
            raise NotFound("There is no such notification.")
        return found

    def retry(self, caller: Caller, notification_id: UUID) -> None:
        """Let one be looked at again within a second. Raises `NotFound`, and `Conflict` when it does not wait."""
        self.notification(caller, notification_id)
        if not self._retry(caller, [notification_id], {"notification_id": str(notification_id)}):
            raise Conflict("Only a parked or a quarantined notification can be retried.")

    def retry_all(self, caller: Caller, state: InboxState) -> int:
        """Let those of a state be looked at again, `MOST_AT_ONCE` at most; how many."""
        found = self.notifications(caller, state, limit=MOST_AT_ONCE)
        return self._retry(caller, [one.id for one in found], {"state": state.value})

    def _retry(self, caller: Caller, notification_ids: list[UUID], told: dict[str, str]) -> int:
        with self._database.transaction() as connection:
            retried = inbox.retry(connection, notification_ids)
            if retried:
                data = told | {"count": retried}
                audit.write(connection, actor=caller.actor, action="feedback_retry", key=None, reason=None, data=data)
        return retried
