"""Accept a message that a client wrote as MIME, from whichever door it came: SES's API or SMTP.

It decides which recipients and which words of its own the message brings along. All else is decided by `Accept`, as for
every email.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Fault, ValidationFailed
from app.domain.message.address import InvalidAddress, Mailbox
from app.domain.message.mailboxes import parse_mailbox
from app.domain.message.raw.controls import Tag, stream_of, tag_faults
from app.domain.message.raw.reader import ReadMessage, read_raw
from app.domain.message.raw.rules import InvalidRaw
from app.queue import Lane
from app.services.submission.accept import Accept, AlreadySuppressed, Receipt, Submission
from app.services.submission.idempotency import Idempotency
from app.services.submission.permissions import require_sender, require_team

Json = dict[str, Any]

_POINTERS: Final = {"/to": "/recipients"}
"""Where a fault of `Accept` is in a raw submission."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawSubmission:
    """A MIME message as a client wrote it, and what the door says beside it."""

    raw: bytes
    recipients: tuple[str, ...] | None = None
    """The envelope: SMTP's RCPT, SES's Destination. None: the recipients that To, Cc and Bcc name."""
    sender: str | None = None
    """SES's FromEmailAddress or Source, which the application has to be allowed to use. SMTP's MAIL FROM is none."""
    stream: str | None = None
    """SES's ConfigurationSetName. None: what the message says, else the stream of the application."""
    tags: tuple[Tag, ...] = ()
    """SES's EmailTags. Those that the message names are added, but for names that are here."""


@dataclass(frozen=True, slots=True)
class RawReceipt:
    """The result of one raw submission; `replayed` if it is that of an earlier one with the same idempotency key."""

    id: UUID
    suppressed: tuple[AlreadySuppressed, ...]
    replayed: bool


class SubmitRaw:
    """Accepts raw messages."""

    def __init__(self, *, accept: Accept) -> None:
        self._accept = accept

    def __call__(
        self,
        caller: Caller,
        submission: RawSubmission,
        *,
        idempotency: Idempotency | None = None,
        request_id: UUID | None = None,
    ) -> RawReceipt:
        """Commit the message as an email to each of its recipients.

        Raises `ValidationFailed` with pointers such as `/raw`, `/headers/From`, `/recipients/0`, `/tags/1` and
        `/stream`, and else what `Accept` raises; then nothing was accepted.
        """
        caller.require(Scope.EMAILS_SEND)
        read = _read(submission.raw)
        _require_senders(caller, read, submission.sender)
        email = _email(read, submission)
        require_team(caller, ("/recipients", (*email.message.to, *email.message.cc, *email.bcc)))
        faults = (*tag_faults(email.tags), *map(_placed, self._accept.faults(caller, email)))
        if faults:
            raise _refusal(faults)
        accepted = self._accept(
            caller,
            [email],
            idempotency=idempotency,
            answer=lambda receipts: _answer(receipts[0]),
            request_id=request_id,
        )
        return _receipt(accepted.body, replayed=accepted.replayed)


def _read(raw: bytes) -> ReadMessage:
    try:
        return read_raw(raw)
    except InvalidRaw as error:
        raise _refusal(error.faults) from None


def _require_senders(caller: Caller, read: ReadMessage, sender: str | None) -> None:
    if sender is not None:
        [mailbox] = _mailboxes([sender], lambda _: "/sender")
        require_sender(caller, mailbox.address.key, "/sender")
    for pointer, mailbox in read.senders:
        require_sender(caller, mailbox.address.key, pointer)


def _email(read: ReadMessage, submission: RawSubmission) -> Submission:
    controls, message, bcc = read.controls, read.message, read.bcc
    if submission.recipients is not None:
        envelope = _mailboxes(submission.recipients, "/recipients/{}".format)
        to, cc = _among(envelope, message.to), _among(envelope, message.cc)
        shown = {one.address.key for one in (*to, *cc)}
        message = replace(message, to=to, cc=cc)
        bcc = tuple(one for one in envelope if one.address.key not in shown)
    named = {name for name, _ in submission.tags}
    return Submission(
        message=message,
        bcc=bcc,
        stream=controls.stream if submission.stream is None else stream_of(submission.stream),
        lane=Lane(controls.lane) if controls.lane else None,
        tags=(*submission.tags, *(tag for tag in controls.tags if tag[0] not in named)),
        actor=controls.actor,
        reference=controls.reference,
        supersedes=controls.supersedes,
    )


def _among(envelope: Iterable[Mailbox], listed: Iterable[Mailbox]) -> tuple[Mailbox, ...]:
    """The recipients of the envelope that a header lists, with the names that it gives them."""
    names = {one.address.key: one.name for one in listed}
    return tuple(replace(one, name=names[one.address.key]) for one in envelope if one.address.key in names)


def _mailboxes(texts: Iterable[str], pointer: Callable[[int], str]) -> tuple[Mailbox, ...]:
    found, faults = [], []
    for number, text in enumerate(texts):
        try:
            found.append(parse_mailbox(text))
        except InvalidAddress as error:
            faults.append(Fault(pointer(number), error.code, str(error)))
    if faults:
        raise _refusal(faults)
    return tuple(found)


def _placed(fault: Fault) -> Fault:
    return replace(fault, pointer=_POINTERS.get(fault.pointer, fault.pointer))


def _refusal(faults: Iterable[Fault]) -> ValidationFailed:
    faults = tuple(faults)
    return ValidationFailed(f"{faults[0].pointer}: {faults[0].detail}", faults=faults)


def _answer(receipt: Receipt) -> Json:
    suppressed = [
        {"email": one.email, "origin": one.origin, "created_at": one.created_at.isoformat()}
        for one in receipt.suppressed
    ]
    return {"id": str(receipt.id), "suppressed": suppressed}


def _receipt(answer: Json, *, replayed: bool) -> RawReceipt:
    return RawReceipt(UUID(answer["id"]), tuple(_suppressed(answer["suppressed"])), replayed)


def _suppressed(entries: Iterable[Json]) -> Iterator[AlreadySuppressed]:
    for one in entries:
        moment = datetime.fromisoformat(one["created_at"])
        yield AlreadySuppressed(email=one["email"], origin=one["origin"], created_at=moment)
