"""Which feedback suppresses an address, in which scope, for how long, and what a removal outlives.

Pure rules over one piece of feedback. It reads no list and writes none; the bookkeeping is in `app.services`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol, TypeVar

from app.domain.bounces import IN_PLAIN_WORDS, BounceCause, cause_of
from app.domain.feedback import Complaint, Feedback
from app.domain.news import NO_COMPLAINT

EVERY_MAIL = "*"

SOFT_BOUNCE_LIMIT = 3
SOFT_BOUNCE_WINDOW = timedelta(days=7)
SOFT_BOUNCE_PAUSE = timedelta(days=14)
_LONGEST_PAUSE = timedelta(days=448)
_APP_OR_STREAM = re.compile(r"[a-z0-9][a-z0-9-]{0,62}(?:/[a-z0-9][a-z0-9._-]{0,63})?")
_NEVER = datetime.max.replace(tzinfo=UTC)


class Origin(StrEnum):
    """What put an address on the list."""

    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"
    MANUAL = "manual"
    SES_ACCOUNT = "ses_account"
    ERASURE = "erasure"


STRENGTH = {
    Origin.UNSUBSCRIBE: 1,
    Origin.MANUAL: 2,
    Origin.SES_ACCOUNT: 3,
    Origin.BOUNCE: 4,
    Origin.COMPLAINT: 5,
    Origin.ERASURE: 6,
}
"""Which of several entries tells why an address is suppressed, and which takes the place of which: the strongest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for all entries of an origin: their usual scope, whether they may end, and how they are lifted.

    `in_stream` is for an entry that concerns the stream of the mail alone, unless somebody chose its scope. One that is
    `forced` is lifted only by who says that it is meant.
    """

    in_stream: bool = False
    forced: bool = False
    may_expire: bool = False


TERMS = {
    Origin.UNSUBSCRIBE: Terms(in_stream=True),
    Origin.MANUAL: Terms(may_expire=True),
    Origin.SES_ACCOUNT: Terms(),
    Origin.BOUNCE: Terms(may_expire=True),
    Origin.COMPLAINT: Terms(forced=True),
    Origin.ERASURE: Terms(forced=True),
}
"""`docs/suppression.md` has the same as a table."""


class Change(StrEnum):
    """What became of an entry of the list."""

    ADDED = "added"
    REPLACED = "replaced"
    PROLONGED = "prolonged"
    COVERED = "covered"
    WITHDRAWN = "withdrawn"
    REVIEW = "review"
    CONFIRMED = "confirmed"
    REMOVED = "removed"
    RESTORED = "restored"
    EXPIRED = "expired"


class Listed(Protocol):
    """An entry of the list, as far as its strength goes."""

    @property
    def origin(self) -> str:
        """What put it there, an `Origin`."""


class Lasting(Listed, Protocol):
    """An entry of the list that may end by itself."""

    @property
    def expires_at(self) -> datetime | None:
        """When it ends; None is never."""


L = TypeVar("L", bound=Listed)


def decisive(entries: Iterable[L]) -> L | None:
    """Which of several entries that concern one mail tells why it is not sent: the first of the strongest."""
    return max(entries, key=lambda entry: STRENGTH[Origin(entry.origin)], default=None)


def takes_the_place_of(new: Lasting, old: Lasting) -> bool:
    """Whether a new entry takes the place of a live one of the same name and scope.

    The one that lasts longer stands, and of two that last alike the stronger: so the same one stands in whatever order
    they come, and no short pause ends what was to last.
    """
    return _standing(new) > _standing(old)


def _standing(entry: Lasting) -> tuple[datetime, int]:
    return entry.expires_at or _NEVER, STRENGTH[Origin(entry.origin)]


class Verdict(StrEnum):
    """What one piece of feedback asks of the suppression list."""

    SUPPRESS = "suppress"
    COUNT = "count"
    RAISE_INCIDENT = "raise_incident"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """The verdict on one piece of feedback, and why in one plain sentence.

    `origin` is set when the verdict is to suppress; `in_stream_only` narrows that from every mail to the stream of the
    mail.
    """

    verdict: Verdict
    why: str
    origin: Origin | None = None
    in_stream_only: bool = False


_VERDICTS = {
    BounceCause.MAILBOX_GONE: (Verdict.SUPPRESS, Origin.BOUNCE),
    BounceCause.SES_LIST: (Verdict.SUPPRESS, Origin.SES_ACCOUNT),
    BounceCause.OPTED_OUT: (Verdict.SUPPRESS, Origin.UNSUBSCRIBE),
    BounceCause.OUR_FAULT: (Verdict.RAISE_INCIDENT, None),
    BounceCause.MAILBOX_FULL: (Verdict.COUNT, None),
    BounceCause.PROVIDER_TROUBLE: (Verdict.COUNT, None),
    BounceCause.PASSING: (Verdict.COUNT, None),
    BounceCause.THIS_MESSAGE: (Verdict.LEAVE, None),
    BounceCause.AUTO_REPLY: (Verdict.LEAVE, None),
    BounceCause.STILL_TRYING: (Verdict.LEAVE, None),
    BounceCause.NOT_ATTEMPTED: (Verdict.LEAVE, None),
    BounceCause.UNKNOWN: (Verdict.LEAVE, None),
}

_EXEMPT = Ruling(
    verdict=Verdict.LEAVE,
    why="An address of the SES mailbox simulator; it is exempt, or each could be tried only once.",
)
_NO_CLAIM = Ruling(verdict=Verdict.LEAVE, why="")


def rule(feedback: Feedback, *, exempt: bool) -> Ruling:
    """What this feedback asks of the list.

    `exempt` is for addresses of the mailbox simulator, when the setting says so.
    """
    ruling = _rule(feedback)
    if exempt and ruling.verdict in {Verdict.SUPPRESS, Verdict.COUNT}:
        return _EXEMPT
    return ruling


def is_claim(feedback: Feedback) -> bool:
    """Whether feedback of this kind may ask anything of the list: it is a bounce or a complaint."""
    return feedback.bounce is not None or feedback.complaint is not None


def _rule(feedback: Feedback) -> Ruling:
    if feedback.bounce is not None:
        return _bounce(cause_of(feedback.bounce))
    if feedback.complaint is not None:
        return _complaint(feedback.complaint)
    return _NO_CLAIM


def _bounce(cause: BounceCause) -> Ruling:
    verdict, origin = _VERDICTS[cause]
    in_stream_only = origin is not None and TERMS[origin].in_stream
    return Ruling(verdict=verdict, origin=origin, in_stream_only=in_stream_only, why=IN_PLAIN_WORDS[cause])


def _complaint(complaint: Complaint) -> Ruling:
    if complaint.feedback_type in NO_COMPLAINT:
        return Ruling(verdict=Verdict.LEAVE, why="A report that is not a complaint of the recipient.")
    if complaint.subtype:
        return Ruling(
            verdict=Verdict.SUPPRESS,
            origin=Origin.SES_ACCOUNT,
            why="SES holds an earlier complaint of this address; it did not try to deliver.",
        )
    return Ruling(verdict=Verdict.SUPPRESS, origin=Origin.COMPLAINT, why="The recipient reported the mail as spam.")


def outlived_by(removed_at: datetime, feedback: Feedback) -> bool:
    """Whether the feedback is fresh evidence after a removal: its mail left SES later than that (promise 6)."""
    return (feedback.mail_sent_at or feedback.occurred_at) > removed_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A pause for soft bounces: until when, how long it is, and how many messages it is for."""

    until: datetime
    length: timedelta
    messages: int


