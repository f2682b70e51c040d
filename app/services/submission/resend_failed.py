"""Send a failed email again because a person asks for it: its cause was fixed, and its body still exists.

This module decides which recipients may be sent to again: those whose email SES never accepted and who were not
forgotten. Whether the address is suppressed is decided by the gate, in the claim, as for every email.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Conflict, NotFound
from app.domain.privacy.pseudonym import is_pseudonym
from app.domain.sending.state_machine import Event, State, TransitionFacts
from app.queue import Bells, deliver_bell
from app.services.moves import moves_of, note_moves
from app.services.sending.transition import advance
from app.store.engine.database import Database, clock
from app.store.operating import audit
from app.store.sending import attempts, recipients
from app.store.sending.recipients import Recipient
from app.store.submission import emails


class ResendFailed:
    """Resends failed email."""

    def __init__(self, *, database: Database, bells: Bells) -> None:
        self._database = database
        self._bells = bells

    def __call__(self, caller: Caller, email_id: UUID, *, reason: str) -> int:
        """Send an email again to all recipients it failed for. How many. Attempts are counted anew.

        Raises `NotFound`, and `Conflict` when it failed for no recipient, or can be sent again to none of them.
        """
        caller.require(Scope.ADMIN)
        with self._database.transaction() as connection:
            now = clock(connection)
            rows = recipients.lock_of_email(connection, email_id)
            if not rows:
                raise NotFound("There is no such email.")
            failed = [row for row in rows.values() if row.state is State.FAILED]
            if not failed:
                raise Conflict("The email has failed for no recipient.")
            if not emails.lock_body(connection, email_id):
                raise Conflict("Its body was erased when its retention ended: submit the email anew.")
            flying = attempts.still_open(connection, rows)
            note = f"Sent again by {caller.actor}: {reason}"
            moved = [
                again
                for row in failed
                if _hindrance(row, now) is None
                and (again := advance(row, Event.RESEND_FAILED, _facts(row, flying), now=now, reason=note, due_at=now))
            ]
            if not moved:
                raise Conflict(_explained(failed, now))
            recipients.save(connection, moved)
            for row in moved:
                audit.write(
                    connection,
                    actor=caller.actor,
                    action=Event.RESEND_FAILED,
                    key=row.key,
                    reason=reason,
                    data={"recipient_id": str(row.id)},
                )
            note_moves(connection, moves_of(rows, moved))
        for lane in {row.lane for row in moved}:
            self._bells.ring(deliver_bell(lane))
        return len(moved)


def _facts(row: Recipient, flying: frozenset[UUID]) -> TransitionFacts:
    return TransitionFacts(attempt_open=row.id in flying, taken_by_ses=row.ses_message_id is not None)


def _hindrance(row: Recipient, now: datetime) -> str | None:
    """Why the email cannot be sent again to this recipient, besides the rules of the state machine."""
    if row.ses_message_id is not None:
        return "SES accepted the email and then rejected its content: submit it anew, once the content is fixed."
    if is_pseudonym(row.key):
        return "The recipient was forgotten meanwhile."
    if row.expires_at is not None and row.expires_at <= now:
        return "It is past its expires_at: submit the email anew."
    return None


def _explained(failed: Iterable[Recipient], now: datetime) -> str:
    reasons = dict.fromkeys(why for row in failed if (why := _hindrance(row, now)) is not None)
    return " ".join(reasons) or "One of its calls may still have sent it: wait for its event."
