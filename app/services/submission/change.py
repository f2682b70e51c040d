"""Change an email that has not left yet: cancel it, or send it at another time."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Conflict, Fault, NotFound, ValidationFailed
from app.domain.sending.state_machine import Event, TransitionFacts
from app.queue import Bells, deliver_bell
from app.services.list_filters import owner
from app.services.moves import moves_of, note_moves
from app.services.sending.transition import advance
from app.store.engine.database import Database, clock
from app.store.operating import audit
from app.store.sending import attempts, recipients
from app.store.sending.recipients import Recipient
from app.store.submission import emails

_FURTHEST: Final = timedelta(days=30)


class Revise:
    """Cancels and reschedules."""

    def __init__(self, *, database: Database, bells: Bells) -> None:
        self._database = database
        self._bells = bells

    def cancel(self, caller: Caller, email_id: UUID, *, reason: str | None = None) -> None:
        """Cancel for all recipients whose email has not left. With a reason it is in the audit.

        Raises `NotFound`, and `Conflict` when there are none.
        """
        caller.require(Scope.EMAILS_SEND)
        with self._database.transaction() as connection:
            rows = self._lock(connection, caller, email_id)
            note = f"Canceled by {caller.actor}: {reason}" if reason else "Canceled by the application."
            moved = canceled(connection, rows, reason=note)
            if not moved:
                raise Conflict("The email has left, or has ended: nothing is left to cancel.")
            recipients.save(connection, moved)
            if reason:
                for row in moved:
                    data = {"recipient_id": str(row.id)}
                    audit.write(
                        connection, actor=caller.actor, action=Event.CANCEL, key=row.key, reason=reason, data=data
                    )
            note_moves(connection, moves_of(rows, moved))

    def reschedule(self, caller: Caller, email_id: UUID, *, scheduled_at: datetime | timedelta) -> None:
        """Send a scheduled email at another time, or so long from now.

        Raises `NotFound`, `ValidationFailed`, and `Conflict` once it is due.
        """
        caller.require(Scope.EMAILS_SEND)
        with self._database.transaction() as connection:
            now = clock(connection)
            at = now + scheduled_at if isinstance(scheduled_at, timedelta) else scheduled_at
            _check_time(at, now)
            rows = self._lock(connection, caller, email_id)
            moved = _at_another_time(rows, at, now)
            if not moved:
                raise Conflict("The email is not scheduled any more.")
            recipients.save(connection, moved)
            emails.reschedule(connection, email_id, scheduled_at=at)
            note_moves(connection, moves_of(rows, moved))
        if at <= now:
            self._bells.ring(deliver_bell(moved[0].lane))

    def _lock(self, connection: Connection, caller: Caller, email_id: UUID) -> dict[UUID, Recipient]:
        email = emails.find(connection, email_id, app_id=owner(caller))
        if email is None or not caller.sees(email.lane):
            raise NotFound("There is no such email.")
        return recipients.lock_of_email(connection, email_id)


def canceled(connection: Connection, rows: Mapping[UUID, Recipient], *, reason: str) -> tuple[Recipient, ...]:
    """Those of these locked recipients whose email has not left, canceled for this reason. It does not write them."""
    now, flying = clock(connection), attempts.still_open(connection, rows)
    facts = {
        row.id: TransitionFacts(attempt_open=row.id in flying, taken_by_ses=row.ses_message_id is not None)
        for row in rows.values()
    }
    moved = (advance(row, Event.CANCEL, facts[row.id], now=now, reason=reason) for row in rows.values())
    return tuple(row for row in moved if row is not None)


def _at_another_time(rows: Mapping[UUID, Recipient], at: datetime, now: datetime) -> list[Recipient]:
    moved = (advance(row, Event.RESCHEDULE, TransitionFacts(), now=now, due_at=at) for row in rows.values())
    return [row for row in moved if row is not None]


def _check_time(at: datetime, now: datetime) -> None:
    if at > now + _FURTHEST:
        rule = f"An email can be scheduled at most {_FURTHEST.days} days ahead."
        raise ValidationFailed(rule, faults=(Fault("/scheduled_at", "too_far", rule),))
    if at < now - timedelta(minutes=5):
        rule = "The time to send at is in the past."
        raise ValidationFailed(rule, faults=(Fault("/scheduled_at", "in_the_past", rule),))
