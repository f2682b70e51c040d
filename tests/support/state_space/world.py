"""A small world for exhaustive search: emails to one address, workers that hold claims, and the truth about each call.

`tests.support.state_space.model` has the possible steps, `tests.support.state_space.invariants` the invariants.
"""

from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Final, NamedTuple
from uuid import UUID

from app.domain.feedback.events import Bounce, BounceType, Complaint, EventType, SesEvent
from app.domain.sending.state_machine import State
from app.domain.sending.unconfirmed_policy import OnUnconfirmed
from app.services.sending.call_results import Result
from app.store.sending.attempts import AttemptOutcome
from app.store.sending.recipients import Recipient

NOW: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
OPEN: Final = (AttemptOutcome.CALLING, AttemptOutcome.UNKNOWN)


class Row(NamedTuple):
    """The row of one recipient. `token` and `message` are the index of an attempt."""

    state: State = State.QUEUED
    burned: int = 0
    token: int | None = None
    message: int | None = None
    duplicate: bool = False
    since: bool = False


class Attempt(NamedTuple):
    """One call: its row in the database, and the truth about it.

    `taken`: it is in SES's own ledger. `lost`: none of its events will ever come. `old`: it was sent before the address
    was last unsuppressed.
    """

    outcome: AttemptOutcome = AttemptOutcome.CALLING
    taken: bool = False
    lost: bool = False
    old: bool = False


class Email(NamedTuple):
    """An email to one recipient. `worst` is how bad its worst event is, `resent` how often it was resent."""

    row: Row = Row()
    calls: tuple[Attempt, ...] = ()
    policy: OnUnconfirmed = OnUnconfirmed.RESEND
    past_deadline: bool = False
    resent: int = 0
    by_person: bool = False
    worst: int = 0

    @property
    def taken(self) -> int:
        return sum(call.taken for call in self.calls)

    @property
    def in_doubt(self) -> bool:
        return any(call.outcome in OPEN for call in self.calls)

    @property
    def excused(self) -> bool:
        """Return whether a lost event or a person is the cause of a second acceptance."""
        return self.by_person or any(call.lost for call in self.calls)


class Phase(StrEnum):
    """The progress of a worker with a call; its flight recorder has each phase."""

    CLAIMED = "claimed"
    ON_THE_WIRE = "on the wire"
    ANSWERED = "answered"


class Hand(NamedTuple):
    """A worker that holds a claim. `overdue`: its lease has expired."""

    email: int
    call: int
    phase: Phase = Phase.CLAIMED
    result: Result | None = None
    alive: bool = True
    overdue: bool = False


class World(NamedTuple):
    """All emails go to one address."""

    emails: tuple[Email, ...]
    hands: tuple[Hand, ...] = ()
    suppressed: bool = False


class Step(NamedTuple):
    """One step: its name, its email, the world afterwards, and the subject of a report or an event."""

    what: str
    email: int
    after: World
    result: Result | None = None
    call_was_old: bool = False


def _feedback(kind: EventType, bounce: Bounce | None = None, complaint: Complaint | None = None) -> SesEvent:
    return SesEvent(
        kind=kind,
        ses_message_id="",
        recipient=None,
        occurred_at=NOW,
        mail_sent_at=NOW,
        bounce=bounce,
        complaint=complaint,
    )


FEEDBACK: Final = {
    "send": _feedback(EventType.SEND),
    "delivery": _feedback(EventType.DELIVERY),
    "bounce": _feedback(
        EventType.BOUNCE, bounce=Bounce(type=BounceType.PERMANENT, subtype="General", diagnostic="550 user unknown")
    ),
    "complaint": _feedback(EventType.COMPLAINT, complaint=Complaint(feedback_type="abuse")),
}
HARD: Final = ("bounce", "complaint")
# Repeated here on purpose: the worst event counts, in whatever order they come.
SEVERITY: Final = {"send": 1, "delivery": 4, "bounce": 5, "complaint": 6}


@cache
def token_of(place: int) -> UUID:
    return UUID(int=place + 1)


@cache
def recipient_of(row: Row) -> Recipient:
    no_id = UUID(int=0)
    return Recipient(
        id=no_id,
        email_id=no_id,
        app_id=no_id,
        lane="transactional",
        scope="invites/default",
        sender_domain="example.com",
        kind="to",
        name=None,
        mailbox_provider="other",
        address="ann@example.net",
        key="ann@example.net",
        state=row.state,
        reason=None,
        cause=None,
        due_at=NOW,
        expires_at=None,
        attempts=row.burned,
        lease_token=None if row.token is None else token_of(row.token),
        lease_until=None,
        ses_message_id=None if row.message is None else str(row.message),
        possible_duplicate=row.duplicate,
        unconfirmed_since=NOW if row.since else None,
        opened_at=None,
        clicked_at=None,
        created_at=NOW,
        updated_at=NOW,
    )


def row_of(recipient: Recipient) -> Row:
    return Row(
        state=recipient.state,
        burned=recipient.attempts,
        token=None if recipient.lease_token is None else recipient.lease_token.int - 1,
        message=None if recipient.ses_message_id is None else int(recipient.ses_message_id),
        duplicate=recipient.possible_duplicate,
        since=recipient.unconfirmed_since is not None,
    )


def call_of(world: World, hand: Hand) -> Attempt:
    return world.emails[hand.email].calls[hand.call]


def put(calls: tuple[Attempt, ...], place: int, call: Attempt) -> tuple[Attempt, ...]:
    return (*calls[:place], call, *calls[place + 1 :])


def with_mail(world: World, number: int, email: Email, hands: tuple[Hand, ...] | None = None) -> World:
    emails = (*world.emails[:number], email, *world.emails[number + 1 :])
    return World(emails, world.hands if hands is None else hands, world.suppressed)


def with_hand(world: World, hand: Hand | None, after: Hand | None) -> World:
    rest = tuple(one for one in world.hands if one != hand)
    return world._replace(hands=rest if after is None else tuple(sorted((*rest, after), key=_place)))


def _place(hand: Hand) -> tuple[int, int]:
    return hand.email, hand.call
