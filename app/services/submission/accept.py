"""Step 1: take a mail in. After the answer it is in the database, whatever happens next (promise 1).

It decides whether a submission is a mail that may be sent: sender, recipients, times, content. It sends nothing: it
rings the bell of the lane and is done.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.domain.address import Mailbox
from app.domain.callers import Caller, Scope
from app.domain.delivery import State
from app.domain.errors import Fault, InvalidIdempotentRequest, RestrictedApiKey
from app.domain.mime import Message, check_message
from app.domain.proof import OnUnconfirmed
from app.domain.suppression import scope_of
from app.queue import DELIVER, Bells, Lane
from app.services.gate import Addressee, Gate
from app.services.keep import Entry, Keep
from app.store import keys
from app.store.bodies import Body, pack
from app.store.db import Database
from app.store.emails import NewEmail, NewRecipient
from app.store.ids import new_id
from app.store.pseudonyms import Pseudonyms
from app.store.sealing import KeyRing
from app.store.suppressions import Suppression
from app.store.verdicts import reason_for

Json = dict[str, Any]

_STREAM = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_FURTHEST = timedelta(days=30)
_JUST_NOW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One mail as an application hands it in, its syntax already checked."""

    message: Message
    bcc: tuple[Mailbox, ...] = ()
    stream: str = "default"
    lane: Lane | None = None
    tags: tuple[tuple[str, str], ...] = ()
    scheduled_at: datetime | None = None
    expires_at: datetime | None = None
    on_unconfirmed: OnUnconfirmed | None = None


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A client's idempotency key and the SHA-256 of the request that came with it."""

    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadySuppressed:
    """A recipient that will not be sent to."""

    email: str
    origin: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the application gets for one submission."""

    id: UUID
    suppressed: tuple[AlreadySuppressed, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request, and whether it is the stored one of an earlier request."""

    body: Json
    replayed: bool


class Accept:
    """Takes submissions in."""

    def __init__(
        self,
        *,
        database: Database,
        key_ring: KeyRing,
        gate: Gate,
        pseudonyms: Pseudonyms,
        bells: Bells,
        clock: Callable[[], datetime],
        max_recipients: int,
        idempotency_lasts: timedelta,
    ) -> None:
        self._database = database
        self._key_ring = key_ring
        self._gate = gate
        self._pseudonyms = pseudonyms
        self._bells = bells
        self._clock = clock
        self._max_recipients = max_recipients
        self._keep = Keep(database=database, idempotency_lasts=idempotency_lasts)

    def faults(self, caller: Caller, submission: Submission) -> tuple[Fault, ...]:
        """Every rule that the submission breaks.

        Raises `RestrictedApiKey` when the application may not use this From.
        """
        caller.require(Scope.EMAILS_SEND)
        sender = submission.message.sender
        if not caller.may_send_as(sender.address.key):
            raise RestrictedApiKey(
                "This application may not send from this address.",
                faults=(
                    Fault("/from", "sender_not_allowed", "The From address is not one of the application's senders."),
                ),
            )
        return (
            *check_message(submission.message),
            *self._recipient_faults(submission),
            *self._time_faults(submission),
            *([fault] if (fault := check_stream(submission.stream)) else []),
        )

    def __call__(
        self,
        caller: Caller,
        submissions: Sequence[Submission],
        *,
        idempotency: Idempotency | None,
        answer: Callable[[tuple[Receipt, ...]], Json],
    ) -> Answer:
        """Commit the mails, then ring. `submissions` have no `faults`; `answer` makes the body that the client gets.

        With an idempotency key the body is stored in the transaction of the mails, and the same request gets it again.
        Raises `InvalidIdempotentRequest`, `ConcurrentIdempotentRequests` and `ServiceUnavailable`; then nothing was
        accepted.
        """
        suppressed = self._gate.suppressed([one for mail in submissions for one in _addressees(caller, mail)])
        new = tuple(self._new_email(caller, mail, suppressed) for mail in submissions)
        receipts = tuple(
            Receipt(email.id, _suppressed_of(caller, mail, suppressed))
            for email, mail in zip(new, submissions, strict=True)
        )
        body = answer(receipts)
        claim = _claim(caller, idempotency, body) if idempotency is not None else None
        outcome = self._keep(Entry(new, claim))
        self._ring(outcome.to_ring)
        if outcome.failure is not None:
            raise outcome.failure
        if idempotency is not None and outcome.earlier is not None:
            return _replay(outcome.earlier, idempotency)
        return Answer(body, replayed=False)

    def replay(self, caller: Caller, idempotency: Idempotency) -> Answer | None:
        """The stored answer to this request, or None. Raises `InvalidIdempotentRequest`."""
        with self._database.reading() as connection:
            earlier = keys.recall(connection, app_id=caller.app_id, key=idempotency.key)
        return _replay(earlier, idempotency) if earlier else None

    def _new_email(self, caller: Caller, mail: Submission, suppressed: dict[Addressee, Suppression]) -> NewEmail:
        email_id = new_id()
        message = mail.message
        sender = message.sender
        scope = scope_of(caller.app, mail.stream)
        first = State.QUEUED if mail.scheduled_at is None else State.SCHEDULED
        body = pack(Body(text=message.text, html=message.html, attachments=message.attachments))
        return NewEmail(
            id=email_id,
            app_id=caller.app_id,
            stream=mail.stream,
            scope=scope,
            lane=mail.lane or caller.default_lane,
            sender=sender.address.email,
            sender_name=sender.name,
            sender_domain=sender.address.domain,
            reply_to=tuple((one.name, one.address.email) for one in message.reply_to),
            subject=message.subject,
            headers=message.headers,
            tags=mail.tags,
            body=self._key_ring.seal(body, row_id=email_id),
            on_unconfirmed=mail.on_unconfirmed or caller.on_unconfirmed,
            scheduled_at=mail.scheduled_at,
            expires_at=mail.expires_at,
            recipients=tuple(
                self._new_recipient(kind, mailbox, suppressed.get(Addressee(mailbox.address.key, scope)), first)
                for kind, mailbox in _each_address_once(mail)
            ),
        )

    def _new_recipient(self, kind: str, mailbox: Mailbox, entry: Suppression | None, first: State) -> NewRecipient:
        return NewRecipient(
            id=new_id(),
            kind=kind,
            name=mailbox.name,
            address=mailbox.address.email,
            key=mailbox.address.key,
            pseudonym=self._pseudonyms(mailbox.address.key),
            state=first if entry is None else State.SUPPRESSED,
            reason=None if entry is None else reason_for(entry.origin),
        )

    def _ring(self, new: Sequence[NewEmail]) -> None:
        for lane in {email.lane for email in new if email.scheduled_at is None}:
            self._bells.ring(DELIVER[Lane(lane)])

    def _recipient_faults(self, submission: Submission) -> Iterator[Fault]:
        message = submission.message
        count = len(message.to) + len(message.cc) + len(submission.bcc)
        if count == 0:
            yield Fault("/to", "required", "A mail needs at least one recipient.")
        if count > self._max_recipients:
            yield Fault("/to", "too_many", f"At most {self._max_recipients} recipients: to, cc and bcc together.")

    def _time_faults(self, submission: Submission) -> Iterator[Fault]:
        at, until, now = submission.scheduled_at, submission.expires_at, self._clock()
        if at is not None and at < now - _JUST_NOW:
            yield Fault("/scheduled_at", "in_the_past", "The time to send at is in the past.")
        if at is not None and at > now + _FURTHEST:
            yield Fault("/scheduled_at", "too_far", f"A mail can be scheduled at most {_FURTHEST.days} days ahead.")
        if until is not None and until <= max(now, at or now):
            yield Fault("/expires_at", "too_early", "The mail would expire before it could be sent.")


