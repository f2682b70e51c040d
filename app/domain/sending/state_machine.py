"""The life of one recipient's mail: every state, everything that can happen to it, and what follows.

`decide` is a pure and total function over `State` x `Event` x `Facts`. The worker, the settling of feedback, the
sweepers and the API all ask it, so no other file decides a state. It knows no SQL, no clock and no address; whether
feedback suppresses an address is decided in `app.domain.suppression`.
"""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where the mail to one recipient stands."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    SENDING = "sending"
    RETRY_WAIT = "retry_wait"
    UNCONFIRMED = "unconfirmed"
    HELD = "held"

    SENT = "sent"
    DELIVERY_DELAYED = "delivery_delayed"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"

    SUPPRESSED = "suppressed"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELED = "canceled"


WAITING = frozenset({State.SCHEDULED, State.QUEUED, State.SENDING, State.RETRY_WAIT, State.UNCONFIRMED, State.HELD})
CLAIMABLE = frozenset({State.SCHEDULED, State.QUEUED, State.RETRY_WAIT})
ENDED_UNSENT = frozenset({State.SUPPRESSED, State.FAILED, State.EXPIRED, State.CANCELED})

# SES took the mail, and this is the worst news of it since. A mail only ever moves to the right, whatever the order in
# which SNS brings the news. `failed` stands here too: SES may accept a mail and then reject it (a virus, a template).
_NEWS = (
    State.SENT,
    State.DELIVERY_DELAYED,
    State.FAILED,
    State.DELIVERED,
    State.BOUNCED,
    State.COMPLAINED,
)
RANK = {state: rank for rank, state in enumerate(_NEWS, start=1)}
TAKEN_BY_SES = frozenset(_NEWS) - {State.FAILED}


class Event(StrEnum):
    """Everything that can happen to the mail of one recipient."""

    CLAIM = "claim"
    FIND_SUPPRESSED = "find_suppressed"
    GIVE_BACK = "give_back"

    ACCEPTED = "accepted"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    NOT_SENT_BLAMELESS = "not_sent_blameless"
    OUTCOME_UNKNOWN = "outcome_unknown"
    LEASE_EXPIRED = "lease_expired"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"

    SES_TOOK_IT = "ses_took_it"
    SES_DELAYED = "ses_delayed"
    SES_REJECTED = "ses_rejected"
    SES_DELIVERED = "ses_delivered"
    SES_BOUNCED = "ses_bounced"
    SES_COMPLAINED = "ses_complained"
    SES_NOTED = "ses_noted"

    PROVEN_ABSENT = "proven_absent"
    LEFT_UNPROVEN = "left_unproven"
    RESEND = "resend"
    DISCARD = "discard"

    RESCHEDULE = "reschedule"
    EXPIRE = "expire"
    CANCEL = "cancel"