def soft_bounce_pause(bounced_at: Sequence[datetime], *, earlier_pauses: int) -> Pause | None:
    """The pause for distinct messages that bounced softly at these times, in whatever order they are told.

    It begins with the last bounce that made the limit within the window; None when none did. Each earlier pause without
    a delivery since doubles its length, up to 448 days.
    """
    times = sorted(bounced_at)
    runs = zip(times, times[SOFT_BOUNCE_LIMIT - 1 :], strict=False)
    reached = [last for first, last in runs if last - first <= SOFT_BOUNCE_WINDOW]
    if not reached:
        return None
    doublings: int = 2 ** min(earlier_pauses, 5)
    length = min(SOFT_BOUNCE_PAUSE * doublings, _LONGEST_PAUSE)
    messages = sum(reached[-1] - SOFT_BOUNCE_WINDOW <= time <= reached[-1] for time in times)
    return Pause(until=reached[-1] + length, length=length, messages=messages)


def scope_of(app: str, stream: str) -> str:
    """The scope of one stream of one application, `app/stream`."""
    return f"{app}/{stream}"


def is_scope(text: str) -> bool:
    """Whether `text` is a scope: `*`, an application, or `app/stream`."""
    return text == EVERY_MAIL or bool(_APP_OR_STREAM.fullmatch(text))


def scopes_around(scope: str) -> tuple[str, str, str]:
    """The scopes that concern a mail of `scope`, the widest first: every mail, its application's, its stream's."""
    return EVERY_MAIL, scope.partition("/")[0], scope
