"""A notification that was taken from the inbox, as its batch sees it: read, with the recipients of its events.

It decides in which order the notifications of a batch are settled, and which of them are looked at again, and when.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.domain.feedback.events import Reading, SesEvent
from app.domain.suppression.rules import is_claim
from app.services.feedback.match_recipient import Match
from app.services.feedback.set_aside import Doubt
from app.store.feedback import notifications
from app.store.feedback.notifications import InboxState, Notification, PutOff
from app.store.sending.recipients import Recipient

FIRST_LOOK: Final = timedelta(seconds=1)
"""After how long a notification that could not be settled is looked at again; twice as long each time."""

_LONGEST_PARK: Final = timedelta(hours=24)
_GIVE_UP_AFTER: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Taken:
    """One notification, read, and for each of its events the recipient that it is about.

    `doubt`: what a person has to see about it. `erases`: it names a forgotten person, and is erased once it is settled.
    """

    notification: Notification
    reading: Reading
    matches: tuple[Match | None, ...]
    doubt: Doubt | None = None
    erases: bool = False

    @property
    def finding(self) -> str | None:
        """Why nothing follows from a notification without events."""
        return None if self.reading.events else self.reading.note

    @property
    def claims(self) -> bool:
        """Whether it may ask anything of the suppression list."""
        return any(map(is_claim, self.reading.events))

    @property
    def pairs(self) -> list[tuple[SesEvent, Match | None]]:
        """Each event with its recipient."""
        return list(zip(self.reading.events, self.matches, strict=True))

    @property
    def believed(self) -> bool:
        """Whether its events may be applied."""
        return self.doubt is None or self.doubt.believed

    @property
    def place(self) -> tuple[bool, str, str, str]:
        """Its place in a batch; those that may suppress come last.

        All workers use the same order, so that two of them never wait for each other's rows.
        """
        first = self.reading.events[0] if self.reading.events else None
        names = ((first.recipient or "").lower(), first.ses_message_id, first.kind) if first else ("", "", "")
        return self.claims, *names

    def still_there(self, rows: Mapping[UUID, Recipient]) -> "Taken":
        """The same without recipients that were deleted between the look and the lock."""
        there = tuple(found if found and found.recipient_id in rows else None for found in self.matches)
        return self if there == self.matches else replace(self, matches=there)

    def put_off(self, now: datetime) -> PutOff | None:
        """How to set it aside for a person, or park it until its email is known; None if it is settled."""
        if self.erases:
            return None
        if self.doubt is not None and self.doubt.sets_aside:
            return PutOff(id=self.notification.id, state=InboxState.QUARANTINED, due_at=now, note=self.doubt.note)
        return self._parked(now)

    def _parked(self, now: datetime) -> PutOff | None:
        """When to look again at one about an unknown email; None after a week: then it is not ours."""
        unmatched = [event for event, found in self.pairs if found is None]
        if not unmatched or now - self.notification.received_at > _GIVE_UP_AFTER:
            return None
        return PutOff(
            id=self.notification.id,
            state=InboxState.PARKED,
            due_at=now + min(FIRST_LOOK * 2 ** min(self.notification.tries, 20), _LONGEST_PARK),
            note=notifications.waiting_for(unmatched[0].ses_message_id),
        )