def check_stream(name: str) -> Fault | None:
    """The rule that the name of a stream breaks, if any."""
    rule = "1 to 64 of a-z, 0-9, dot, hyphen and underscore, a letter or digit first."
    return None if _STREAM.fullmatch(name) else Fault("/stream", "grammar", rule)


def fingerprint(path: str, body: bytes) -> bytes:
    """What makes two requests with one idempotency key the same request."""
    return hashlib.sha256(path.encode() + b"\0" + body).digest()


def _claim(caller: Caller, idempotency: Idempotency, answer: Json) -> keys.Claim:
    wanted = keys.Remembered(idempotency.fingerprint, answer)
    return keys.Claim(app_id=caller.app_id, key=idempotency.key, wanted=wanted)


def _replay(earlier: keys.Remembered, idempotency: Idempotency) -> Answer:
    if earlier.fingerprint != idempotency.fingerprint:
        raise InvalidIdempotentRequest("This Idempotency-Key was used with another request; use a new key.")
    return Answer(earlier.answer, replayed=True)


def _each_address_once(mail: Submission) -> Iterator[tuple[str, Mailbox]]:
    """To before cc before bcc; one address gets one copy, however often it is named."""
    seen: set[str] = set()
    for kind, mailboxes in (("to", mail.message.to), ("cc", mail.message.cc), ("bcc", mail.bcc)):
        for mailbox in mailboxes:
            if mailbox.address.key not in seen:
                seen.add(mailbox.address.key)
                yield kind, mailbox


def _addressees(caller: Caller, mail: Submission) -> list[Addressee]:
    scope = scope_of(caller.app, mail.stream)
    return [Addressee(mailbox.address.key, scope) for _, mailbox in _each_address_once(mail)]


def _suppressed_of(
    caller: Caller, mail: Submission, suppressed: dict[Addressee, Suppression]
) -> tuple[AlreadySuppressed, ...]:
    scope = scope_of(caller.app, mail.stream)
    found = [
        (mailbox, suppressed.get(Addressee(mailbox.address.key, scope))) for _, mailbox in _each_address_once(mail)
    ]
    return tuple(
        AlreadySuppressed(email=mailbox.address.email, origin=entry.origin, created_at=entry.created_at)
        for mailbox, entry in found
        if entry is not None
    )
