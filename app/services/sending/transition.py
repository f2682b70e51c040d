"""Carry a decision of the state machine over to the row: the one place where effects become columns."""

from dataclasses import replace
from datetime import datetime

from app.domain.delivery import Effect, Event, Facts, State, decide
from app.store.recipients import Recipient


def advance(
    recipient: Recipient,
    event: Event,
    facts: Facts,
    *,
    now: datetime,
    reason: str | None = None,
    ses_message_id: str | None = None,
    due_at: datetime | None = None,
) -> Recipient | None:
    """The recipient after the event, or None when the event has no say. `now` is the database's clock."""
    decision = decide(recipient.state, event, facts)
    if not decision.changed:
        return None
    effects = decision.effects
    drop = Effect.DROP_LEASE in effects
    return replace(
        recipient,
        state=decision.state,
        reason=reason,
        due_at=due_at or recipient.due_at,
        attempts=recipient.attempts + (Effect.BURN_ATTEMPT in effects),
        lease_token=None if drop else recipient.lease_token,
        lease_until=None if drop else recipient.lease_until,
        ses_message_id=(recipient.ses_message_id or ses_message_id)
        if Effect.KEEP_MESSAGE_ID in effects
        else recipient.ses_message_id,
        possible_duplicate=recipient.possible_duplicate or Effect.MARK_POSSIBLE_DUPLICATE in effects,
        unconfirmed_since=_unconfirmed_since(recipient, decision.state, now),
    )


def _unconfirmed_since(recipient: Recipient, state: State, now: datetime) -> datetime | None:
    if state is State.UNCONFIRMED:
        return recipient.unconfirmed_since or now
    return recipient.unconfirmed_since if state is State.HELD else None
