"""Which events suppress an address, in which scope and for how long, and which evidence a removal outweighs.

Pure rules over one event. It reads no list and writes none; the bookkeeping is in `app.services`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol, TypeVar

from app.domain.feedback.bounce_causes import IN_PLAIN_WORDS, BounceCause
from app.domain.feedback.delivery_events import NO_COMPLAINT
from app.domain.feedback.events import Complaint, SesEvent
from app.domain.suppression.pauses import Weight

EVERY_EMAIL = "*"

_STREAM = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_APP = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
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
"""The strongest of several entries is the reason for the suppression; of two that last alike, it replaces the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms of all entries of an origin: the usual scope, whether they may end, and how they are unsuppressed.

    `in_stream`: the entry covers only the stream of the email, unless a person chose its scope. `forced`: only a
    request with `force` unsuppresses it.
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
    """What happened to an entry of the list."""

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
    """Of several entries that cover one email, the reason why it is not sent: the first of the strongest."""
    return max(entries, key=lambda entry: STRENGTH[Origin(entry.origin)], default=None)


def takes_the_place_of(new: Lasting, old: Lasting) -> bool:
    """Whether a new entry replaces a live one of the same key and scope.

    The entry that lasts longer stays, and of two that last alike the stronger. So the result does not depend on the
    order in which they come, and a short entry never ends a longer one.
    """
    return _standing(new) > _standing(old)


def _standing(entry: Lasting) -> tuple[datetime, int]:
    return entry.expires_at or _NEVER, STRENGTH[Origin(entry.origin)]


class ListEffect(StrEnum):
    """What one event requires of the suppression list."""

    SUPPRESS = "suppress"
    PAUSE = "pause"
    COUNT = "count"
    RAISE_INCIDENT = "raise_incident"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """The verdict on one event, and the reason in one plain sentence.

    `origin` is set when the verdict is to suppress; `in_stream_only` narrows the suppression from every email to the
    stream of this one. `weight` is set when the bounce may lead to a pause.
    """

    verdict: ListEffect
    why: str
    origin: Origin | None = None
    in_stream_only: bool = False
    weight: Weight | None = None


_VERDICTS = {
    BounceCause.MAILBOX_GONE: (ListEffect.SUPPRESS, Origin.BOUNCE),
    BounceCause.SES_LIST: (ListEffect.SUPPRESS, Origin.SES_ACCOUNT),
    BounceCause.SES_GLOBAL_LIST: (ListEffect.PAUSE, None),
    BounceCause.REFUSED_UNCLEAR: (ListEffect.PAUSE, None),
    BounceCause.OPTED_OUT: (ListEffect.SUPPRESS, Origin.UNSUBSCRIBE),
    BounceCause.OUR_FAULT: (ListEffect.RAISE_INCIDENT, None),
    BounceCause.OUR_RATE: (ListEffect.RAISE_INCIDENT, None),
    BounceCause.SPAM_VERDICT: (ListEffect.RAISE_INCIDENT, None),
    BounceCause.DOMAIN_GONE: (ListEffect.COUNT, None),
    BounceCause.MAILBOX_FULL: (ListEffect.COUNT, None),
    BounceCause.MAILBOX_BUSY: (ListEffect.COUNT, None),
    BounceCause.RECIPIENT_RULE: (ListEffect.COUNT, None),
    BounceCause.RELAY_DENIED: (ListEffect.COUNT, None),
    BounceCause.PROVIDER_TROUBLE: (ListEffect.COUNT, None),
    BounceCause.PASSING: (ListEffect.COUNT, None),
    BounceCause.THIS_MESSAGE: (ListEffect.LEAVE, None),
    BounceCause.AUTO_REPLY: (ListEffect.LEAVE, None),
    BounceCause.STILL_TRYING: (ListEffect.LEAVE, None),
    BounceCause.NOT_ATTEMPTED: (ListEffect.LEAVE, None),
    BounceCause.UNDETERMINED: (ListEffect.LEAVE, None),
    BounceCause.UNKNOWN: (ListEffect.LEAVE, None),
}

_WEIGHTS = {
    BounceCause.SES_GLOBAL_LIST: Weight.GLOBAL_LIST,
    BounceCause.REFUSED_UNCLEAR: Weight.REFUSED,
    BounceCause.OUR_FAULT: Weight.LAID_TO_US,
    BounceCause.SPAM_VERDICT: Weight.LAID_TO_US,
}

