"""A small world for exhaustive search: mails to one address, workers that hold claims, and the truth about each call.

What may happen in it is in `tests.model`, what must hold in it in `tests.invariants`.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from app.domain.delivery import State
from app.domain.feedback import Bounce, BounceType, Complaint, Feedback, FeedbackKind
from app.domain.proof import OnUnconfirmed
from app.services.results import Result
from app.store.attempts import AttemptOutcome
from app.store.recipients import Recipient

NOW: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
OPEN: Final = (AttemptOutcome.CALLING, AttemptOutcome.UNKNOWN)


class Row(NamedTuple):
    """What the database knows of one recipient. `token` and `message` name an attempt by its place."""

    state: State = State.QUEUED
    burned: int = 0
    token: int | None = None
    message: int | None = None
    duplicate: bool = False
    since: bool = False


class Attempt(NamedTuple):
    """One call: how it stands in the database, and the truth about it.

    `taken`: it is in SES's own ledger. `lost`: none of its events will ever come. `old`: it left before the address was
    last unsuppressed.
    """

    outcome: AttemptOutcome = AttemptOutcome.CALLING
    taken: bool = False
    lost: bool = False
    old: bool = False


class Mail(NamedTuple):
    """One recipient's mail. `news` is the worst that was ever heard of it, `resent` how often it was let go again."""

    row: Row = Row()
    calls: tuple[Attempt, ...] = ()
    policy: OnUnconfirmed = OnUnconfirmed.RESEND
    past_deadline: bool = False
    resent: int = 0
    by_person: bool = False
    news: int = 0

    @property
    def taken(self) -> int:
        return sum(call.taken for call in self.calls)

    @property
    def in_doubt(self) -> bool:
        return any(call.outcome in OPEN for call in self.calls)

    @property
    def excused(self) -> bool:
        """Whether a second acceptance is nobody's doing but a lost event's or a person's."""
        return self.by_person or any(call.lost for call in self.calls)


class Phase(StrEnum):
    """How far a worker is with a call; each is in its flight recorder."""

    CLAIMED = "claimed"
    ON_THE_WIRE = "on the wire"
    ANSWERED = "answered"


class Hand(NamedTuple):
    """A worker that holds a claim. `overdue`: its lease has run out."""

    mail: int
    call: int
    phase: Phase = Phase.CLAIMED
    result: Result | None = None
    alive: bool = True
    overdue: bool = False


class World(NamedTuple):
    """All mails go to one address."""

    mails: tuple[Mail, ...]
    hands: tuple[Hand, ...] = ()
    suppressed: bool = False


class Step(NamedTuple):
    """Something that happens: what, to which mail, the world afterwards, and what a report or an event was about."""

    what: str
    mail: int
    after: World
    result: Result | None = None
    call_was_old: bool = False


def _feedback(kind: FeedbackKind, bounce: Bounce | None = None, complaint: Complaint | None = None) -> Feedback:
    return Feedback(
        kind=kind,
        ses_message_id="",
        recipient=None,
        occurred_at=NOW,
        mail_sent_at=NOW,
        bounce=bounce,
        complaint=complaint,
    )


FEEDBACK: Final = {
    "send": _feedback(FeedbackKind.SEND),
    "delivery": _feedback(FeedbackKind.DELIVERY),
    "bounce": _feedback(FeedbackKind.BOUNCE, bounce=Bounce(type=BounceType.PERMANENT, subtype="General")),
    "complaint": _feedback(FeedbackKind.COMPLAINT, complaint=Complaint(feedback_type="abuse")),
}
HARD: Final = ("bounce", "complaint")
# Stated here once more, on purpose: the worst news counts, in whatever order it comes.
NEWS: Final = {"send": 1, "delivery": 4, "bounce": 5, "complaint": 6}


def token_of(place: int) -> UUID:
    return UUID(int=place + 1)


def recipient_of(row: Row) -> Recipient:
    nobody = UUID(int=0)
    return Recipient(
        id=nobody,
        email_id=nobody,
        app_id=nobody,
        lane="transactional",
        scope="invites/default",
        sender_domain="example.com",
        kind="to",
        name=None,
        address="ann@example.net",
        key="ann@example.net",
        state=row.state,
        reason=None,
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
    return world.mails[hand.mail].calls[hand.call]


def put(calls: tuple[Attempt, ...], place: int, call: Attempt) -> tuple[Attempt, ...]:
    return (*calls[:place], call, *calls[place + 1 :])


def with_mail(world: World, number: int, mail: Mail, hands: tuple[Hand, ...] | None = None) -> World:
    mails = (*world.mails[:number], mail, *world.mails[number + 1 :])
    return World(mails, world.hands if hands is None else hands, world.suppressed)


def with_hand(world: World, hand: Hand | None, after: Hand | None) -> World:
    rest = tuple(one for one in world.hands if one != hand)
    return world._replace(hands=rest if after is None else tuple(sorted((*rest, after), key=_place)))


def _place(hand: Hand) -> tuple[int, int]:
    return hand.mail, hand.call
