"""The life of one recipient: every state, every event, and what follows.

`decide` is a pure and total function over `State` x `Event` x `Facts`. The worker, the settling of notifications, the
sweepers and the API all call it, and `app.services.sending.transition` writes its effects. Acceptance asks
`first_state`.

The claim (`app.store.sending.claims`) is the one statement of SQL that decides by itself, since it takes many rows at
once. It does what this module says of `claim` and, before a call, of `find_suppressed`, and opens the attempt. A test
compares the two.

It knows no SQL, no clock and no address; whether an event suppresses an address is decided in
`app.domain.suppression.rules`.
"""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """The state of one recipient of an email."""

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

# SES took the email, and this is the worst that it has reported since. A recipient only ever moves to the right, in
# whatever order SNS delivers the events. `failed` is here too: SES may accept an email and then reject it (a virus, a
# template).
_EVENTS = (
    State.SENT,
    State.DELIVERY_DELAYED,
    State.FAILED,
    State.DELIVERED,
    State.BOUNCED,
    State.COMPLAINED,
)
RANK = {state: rank for rank, state in enumerate(_EVENTS, start=1)}
TAKEN_BY_SES = frozenset(_EVENTS) - {State.FAILED}


class Event(StrEnum):
    """Everything that can happen to one recipient."""

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
    RESEND_FAILED = "resend_failed"
    DISCARD = "discard"

    RESCHEDULE = "reschedule"
    EXPIRE = "expire"
    CANCEL = "cancel"


class Effect(StrEnum):
    """What has to be written in the same transaction as the new state."""

    BURN_ATTEMPT = "burn_attempt"
    COUNT_ATTEMPTS_ANEW = "count_attempts_anew"
    DROP_LEASE = "drop_lease"
    KEEP_MESSAGE_ID = "keep_message_id"
    MARK_POSSIBLE_DUPLICATE = "mark_possible_duplicate"
    NOTE_UNCONFIRMED_SINCE = "note_unconfirmed_since"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionFacts:
    """What decides besides the state. Each fact is read in the transaction that writes the decision.

    `lease_held`: the reporting worker still holds the lease. `attempt_open`: some attempt is `calling` or `unknown`, so
    the email may have left. `taken_by_ses`: a MessageId is known for this recipient.
    """

    lease_held: bool = True
    attempt_open: bool = False
    taken_by_ses: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """The state that follows and what to write with it; `changed` is False when the event has no effect here."""

    state: State
    effects: frozenset[Effect] = frozenset()
    changed: bool = True


EVIDENCE = {
    Event.ACCEPTED: State.SENT,
    Event.SES_TOOK_IT: State.SENT,
    Event.SES_NOTED: State.SENT,
    Event.SES_DELAYED: State.DELIVERY_DELAYED,
    Event.SES_REJECTED: State.FAILED,
    Event.SES_DELIVERED: State.DELIVERED,
    Event.SES_BOUNCED: State.BOUNCED,
    Event.SES_COMPLAINED: State.COMPLAINED,
}
"""What proves that SES has the email, and the state that it reports."""

# What the holder of the lease may report of its own call. A worker that lost its lease is believed in one thing only:
# that SES accepted, which is in `EVIDENCE`.
_OWN_CALL = {
    Event.FIND_SUPPRESSED: (State.SUPPRESSED, frozenset({Effect.DROP_LEASE})),
    Event.GIVE_BACK: (State.QUEUED, frozenset({Effect.DROP_LEASE})),
    Event.REFUSED: (State.FAILED, frozenset({Effect.DROP_LEASE, Effect.BURN_ATTEMPT})),
    Event.NOT_SENT: (State.RETRY_WAIT, frozenset({Effect.DROP_LEASE, Effect.BURN_ATTEMPT})),
    Event.NOT_SENT_BLAMELESS: (State.RETRY_WAIT, frozenset({Effect.DROP_LEASE})),
    Event.ATTEMPTS_EXHAUSTED: (State.HELD, frozenset({Effect.DROP_LEASE, Effect.BURN_ATTEMPT})),
    Event.OUTCOME_UNKNOWN: (State.UNCONFIRMED, frozenset({Effect.DROP_LEASE, Effect.NOTE_UNCONFIRMED_SINCE})),
}

