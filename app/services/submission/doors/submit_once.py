"""Accept a raw message from a client that may send it again, since it never heard that it was accepted.

It decides for which of its recipients the message is new. The recipients of a repetition need not be those of the first
time: one of them may have become suppressed since, and a relay sends the message in parts.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Final
from uuid import UUID

from app.domain.apps.callers import Caller
from app.domain.message.mailboxes import parse_mailbox
from app.services.submission.doors.submit_raw import RawReceipt, RawSubmission, SubmitRaw
from app.services.submission.idempotency import Idempotency
from app.store.engine.database import Database
from app.store.privacy.pseudonyms import Pseudonyms
from app.store.sending import recipients
from app.store.submission import idempotency_keys

_AT_ONCE: Final = 100

Envelope = tuple[str, ...]


class SubmitOnce:
    """Accepts raw messages, each once for each recipient, for as long as idempotency keys are remembered."""

    def __init__(self, *, submit: SubmitRaw, database: Database, pseudonyms: Pseudonyms) -> None:
        self._submit = submit
        self._database = database
        self._pseudonyms = pseudonyms

    def __call__(
        self,
        caller: Caller,
        raw: bytes,
        envelope: Envelope,
        *,
        content: bytes | None = None,
        request_id: UUID | None = None,
    ) -> RawReceipt:
        """Commit the message for those recipients of the envelope to whom it was not accepted before.

        Two messages with the same digest `content` are the same; without one a message is always new. If it is new to
        none of them, the receipt is the one of the last email that it became. Raises what `SubmitRaw` raises.
        """
        submission = RawSubmission(raw=raw, recipients=envelope)
        if content is None:
            return self._submit(caller, submission, request_id=request_id)
        number = 0
        while True:
            idempotency = Idempotency(_key(content, number), content)
            offered = replace(submission, recipients=envelope)
            receipt = self._submit(caller, offered, idempotency=idempotency, request_id=request_id)
            if receipt.replayed:
                envelope = self._without(envelope, self._recipients_of([receipt.id])[receipt.id])
            if not receipt.replayed or not envelope:
                return receipt
            number, envelope = self._next(caller, content, number + 1, envelope)

    def _next(self, caller: Caller, content: bytes, number: int, envelope: Envelope) -> tuple[int, Envelope]:
        """The number to offer the message under, from `number` on, and the recipients that no email before it had.

        It is free, unless its email had the last of them. Many numbers are looked up at once: a message that is sent to
        each recipient by itself has as many.
        """
        while True:
            numbers = {_key(content, one): one for one in range(number, number + _AT_ONCE)}
            with self._database.reading() as connection:
                found = idempotency_keys.recall_all(connection, app_id=caller.app_id, keys=numbers)
            emails = {numbers[key]: UUID(earlier.answer["id"]) for key, earlier in found.items()}
            had = self._recipients_of(emails.values())
            for one in numbers.values():
                left = self._without(envelope, had[emails[one]]) if one in emails else ()
                if not left:
                    return one, envelope
                envelope = left
            number += _AT_ONCE

    def _recipients_of(self, emails: Collection[UUID]) -> dict[UUID, set[str]]:
        """The keys of the recipients of these emails; the pseudonyms of those that were forgotten since."""
        with self._database.reading() as connection:
            found = recipients.of_emails(connection, emails)
        return {one: {recipient.key for recipient in found.get(one, ())} for one in emails}

    def _without(self, envelope: Envelope, had: set[str]) -> Envelope:
        keys = {one: parse_mailbox(one).address.key for one in envelope}
        return tuple(one for one, key in keys.items() if not had & {key, self._pseudonyms(key)})


def _key(content: bytes, number: int) -> str:
    return f"smtp:{content.hex()}:{number}"
