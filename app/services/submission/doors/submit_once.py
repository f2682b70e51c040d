"""Accept a raw message from a client that may send it again, since it never heard that it was accepted.

It decides for which of its recipients the message is new. The recipients of a repetition need not be those of the first
time: one of them may have become suppressed since, and a relay sends the message in parts.
"""

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

_KEY: Final = "smtp:{}:{}"


class SubmitOnce:
    """Accepts raw messages, each once for each recipient, for as long as idempotency keys are remembered."""

    def __init__(self, *, submit: SubmitRaw, database: Database, pseudonyms: Pseudonyms) -> None:
        self._submit = submit
        self._database = database
        self._pseudonyms = pseudonyms

    def __call__(
        self, caller: Caller, raw: bytes, envelope: tuple[str, ...], *, content: bytes | None = None
    ) -> RawReceipt:
        """Commit the message for those recipients of the envelope to whom it was not accepted before.

        Two messages with the same digest `content` are the same; without one a message is always new. If it is new to
        none of them, the receipt is the one of the last email that it became. Raises what `SubmitRaw` raises.
        """
        submission = RawSubmission(raw=raw, recipients=envelope)
        if content is None:
            return self._submit(caller, submission)
        number = 0
        while True:
            key = Idempotency(_KEY.format(content.hex(), number), content)
            receipt = self._submit(caller, replace(submission, recipients=envelope), idempotency=key)
            if receipt.replayed:
                envelope = self._without_recipients_of(receipt.id, envelope)
            if not receipt.replayed or not envelope:
                return receipt
            number += 1

    def _without_recipients_of(self, email_id: UUID, envelope: tuple[str, ...]) -> tuple[str, ...]:
        """The envelope without the recipients of this email, also those who were forgotten since."""
        with self._database.reading() as connection:
            had = {one.key for one in recipients.of_emails(connection, [email_id]).get(email_id, ())}
        keys = {one: parse_mailbox(one).address.key for one in envelope}
        return tuple(one for one, key in keys.items() if not had & {key, self._pseudonyms(key)})
