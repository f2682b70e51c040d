"""Step 1: accept an email. Once the request is answered, the email is in the database (promise 1).

This module decides whether a submission may be sent as an email: sender, recipients, times, content. It sends nothing:
it only rings the bell of the lane.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Fault, InvalidIdempotentRequest
from app.domain.feedback.providers import provider_of
from app.domain.message.address import Mailbox
from app.domain.message.mime import Message, check_message
from app.domain.message.raw.reader import RawMessage
from app.domain.sending.state_machine import first_state
from app.domain.sending.unconfirmed_policy import OnUnconfirmed
from app.domain.suppression.rules import scope_of
from app.queue import Bells, Lane, deliver_bell
from app.services.apps.streams import check_stream
from app.services.submission.commit import Entry, Keep
from app.services.submission.idempotency import Idempotency
from app.services.submission.permissions import require_sender, require_team
from app.services.submission.supersede import Superseded
from app.services.suppression.gate import Addressee, Gate
from app.store.engine.database import Database
from app.store.engine.ids import new_id
from app.store.privacy.pseudonyms import Pseudonyms
from app.store.submission import idempotency_keys
from app.store.submission.body_packing import Body, RawBody, pack
from app.store.submission.emails import NewEmail, NewRecipient
from app.store.submission.idempotency_keys import Claim, Remembered
from app.store.submission.sealing import KeyRing
from app.store.suppression.gate_sql import reason_for
from app.store.suppression.suppressions import Suppression

Json = dict[str, Any]
Entries = dict[Addressee, Suppression]

_FURTHEST = timedelta(days=30)
_JUST_NOW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One email as an application submits it, its syntax already checked."""

    message: Message | RawMessage
    """A raw message has been checked as it was read."""
    bcc: tuple[Mailbox, ...] = ()
    stream: str | None = None
    """Default: that of the application."""
    lane: Lane | None = None
    tags: tuple[tuple[str, str], ...] = ()
    actor: str | None = None
    """On whose behalf it is sent: an id of the application's own, or an address."""
    reference: str | None = None
    """What it is about: an id of the application's own."""
    supersedes: str | None = None
    """A key of the application's own: the email cancels older ones with the same key that have not left."""
    scheduled_at: datetime | None = None
    scheduled_in: timedelta | None = None
    """In place of `scheduled_at`: how long after it is accepted."""
    expires_at: datetime | None = None
    expires_in: timedelta | None = None
    on_unconfirmed: OnUnconfirmed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadySuppressed:
    """A recipient that will not be sent to."""

    email: str
    origin: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """The result of one submission, for the application."""

    id: UUID
    suppressed: tuple[AlreadySuppressed, ...]
    superseded: tuple[UUID, ...] = ()
    """The older emails that it canceled."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The answer to a request, and whether it is the stored one of an earlier request."""

    body: Json
    replayed: bool


