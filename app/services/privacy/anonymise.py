"""News of people who were forgotten: it still counts, and it no longer says who they are.

SES's events come for weeks and name the address. One about a mail whose recipient was forgotten, or about a person who
was forgotten after the mail had left, is settled under the pseudonym, and what SNS brought is erased once it is. Mail
that was taken in for the same address since is new, and so is its news.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from app.domain.address import read_reported
from app.domain.feedback import Feedback
from app.domain.pseudonym import is_pseudonym
from app.store import erasure
from app.store.pseudonyms import Pseudonyms
from app.store.recipients import Recipient

# Between SES's clock and the database's.
_CLOCKS_DIFFER: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Unnamed:
    """One event as it may be kept; `erases` says that the notification it came in must not be."""

    feedback: Feedback
    erases: bool


class Unname:
    """Takes the names of the forgotten out of news."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms

    def make_ready(self) -> None:
        """Have the key of the pseudonyms, which may need a transaction of its own."""
        self._pseudonyms("")

    def __call__(
        self, connection: Connection, events: Sequence[tuple[Feedback, Recipient | None]]
    ) -> Iterator[Unnamed]:
        """Each event with the recipient that it is about, if that is known, as it may be kept."""
        names = {text: self._pseudonyms(one.key) for text in _texts(events) if (one := read_reported(text))}
        forgotten = erasure.forgotten_at(connection, set(names.values()))
        mails = {recipient.email_id for _, recipient in events if recipient}
        shared = erasure.with_forgotten(connection, mails)
        for feedback, recipient in events:
            if recipient is not None and is_pseudonym(recipient.key):
                yield Unnamed(_without_names(feedback, recipient.key), erases=True)
                continue
            named = [text for text in _texts([(feedback, recipient)]) if _is_over(feedback, names.get(text), forgotten)]
            if recipient is not None:
                yield self._of_somebody_else(feedback, recipient, named, in_shared=recipient.email_id in shared)
            elif named:
                name = names[feedback.recipient] if feedback.recipient in named else None
                yield Unnamed(_without_names(feedback, name) if name else feedback, erases=True)
            else:
                yield Unnamed(feedback, erases=False)

    def _of_somebody_else(
        self, feedback: Feedback, recipient: Recipient, named: Sequence[str], *, in_shared: bool
    ) -> Unnamed:
        """News of a mail to somebody who is known; it may name one who is not, to whom that mail was forwarded."""
        reported = read_reported(feedback.recipient) if feedback.recipient in named and feedback.recipient else None
        if reported is not None and reported.key != recipient.key:
            return Unnamed(_without_names(feedback, None), erases=True)
        return Unnamed(feedback, erases=in_shared)


def _texts(events: Sequence[tuple[Feedback, Recipient | None]]) -> Iterator[str]:
    for feedback, _ in events:
        if feedback.recipient:
            yield feedback.recipient
        yield from feedback.destination


def _is_over(feedback: Feedback, name: str | None, forgotten: Mapping[str, datetime]) -> bool:
    """Whether the mail had left when the person was forgotten."""
    at = forgotten.get(name) if name else None
    return at is not None and (feedback.mail_sent_at or feedback.occurred_at) <= at + _CLOCKS_DIFFER


def _without_names(feedback: Feedback, name: str | None) -> Feedback:
    bounce = replace(feedback.bounce, diagnostic=None) if feedback.bounce else None
    return replace(feedback, recipient=name, destination=(name,) if name else (), bounce=bounce)
