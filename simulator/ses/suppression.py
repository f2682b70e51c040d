"""The account suppression list with SES's two rules about upper and lower case.

Sending compares addresses case-insensitively; get and delete need the address exactly as it was stored.
https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Reason(StrEnum):
    """Why an address is on the list."""

    BOUNCE = "BOUNCE"
    COMPLAINT = "COMPLAINT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One suppressed address as stored; the ids name the event that put it there, if there was one."""

    address: str
    reason: Reason
    updated_at: datetime
    ses_message_id: str | None = None
    feedback_id: str | None = None

    @property
    def position(self) -> tuple[datetime, str]:
        """Its sort key in the list; a change of other entries does not move it."""
        return self.updated_at, self.address


class SuppressionList:
    """Addresses by their exact spelling, and spellings by their lower-cased form."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._spellings: dict[str, set[str]] = {}

    def put(self, entry: Entry) -> None:
        """Add or overwrite the entry of this exact spelling."""
        self._entries[entry.address] = entry
        self._spellings.setdefault(entry.address.lower(), set()).add(entry.address)

    def get(self, address: str) -> Entry | None:
        """Return the entry of this exact spelling."""
        return self._entries.get(address)

    def delete(self, address: str) -> bool:
        """Remove the entry of this exact spelling; False when there is none."""
        if self._entries.pop(address, None) is None:
            return False
        spellings = self._spellings[address.lower()]
        spellings.discard(address)
        if not spellings:
            del self._spellings[address.lower()]
        return True

    def entries(self) -> list[Entry]:
        """Return all entries, latest first."""
        return sorted(self._entries.values(), key=lambda entry: entry.position, reverse=True)

    def blocks(self, address: str, reasons: Iterable[Reason]) -> bool:
        """Return whether emails to the address, in any case, are not attempted when `reasons` are enabled."""
        spellings = self._spellings.get(address.lower(), ())
        return any(self._entries[spelling].reason in reasons for spelling in spellings)