class Accept:
    """Accepts submissions."""

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

        Raises `RestrictedApiKey` when the caller may not use this From, or may not write to a recipient.
        """
        caller.require(Scope.EMAILS_SEND)
        submission = self._dated(submission)
        message = submission.message
        require_sender(caller, message.sender.address.key, "/from")
        require_team(caller, ("/to", message.to), ("/cc", message.cc), ("/bcc", submission.bcc))
        return (
            *(() if isinstance(message, RawMessage) else check_message(message)),
            *self._recipient_faults(submission),
            *self._time_faults(submission),
            *([fault] if (fault := check_stream(_stream(caller, submission))) else []),
        )

    def __call__(
        self,
        caller: Caller,
        submissions: Sequence[Submission],
        *,
        idempotency: Idempotency | None,
        answer: Callable[[tuple[Receipt, ...]], Json],
        request_id: UUID | None = None,
    ) -> Acceptance:
        """Commit the emails, then ring. `submissions` have no `faults`; `answer` makes the body for the client.

        With an idempotency key, the body is stored in the transaction of the emails, and the same request gets it
        again, whatever the limits of the application. Each email keeps `request_id`. Raises `ServiceUnavailable`,
        `InvalidIdempotentRequest`, `RateLimitExceeded` and `ConcurrentIdempotentRequests`; then nothing was accepted.
        """
        submissions = [self._dated(submission) for submission in submissions]
        suppressed = self._gate.suppressed(
            [one for submission in submissions for one in _addressees(caller, submission)]
        )
        new = tuple(self._new_email(caller, one, suppressed, request_id) for one in submissions)
        receipts = tuple(
            Receipt(email.id, _suppressed_of(caller, submission, suppressed))
            for email, submission in zip(new, submissions, strict=True)
        )

        def answer_with(superseded: Superseded) -> Json:
            return answer(tuple(replace(one, superseded=tuple(superseded.get(one.id, ()))) for one in receipts))

        body = answer(receipts)
        claim = _claim(caller, idempotency, body) if idempotency is not None else None
        committed = self._keep(Entry(new, claim, answer_with, caller.limits))
        self._ring([submission for one in committed.to_ring for submission in one.emails])
        outcome = committed.outcome
        if idempotency is not None and outcome.earlier is not None:
            return _replay(outcome.earlier, idempotency)
        return Acceptance(answer_with(outcome.superseded) if outcome.superseded else body, replayed=False)

    @property
    def waiting(self) -> int:
        """How many requests wait for another thread's commit."""
        return self._keep.waiting

    def replay(self, caller: Caller, idempotency: Idempotency) -> Acceptance | None:
        """The stored answer to this request, or None. Raises `InvalidIdempotentRequest`."""
        with self._database.reading() as connection:
            earlier = idempotency_keys.recall(connection, app_id=caller.app_id, key=idempotency.key)
        return _replay(earlier, idempotency) if earlier else None

    def _dated(self, submission: Submission) -> Submission:
        """The submission with times in place of durations."""
        if submission.scheduled_in is None and submission.expires_in is None:
            return submission
        now = self._clock()
        later, until = submission.scheduled_in, submission.expires_in
        return replace(
            submission,
            scheduled_at=submission.scheduled_at if later is None else now + later,
            expires_at=submission.expires_at if until is None else now + until,
            scheduled_in=None,
            expires_in=None,
        )

    def _new_email(
        self, caller: Caller, submission: Submission, suppressed: Entries, request_id: UUID | None
    ) -> NewEmail:
        email_id = new_id()
        message = submission.message
        sender = message.sender
        scope = _scope(caller, submission)
        later = submission.scheduled_at is not None
        body, headers = _content(message)
        return NewEmail(
            id=email_id,
            app_id=caller.app_id,
            stream=_stream(caller, submission),
            scope=scope,
            lane=caller.lane_of(submission.lane),
            sender=sender.address.email,
            sender_name=sender.name,
            sender_domain=sender.address.domain,
            reply_to=tuple((one.name, one.address.email) for one in message.reply_to),
            subject=message.subject,
            headers=headers,
            tags=submission.tags,
            actor=submission.actor,
            reference=submission.reference,
            supersedes=submission.supersedes,
            request_id=request_id,
            body=self._key_ring.seal(pack(body), row_id=email_id),
            on_unconfirmed=submission.on_unconfirmed or caller.on_unconfirmed,
            scheduled_at=submission.scheduled_at,
            expires_at=submission.expires_at,
            recipients=tuple(
                self._new_recipient(kind, mailbox, suppressed.get(Addressee(mailbox.address.key, scope)), later=later)
                for kind, mailbox in _each_address_once(submission)
            ),
        )

    def _new_recipient(self, kind: str, mailbox: Mailbox, entry: Suppression | None, *, later: bool) -> NewRecipient:
        return NewRecipient(
            id=new_id(),
            kind=kind,
            name=mailbox.name,
            address=mailbox.address.email,
            key=mailbox.address.key,
            pseudonym=self._pseudonyms(mailbox.address.key),
            mailbox_provider=provider_of(mailbox.address.domain),
            state=first_state(suppressed=entry is not None, scheduled=later),
            reason=None if entry is None else reason_for(entry.origin),
        )

    def _ring(self, new: Sequence[NewEmail]) -> None:
        for lane in {email.lane for email in new if email.scheduled_at is None}:
            self._bells.ring(deliver_bell(lane))

    def _recipient_faults(self, submission: Submission) -> Iterator[Fault]:
        message = submission.message
        count = len(message.to) + len(message.cc) + len(submission.bcc)
        if count == 0:
            yield Fault("/to", "required", "An email needs at least one recipient.")
        if count > self._max_recipients:
            yield Fault("/to", "too_many", f"At most {self._max_recipients} recipients: to, cc and bcc together.")

    def _time_faults(self, submission: Submission) -> Iterator[Fault]:
        at, until, now = submission.scheduled_at, submission.expires_at, self._clock()
        if at is not None and at < now - _JUST_NOW:
            yield Fault("/scheduled_at", "in_the_past", "The time to send at is in the past.")
        if at is not None and at > now + _FURTHEST:
            yield Fault("/scheduled_at", "too_far", f"An email can be scheduled at most {_FURTHEST.days} days ahead.")
        if until is not None and until <= max(now, at or now):
            yield Fault("/expires_at", "too_early", "The email would expire before it could be sent.")


def _content(message: Message | RawMessage) -> tuple[Body | RawBody, tuple[tuple[str, str], ...]]:
    """What is sealed, and the headers of the application beside it. Those of a raw message are inside of it."""
    if isinstance(message, RawMessage):
        return RawBody(message.raw), ()
    return Body(text=message.text, html=message.html, attachments=message.attachments), message.headers


def _stream(caller: Caller, submission: Submission) -> str:
    return caller.default_stream if submission.stream is None else submission.stream


def _scope(caller: Caller, submission: Submission) -> str:
    return scope_of(caller.app, _stream(caller, submission))


def _claim(caller: Caller, idempotency: Idempotency, answer: Json) -> Claim:
    return Claim(app_id=caller.app_id, key=idempotency.key, wanted=Remembered(idempotency.fingerprint, answer))


def _replay(earlier: Remembered, idempotency: Idempotency) -> Acceptance:
    if not idempotency.is_of(earlier.fingerprint):
        raise InvalidIdempotentRequest("This Idempotency-Key was used with another request; use a new key.")
    return Acceptance(earlier.answer, replayed=True)


def _each_address_once(submission: Submission) -> Iterator[tuple[str, Mailbox]]:
    """To before cc before bcc; one address gets one copy, however often it is named."""
    seen: set[str] = set()
    for kind, mailboxes in (("to", submission.message.to), ("cc", submission.message.cc), ("bcc", submission.bcc)):
        for mailbox in mailboxes:
            if mailbox.address.key not in seen:
                seen.add(mailbox.address.key)
                yield kind, mailbox


def _addressees(caller: Caller, submission: Submission) -> list[Addressee]:
    scope = _scope(caller, submission)
    return [Addressee(mailbox.address.key, scope) for _, mailbox in _each_address_once(submission)]


def _suppressed_of(caller: Caller, submission: Submission, suppressed: Entries) -> tuple[AlreadySuppressed, ...]:
    scope, each = _scope(caller, submission), _each_address_once(submission)
    found = [(mailbox, suppressed.get(Addressee(mailbox.address.key, scope))) for _, mailbox in each]
    return tuple(
        AlreadySuppressed(email=mailbox.address.email, origin=entry.origin, created_at=entry.created_at)
        for mailbox, entry in found
        if entry is not None
    )
