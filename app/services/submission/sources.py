"""The sources of what Postern shows of an email: its message, and the notifications about it. It changes nothing."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Conflict, NotFound
from app.domain.message.mime import UnsafeMessage
from app.domain.privacy.pseudonym import is_pseudonym
from app.domain.suppression.unsubscribe_link import link
from app.services.sending.render import SealedEmail
from app.store.engine.database import Database
from app.store.feedback import events, notifications
from app.store.sending import recipients
from app.store.sending.drafts import drafts
from app.store.submission.sealing import KeyRing, UnknownSealingKey, Unsealable

_LINK: Final = link("https://hidden.invalid", "hidden")
_ERASED: Final = "The content was erased, so there is no source any more."
_FORGOTTEN: Final = "The recipient was forgotten, so there is no source any more."
_SEALED: Final = "The content cannot be opened: the key that sealed it is not among SECRET_KEYS."
_UNSAFE: Final = "The email cannot be written as a message, so it was never sent."


@dataclass(frozen=True, slots=True)
class RawNotification:
    """One notification about an email: the types of its events, and its text as SNS delivered it."""

    id: UUID
    types: tuple[str, ...]
    raw: str


class Sources:
    """Shows sources, for administrators. Every method is for them alone."""

    def __init__(self, *, database: Database, key_ring: KeyRing) -> None:
        self._database = database
        self._key_ring = key_ring

    def message(self, caller: Caller, email_id: UUID, recipient_id: UUID) -> bytes:
        """The MIME that SES gets for one recipient, but for its unsubscribe link, which only the recipient may have.

        Raises `NotFound`, and `Conflict` when it cannot be made.
        """
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            named = recipients.of_emails(connection, [email_id]).get(email_id, ())
            recipient = next((one for one in named if one.id == recipient_id), None)
            if recipient is None:
                raise NotFound("There is no such recipient.")
            [draft] = drafts(connection, [email_id])
        if draft.body is None:
            raise Conflict(_ERASED)
        if is_pseudonym(recipient.key):
            raise Conflict(_FORGOTTEN)
        try:
            return SealedEmail(draft, self._key_ring, links=lambda _: _LINK).raw(recipient_id)
        except (UnknownSealingKey, Unsealable):
            raise Conflict(_SEALED) from None
        except UnsafeMessage:
            raise Conflict(_UNSAFE) from None

    def notifications(self, caller: Caller, email_id: UUID) -> tuple[RawNotification, ...]:
        """The notifications about an email that are still kept, oldest first. Raises `NotFound`."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            named = recipients.of_emails(connection, [email_id]).get(email_id)
            if named is None:
                raise NotFound("There is no such email.")
            types: dict[UUID, list[str]] = {}
            for event in events.of_recipients(connection, [one.id for one in named]):
                if event.notification_id is not None:
                    types.setdefault(event.notification_id, []).append(event.type)
            raw = notifications.raw_of(connection, list(types))
        return tuple(RawNotification(id_, tuple(dict.fromkeys(types[id_])), raw[id_]) for id_ in types if id_ in raw)
