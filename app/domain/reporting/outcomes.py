"""What became of an email to one recipient, in words for a person who knows nothing of email servers.

`outcome_of` is a pure and total function of a `Fate`. Its sentences name no address, so that they can be shown where
addresses are masked. A test goes through every fate. `docs/outcomes.md` has the same as a table.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from app.domain.feedback.bounce_causes import BounceCause
from app.domain.reporting.outcome_words import (
    ASKED_AGAIN,
    OF_BOUNCE,
    OF_ORIGIN,
    OF_REFUSAL,
    OF_STATE,
    OPENED,
    SUPERSEDED,
    OutcomeCause,
    Refusal,
    WhoCanAct,
    Words,
    mistyped,
)
from app.domain.sending.state_machine import State
from app.domain.suppression.rules import Origin


class OutcomeKind(StrEnum):
    """What became of the email. It follows from the state alone."""

    ON_ITS_WAY = "on_its_way"
    DELIVERED = "delivered"
    NOT_DELIVERED = "not_delivered"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome for one recipient. `who_can_act` can take the `next_step`."""

    kind: OutcomeKind
    cause: OutcomeCause | None
    sentence: str
    next_step: str
    who_can_act: WhoCanAct


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What is known of one recipient.

    `bounce`: why a bounced one bounced. `origin`: that of the entry for which a suppressed one was not sent to.
    `refusal`: of a failed one. `superseded`: a newer email canceled this one. `opened`: the email was opened, or a link
    in it. `forgotten`: a pseudonym stands in place of the address. `meant`: the domain that was probably meant, where
    that of the address looks mistyped (`app.domain.message.domain_typos`).
    """

    state: State
    bounce: BounceCause | None = None
    origin: Origin | None = None
    refusal: Refusal | None = None
    superseded: bool = False
    opened: bool = False
    forgotten: bool = False
    meant: str | None = None


SUPERSEDING: Final = "Superseded by a newer email."
"""The reason that is stored for a recipient whose email a newer one canceled."""

KIND_OF: Final = {
    State.SCHEDULED: OutcomeKind.ON_ITS_WAY,
    State.QUEUED: OutcomeKind.ON_ITS_WAY,
    State.SENDING: OutcomeKind.ON_ITS_WAY,
    State.RETRY_WAIT: OutcomeKind.ON_ITS_WAY,
    State.UNCONFIRMED: OutcomeKind.UNKNOWN,
    State.HELD: OutcomeKind.UNKNOWN,
    State.SENT: OutcomeKind.ON_ITS_WAY,
    State.DELIVERY_DELAYED: OutcomeKind.ON_ITS_WAY,
    State.DELIVERED: OutcomeKind.DELIVERED,
    State.BOUNCED: OutcomeKind.NOT_DELIVERED,
    State.COMPLAINED: OutcomeKind.DELIVERED,
    State.SUPPRESSED: OutcomeKind.NOT_SENT,
    State.FAILED: OutcomeKind.NOT_SENT,
    State.EXPIRED: OutcomeKind.NOT_SENT,
    State.CANCELED: OutcomeKind.NOT_SENT,
}

_MAY_BE_MISTYPED: Final = frozenset(
    {
        OutcomeCause.MAILBOX_GONE,
        OutcomeCause.DOMAIN_GONE,
        OutcomeCause.ADDRESS_INVALID,
        OutcomeCause.FAILED_BEFORE,
    }
)
_OF_AN_ADDRESS: Final = re.compile(
    r"^[^:]*: (?:missing final|extra route|.{0,60}\b(?:address|domain|local|user|recipient)\b)", re.IGNORECASE
)


def outcome_of(fate: Fate) -> Outcome:
    """The outcome, for every fate."""
    words = _words(fate)
    if fate.meant is not None and words.cause in _MAY_BE_MISTYPED:
        words = mistyped(fate.meant)
    if fate.forgotten and KIND_OF[fate.state] is OutcomeKind.NOT_SENT:
        words = replace(words, next_step=ASKED_AGAIN, who_can_act=WhoCanAct.RECIPIENT)
    return Outcome(
        kind=KIND_OF[fate.state],
        cause=words.cause,
        sentence=words.sentence,
        next_step=words.next_step,
        who_can_act=words.who_can_act,
    )


def refusal_of(reason: str | None) -> Refusal | None:
    """What was refused, by the reason stored for a failed recipient; None when that was erased.

    The reason is ours, a colon, and the words of SES: `SES refused the email: Illegal address`.
    """
    if reason is None:
        return None
    return Refusal.ADDRESS if _OF_AN_ADDRESS.match(reason) else Refusal.CONTENT


@dataclass(frozen=True, slots=True)
class Behind:
    """A condition on rows: one of these states and, if there are any, one of these causes of a bounce."""

    states: frozenset[State]
    bounces: frozenset[BounceCause] = frozenset()


def behind(kinds: Collection[OutcomeKind], causes: Collection[OutcomeCause]) -> tuple[Behind, ...]:
    """The conditions of which every recipient with such an outcome meets one. Without `causes` no other meets any.

    Empty `kinds` or `causes` mean all. A cause may depend on more than is in a condition: on a mistyped address. A
    bounce that was stored before causes were kept is found by no cause: all bounces would have to be read to find it.
    """
    fits = [
        fate
        for fate in FATES
        if (not kinds or KIND_OF[fate.state] in kinds)
        and (not causes or (outcome_of(fate).cause in causes and not _has_lost_its_cause(fate)))
    ]
    bounces = frozenset(fate.bounce for fate in fits if fate.bounce is not None)
    states = frozenset(fate.state for fate in fits if fate.bounce is None)
    known = () if State.BOUNCED in states or not bounces else (Behind(frozenset({State.BOUNCED}), bounces),)
    return (*([Behind(states)] if states else []), *known)


def _has_lost_its_cause(fate: Fate) -> bool:
    return fate.state is State.BOUNCED and fate.bounce is None


def _fates() -> Iterator[Fate]:
    for state in State:
        of_state = {
            State.BOUNCED: [Fate(state=state, bounce=cause) for cause in (*BounceCause, None)],
            State.SUPPRESSED: [Fate(state=state, origin=origin) for origin in (*Origin, None)],
            State.FAILED: [Fate(state=state, refusal=refusal) for refusal in (*Refusal, None)],
            State.CANCELED: [Fate(state=state, superseded=superseded) for superseded in (False, True)],
            State.DELIVERED: [Fate(state=state, opened=opened) for opened in (False, True)],
        }
        for fate in of_state.get(state, [Fate(state=state)]):
            yield fate
            yield replace(fate, meant="gmail.com")


def _words(fate: Fate) -> Words:
    match fate.state:
        case State.BOUNCED:
            return OF_BOUNCE[fate.bounce]
        case State.SUPPRESSED:
            return OF_ORIGIN[fate.origin]
        case State.FAILED:
            return OF_REFUSAL[fate.refusal]
        case State.CANCELED if fate.superseded:
            return SUPERSEDED
        case State.DELIVERED if fate.opened:
            return OPENED
    return OF_STATE[fate.state]


FATES: Final = tuple(_fates())
"""Every fate that has words of its own, each also with a mistyped domain."""
