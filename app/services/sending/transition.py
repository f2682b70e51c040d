"""Apply a decision of the state machine to the row: the one place where effects become columns."""

from dataclasses import replace
from datetime import datetime

from app.domain.sending.state_machine import Decision, Effect, Event, State, TransitionFacts, decide
from app.store.sending.recipients import Recipient


def advance(
    recipient: Recipient,
    event: Event,
    facts: TransitionFacts,
    *,
    now: datetime,
    reason: str | None = None,
    ses_message_id: str | None = None,
    due_at: datetime | None = None,
) -> Recipient | None:
    """The recipient after the event, or None if the event changes nothing. `now` is the database's clock."""
    decision = decide(recipient.state, event, facts)
    if not decision.changed:
        return None
    effects = decision.effects
    drop = Effect.DROP_LEASE in effects
    return replace(
        recipient,
        state=decision.state,
        reason=reason,
        cause=None,
        due_at=due_at or recipient.due_at,
        attempts=0 if Effect.COUNT_ATTEMPTS_ANEW in effects else recipient.attempts + (Effect.BURN_ATTEMPT in effects),
        lease_token=None if drop else recipient.lease_token,
        lease_until=None if drop else recipient.lease_until,
        ses_message_id=(recipient.ses_message_id or ses_message_id)
        if Effect.KEEP_MESSAGE_ID in effects
        else recipient.ses_message_id,
        possible_duplicate=recipient.possible_duplicate or Effect.MARK_POSSIBLE_DUPLICATE in effects,
        unconfirmed_since=_unconfirmed_since(recipient, decision, now),
    )


def _unconfirmed_since(recipient: Recipient, decision: Decision, now: datetime) -> datetime | None:
    """Since when the outcome is unknown. Kept while a person has to decide, and cleared once it is known."""
    if Effect.NOTE_UNCONFIRMED_SINCE in decision.effects:
        return recipient.unconfirmed_since or now
    return recipient.unconfirmed_since if decision.state is State.HELD else None