class Effect(StrEnum):
    """What has to be written in the same transaction as the new state."""

    OPEN_ATTEMPT = "open_attempt"
    BURN_ATTEMPT = "burn_attempt"
    DROP_LEASE = "drop_lease"
    KEEP_MESSAGE_ID = "keep_message_id"
    MARK_POSSIBLE_DUPLICATE = "mark_possible_duplicate"
    NOTE_UNCONFIRMED_SINCE = "note_unconfirmed_since"
    RING = "ring"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What besides the state decides: each is read in the transaction that writes the answer.

    `lease_held`: whoever reports still holds the lease. `attempt_open`: some attempt is `calling` or `unknown`, so the
    mail may have left. `taken_by_ses`: a MessageId is known for this recipient.
    """

    lease_held: bool = True
    attempt_open: bool = False
    taken_by_ses: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """The state that follows and what to write with it; `changed` is False when the event has no say here."""

    state: State
    effects: frozenset[Effect] = frozenset()
    changed: bool = True


_EVIDENCE = {
    Event.ACCEPTED: State.SENT,
    Event.SES_TOOK_IT: State.SENT,
    Event.SES_NOTED: State.SENT,
    Event.SES_DELAYED: State.DELIVERY_DELAYED,
    Event.SES_REJECTED: State.FAILED,
    Event.SES_DELIVERED: State.DELIVERED,
    Event.SES_BOUNCED: State.BOUNCED,
    Event.SES_COMPLAINED: State.COMPLAINED,
}

# What the holder of the lease may report of its own call. A worker that lost its lease is believed in one thing only:
# that SES accepted, which is in _EVIDENCE.
_OWN_CALL = {
    Event.FIND_SUPPRESSED: (State.SUPPRESSED, frozenset({Effect.DROP_LEASE})),
    Event.GIVE_BACK: (State.QUEUED, frozenset({Effect.DROP_LEASE})),
    Event.REFUSED: (State.FAILED, frozenset({Effect.DROP_LEASE, Effect.BURN_ATTEMPT})),
    Event.NOT_SENT: (State.RETRY_WAIT, frozenset({Effect.DROP_LEASE, Effect.BURN_ATTEMPT})),
    Event.NOT_SENT_BLAMELESS: (State.RETRY_WAIT, frozenset({Effect.DROP_LEASE})),
    Event.ATTEMPTS_EXHAUSTED: (State.FAILED, frozenset({Effect.DROP_LEASE, Effect.BURN_ATTEMPT})),
    Event.OUTCOME_UNKNOWN: (
        State.UNCONFIRMED,
        frozenset({Effect.DROP_LEASE, Effect.BURN_ATTEMPT, Effect.NOTE_UNCONFIRMED_SINCE}),
    ),
}

_RESENT = frozenset({Effect.MARK_POSSIBLE_DUPLICATE, Effect.RING})


def decide(state: State, event: Event, facts: Facts) -> Decision:
    """The state after `event`, for every state and event; an event without a say changes nothing."""
    if event in _EVIDENCE:
        return _evidence(state, _EVIDENCE[event], facts)
    if event in _OWN_CALL:
        return _own_call(state, event, facts)
    return _steps(state, event, facts) or Decision(state, changed=False)


def _evidence(state: State, news: State, facts: Facts) -> Decision:
    """SES has the mail: true in whatever state we believed it, whoever says so; from then on the rank only rises."""
    settled = facts.taken_by_ses or state in TAKEN_BY_SES
    if settled and RANK.get(state, 0) >= RANK[news]:
        return Decision(state, changed=False)
    effects = {Effect.KEEP_MESSAGE_ID}
    if state in WAITING:
        effects.add(Effect.DROP_LEASE)
    return Decision(news, frozenset(effects))


def _own_call(state: State, event: Event, facts: Facts) -> Decision:
    if event is Event.FIND_SUPPRESSED and state in CLAIMABLE:
        return Decision(State.SUPPRESSED)
    if state is not State.SENDING or not facts.lease_held:
        return Decision(state, changed=False)
    following, effects = _OWN_CALL[event]
    return Decision(following, effects)


def _steps(state: State, event: Event, facts: Facts) -> Decision | None:
    match event, state:
        case Event.CLAIM, State.SCHEDULED | State.QUEUED | State.RETRY_WAIT:
            return Decision(State.SENDING, frozenset({Effect.OPEN_ATTEMPT}))
        case Event.LEASE_EXPIRED, State.SENDING:
            return Decision(
                State.UNCONFIRMED,
                frozenset({Effect.DROP_LEASE, Effect.BURN_ATTEMPT, Effect.NOTE_UNCONFIRMED_SINCE}),
            )
        case Event.PROVEN_ABSENT, State.UNCONFIRMED:
            return Decision(State.RETRY_WAIT, _RESENT)
        case Event.LEFT_UNPROVEN, State.UNCONFIRMED:
            return Decision(State.HELD)
        case Event.RESEND, State.HELD:
            return Decision(State.RETRY_WAIT, _RESENT)
        case Event.DISCARD, State.HELD:
            return Decision(State.CANCELED)
        case Event.RESCHEDULE, State.SCHEDULED:
            return Decision(State.SCHEDULED, frozenset({Effect.RING}))
        case Event.EXPIRE, State.SCHEDULED | State.QUEUED | State.RETRY_WAIT | State.HELD if not facts.attempt_open:
            return Decision(State.EXPIRED)
        case Event.CANCEL, State.SCHEDULED | State.QUEUED | State.RETRY_WAIT | State.HELD if not facts.attempt_open:
            return Decision(State.CANCELED)
    return None