_RESENT = frozenset({Effect.MARK_POSSIBLE_DUPLICATE})


def first_state(*, suppressed: bool, scheduled: bool) -> State:
    """Where an email begins for a recipient that is accepted: one that is suppressed has ended already."""
    if suppressed:
        return State.SUPPRESSED
    return State.SCHEDULED if scheduled else State.QUEUED


def decide(state: State, event: Event, facts: TransitionFacts) -> Decision:
    """The state after `event`, for every state and event; an event with no effect in a state changes nothing."""
    if event in EVIDENCE:
        return _evidence(state, EVIDENCE[event], facts)
    if event in _OWN_CALL:
        return _own_call(state, event, facts)
    return _steps(state, event, facts) or _verdict(state, event, facts) or Decision(state, changed=False)


def _evidence(state: State, reported: State, facts: TransitionFacts) -> Decision:
    """SES has the email: true in every recorded state, whatever its source. From then on the rank only rises."""
    settled = facts.taken_by_ses or state in TAKEN_BY_SES
    if settled and RANK.get(state, 0) >= RANK[reported]:
        return Decision(state, changed=False)
    effects = {Effect.KEEP_MESSAGE_ID}
    if state in WAITING:
        effects.add(Effect.DROP_LEASE)
    return Decision(reported, frozenset(effects))


def _own_call(state: State, event: Event, facts: TransitionFacts) -> Decision:
    if event is Event.FIND_SUPPRESSED and state in CLAIMABLE:
        return Decision(State.SUPPRESSED)
    if state is not State.SENDING or not facts.lease_held:
        return Decision(state, changed=False)
    following, effects = _OWN_CALL[event]
    return Decision(following, effects)


def _steps(state: State, event: Event, facts: TransitionFacts) -> Decision | None:
    match event, state:
        case Event.CLAIM, State.SCHEDULED | State.QUEUED | State.RETRY_WAIT:
            return Decision(State.SENDING)
        case Event.LEASE_EXPIRED, State.SENDING:
            return Decision(State.UNCONFIRMED, frozenset({Effect.DROP_LEASE, Effect.NOTE_UNCONFIRMED_SINCE}))
        case Event.PROVEN_ABSENT, State.UNCONFIRMED:
            return Decision(State.RETRY_WAIT, _RESENT)
        case Event.LEFT_UNPROVEN, State.UNCONFIRMED:
            return Decision(State.HELD)
        case Event.RESCHEDULE, State.SCHEDULED:
            return Decision(State.SCHEDULED)
        case Event.EXPIRE, State.SCHEDULED | State.QUEUED | State.RETRY_WAIT | State.HELD if not facts.attempt_open:
            return Decision(State.EXPIRED)
        case Event.CANCEL, State.SCHEDULED | State.QUEUED | State.RETRY_WAIT | State.HELD if not facts.attempt_open:
            return Decision(State.CANCELED)
    return None


def _verdict(state: State, event: Event, facts: TransitionFacts) -> Decision | None:
    """An operator's decision on an email whose outcome is not known, or that certainly was not sent."""
    match event, state:
        case Event.RESEND, State.HELD:
            return Decision(State.RETRY_WAIT, _RESENT | {Effect.COUNT_ATTEMPTS_ANEW})
        case Event.RESEND_FAILED, State.FAILED if not (facts.taken_by_ses or facts.attempt_open):
            return Decision(State.RETRY_WAIT, frozenset({Effect.COUNT_ATTEMPTS_ANEW}))
        case Event.DISCARD, State.HELD:
            return Decision(State.CANCELED)
    return None
