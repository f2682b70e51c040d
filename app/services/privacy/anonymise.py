"""Events about forgotten people: they still count, but no longer say who the people are.

SES's events arrive for weeks and name the address. An event is settled under the pseudonym when the recipient of its
email was forgotten, or when it names a person who was forgotten after the email had left. Its notification is erased
once it is settled. An email that was accepted for the same address since then is new, and so are its events.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from app.domain.feedback.events import SesEvent
from app.domain.message.address import read_reported
from app.domain.privacy.pseudonym import is_pseudonym
from app.store.privacy import erasure
from app.store.privacy.pseudonyms import Pseudonyms
from app.store.sending.recipients import Recipient

# Between SES's clock and the database's.
_CLOCKS_DIFFER: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Unnamed:
    """One event as it may be kept; `erases`: the notification that it came in must be erased."""

    feedback: SesEvent
    erases: bool


class Unname:
    """Takes the addresses of forgotten people out of events."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms

    def make_ready(self) -> None:
        """Load the key of the pseudonyms, which may need a transaction of its own."""
        self._pseudonyms("")

    def __call__(
        self, connection: Connection, events: Sequence[tuple[SesEvent, Recipient | None]]
    ) -> Iterator[Unnamed]:
        """Each event as it may be kept, in order. `events` has each with its recipient, if that is known."""
        names = {text: self._pseudonyms(one.key) for text in _texts(events) if (one := read_reported(text))}
        forgotten = erasure.forgotten_at(connection, set(names.values()))
        emails = {recipient.email_id for _, recipient in events if recipient}
        shared = erasure.with_forgotten(connection, emails)
        for feedback, recipient in events:
            if recipient is not None and is_pseudonym(recipient.key):
                yield Unnamed(_without_names(feedback, recipient.key), erases=True)
                continue
            named = [text for text in _texts([(feedback, recipient)]) if _is_over(feedback, names.get(text), forgotten)]
            if recipient is not None:
                yield self._of_another_person(feedback, recipient, named, in_shared=recipient.email_id in shared)
            elif named:
                name = names[feedback.recipient] if feedback.recipient in named else None
                yield Unnamed(_without_names(feedback, name) if name else feedback, erases=True)
            else:
                yield Unnamed(feedback, erases=False)

    def _of_another_person(
        self, feedback: SesEvent, recipient: Recipient, named: Sequence[str], *, in_shared: bool
    ) -> Unnamed:
        """An event about an email to a known person; it may name a forgotten one, to whom the email was forwarded."""
        reported = read_reported(feedback.recipient) if feedback.recipient in named and feedback.recipient else None
        if reported is not None and reported.key != recipient.key:
            return Unnamed(_without_names(feedback, None), erases=True)
        return Unnamed(feedback, erases=in_shared)


def _texts(events: Sequence[tuple[SesEvent, Recipient | None]]) -> Iterator[str]:
    for feedback, _ in events:
        if feedback.recipient:
            yield feedback.recipient
        yield from feedback.destination


def _is_over(feedback: SesEvent, name: str | None, forgotten: Mapping[str, datetime]) -> bool:
    """Whether the email had already left when the person was forgotten."""
    at = forgotten.get(name) if name else None
    return at is not None and (feedback.mail_sent_at or feedback.occurred_at) <= at + _CLOCKS_DIFFER


def _without_names(feedback: SesEvent, name: str | None) -> SesEvent:
    bounce = replace(feedback.bounce, diagnostic=None) if feedback.bounce else None
    return replace(feedback, recipient=name, destination=(name,) if name else (), bounce=bounce)
