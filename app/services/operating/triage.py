"""What an operator has to look at: open incidents, and notifications that are parked, quarantined or refused.

It shows and closes incidents, and shows and retries notifications. It never drops a notification and never interprets
one: that is the work of `app.services.feedback.settle`, which a retry only asks to look again.
"""

from typing import Final
from uuid import UUID

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Conflict, NotFound
from app.services.paging import Page, Paged, paged
from app.store.engine.database import Database
from app.store.feedback import notifications, refused_messages
from app.store.feedback.notifications import InboxState, Waiting
from app.store.feedback.refused_messages import RefusedMessage
from app.store.operating import audit, incidents
from app.store.operating.incidents import Incident

__all__ = ["MOST_AT_ONCE", "InboxState", "Incident", "RefusedMessage", "Triage", "Waiting"]

MOST_AT_ONCE: Final = 10_000
_LISTS: Final = {InboxState.QUARANTINED: notifications.set_aside, InboxState.PARKED: notifications.parked}


class Triage:
    """Shows problems and does what a person decides about them. Every method is for admins."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def incidents(self, caller: Caller, *, limit: int) -> tuple[Incident, ...]:
        """The open incidents, the latest first."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            return incidents.all_open(connection, limit=limit)

    def page(self, caller: Caller, page: Page, *, are_open: bool) -> Paged[Incident]:
        """One page of the open incidents, the latest first, or of the closed ones, the last closed first."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            rows = incidents.page(
                connection, are_open=are_open, limit=page.limit + 1, after=page.after, before=page.before
            )
        return paged(rows, page)

    def close(self, caller: Caller, incident_id: UUID, *, reason: str) -> Incident:
        """Close an incident; it opens again if it happens again. Raises `NotFound` unless it is open."""
        caller.require(Scope.ADMIN)
        with self._database.transaction() as connection:
            closed = incidents.close(connection, incident_id)
            if closed is None:
                raise NotFound("There is no such incident, or it was closed before.")
            data = {"incident_id": str(closed.id), "kind": closed.kind, "subject": closed.subject}
            audit.write(connection, actor=caller.actor, action="incident_close", key=None, reason=reason, data=data)
        return closed

    def notifications(self, caller: Caller, state: InboxState, *, limit: int) -> tuple[Waiting, ...]:
        """Parked notifications, the longest put off first, or quarantined ones, the newest first."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            return _LISTS[state](connection, limit=limit)

    def waiting(self, caller: Caller, state: InboxState, page: Page) -> Paged[Waiting]:
        """One page of them: `state` is quarantined, parked, or new: those that are due, the latest first."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            rows = notifications.page(connection, state, limit=page.limit + 1, after=page.after, before=page.before)
        return paged(rows, page)

    def notification(self, caller: Caller, notification_id: UUID) -> tuple[Waiting, str]:
        """One notification, in whatever state, and its raw text. Raises `NotFound`."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            found = notifications.find(connection, notification_id)
        if found is None:
            raise NotFound("There is no such notification.")
        return found

    def refused(self, caller: Caller, *, limit: int) -> tuple[RefusedMessage, ...]:
        """Messages of queues that were refused and kept aside, the newest first."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            return refused_messages.newest(connection, limit=limit)

    def refused_page(self, caller: Caller, page: Page) -> Paged[RefusedMessage]:
        """One page of them."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            rows = refused_messages.page(connection, limit=page.limit + 1, after=page.after, before=page.before)
        return paged(rows, page)

    def refused_message(self, caller: Caller, refused_id: UUID) -> tuple[RefusedMessage, str]:
        """One of them, and its text as far as it is kept. It may be forged. Raises `NotFound`."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            found = refused_messages.find(connection, refused_id)
        if found is None:
            raise NotFound("There is no such message.")
        return found

    def retry(self, caller: Caller, notification_id: UUID, *, reason: str | None = None) -> None:
        """Have one settled again within a second. Raises `NotFound`, and `Conflict` when it is not waiting."""
        self.notification(caller, notification_id)
        if not self._retry(caller, [notification_id], reason, {"notification_id": str(notification_id)}):
            raise Conflict("Only a parked or a quarantined notification can be retried.")

    def retry_all(self, caller: Caller, state: InboxState, *, reason: str | None = None) -> int:
        """Have those in a state settled again, at most `MOST_AT_ONCE`. How many."""
        found = self.notifications(caller, state, limit=MOST_AT_ONCE)
        return self._retry(caller, [one.id for one in found], reason, {"state": state.value})

    def _retry(self, caller: Caller, notification_ids: list[UUID], reason: str | None, details: dict[str, str]) -> int:
        with self._database.transaction() as connection:
            retried = notifications.retry(connection, notification_ids)
            if retried:
                data = details | {"count": retried}
                audit.write(connection, actor=caller.actor, action="feedback_retry", key=None, reason=reason, data=data)
        return retried