_EXEMPT = Ruling(
    verdict=ListEffect.LEAVE,
    why="An address of the SES mailbox simulator; exempt, or each could be tried only once.",
)
_NO_CLAIM = Ruling(verdict=ListEffect.LEAVE, why="")


def rule(ses_event: SesEvent, cause: BounceCause | None, *, exempt: bool) -> Ruling:
    """What this event requires of the list. `cause` is that of its bounce (`BounceReader`).

    `exempt` is for addresses of the mailbox simulator, when the setting says so.
    """
    ruling = _rule(ses_event, cause)
    if exempt and ruling.verdict in {ListEffect.SUPPRESS, ListEffect.PAUSE, ListEffect.COUNT}:
        return _EXEMPT
    return replace(ruling, weight=None) if exempt else ruling


def effect_of(cause: BounceCause) -> ListEffect:
    """What a bounce with this cause requires of the list."""
    return _VERDICTS[cause][0]


def is_claim(ses_event: SesEvent) -> bool:
    """Whether an event of this kind can require anything of the list: it is a bounce or a complaint."""
    return ses_event.bounce is not None or ses_event.complaint is not None


def _rule(ses_event: SesEvent, cause: BounceCause | None) -> Ruling:
    if cause is not None:
        return _bounce(cause)
    if ses_event.complaint is not None:
        return _complaint(ses_event.complaint)
    return _NO_CLAIM


def _bounce(cause: BounceCause) -> Ruling:
    verdict, origin = _VERDICTS[cause]
    in_stream_only = origin is not None and TERMS[origin].in_stream
    return Ruling(
        verdict=verdict,
        origin=origin,
        in_stream_only=in_stream_only,
        weight=_WEIGHTS.get(cause, Weight.SOFT if verdict in {ListEffect.PAUSE, ListEffect.COUNT} else None),
        why=IN_PLAIN_WORDS[cause],
    )


def _complaint(complaint: Complaint) -> Ruling:
    if complaint.was_not_sent:
        return Ruling(
            verdict=ListEffect.SUPPRESS,
            origin=Origin.SES_ACCOUNT,
            why="SES holds an earlier complaint of this address; it did not try to deliver.",
        )
    if complaint.feedback_type in NO_COMPLAINT:
        return Ruling(verdict=ListEffect.LEAVE, why="A report that is not a complaint of the recipient.")
    why = "The recipient reported the email as spam."
    if complaint.among > 1:
        why = f"One of {complaint.among} recipients reported the email as spam; SES does not know which one."
    return Ruling(verdict=ListEffect.SUPPRESS, origin=Origin.COMPLAINT, why=why)


def complaint_in_words(complaint: Complaint) -> str:
    """What the complaint means, in one plain sentence."""
    return _complaint(complaint).why


SES_LETS_GO_WITHIN: Final = timedelta(minutes=15)
"""How long after a removal SES's own list may still hold the address: the sweep removes it there, one call a second."""


def outlived_by(removed_at: datetime, ses_event: SesEvent, *, origin: Origin | None = None) -> bool:
    """Whether the event is fresh evidence after a removal: its email was sent after that (promise 6).

    A refusal by SES's own list (`origin`) proves nothing new until the address has left that list as well.
    """
    known_until = removed_at + SES_LETS_GO_WITHIN if origin is Origin.SES_ACCOUNT else removed_at
    return (ses_event.mail_sent_at or ses_event.occurred_at) > known_until


def scope_of(app: str, stream: str) -> str:
    """The scope of one stream of one application, `app/stream`."""
    return f"{app}/{stream}"


def is_scope(text: str) -> bool:
    """Whether `text` is a scope: `*`, an application, or `app/stream`."""
    app, slash, stream = text.partition("/")
    return text == EVERY_EMAIL or bool(_APP.fullmatch(app) and (not slash or is_stream(stream)))


def is_stream(text: str) -> bool:
    """Whether `text` is the name of a stream: 1 to 64 of a-z, 0-9, `.`, `-` and `_`, a letter or digit first."""
    return bool(_STREAM.fullmatch(text))


def scopes_around(scope: str) -> tuple[str, str, str]:
    """The scopes that cover an email of `scope`, the widest first: every email, its application's, its stream's."""
    return EVERY_EMAIL, scope.partition("/")[0], scope
