"""Pause an address whose mail keeps bouncing softly, and end the pause when mail arrives again.

The pause follows from the stored events alone, looked at afresh whenever one of them arrives: so it is the same
in whatever order, and however often, SNS brings them.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from app.domain.suppression import EVERY_MAIL, SOFT_BOUNCE_WINDOW, Origin, soft_bounce_pause
from app.store import events, suppressions
from app.store.positives import Positives
from app.store.suppressions import POSTERN, NewSuppression

_SOFT = "soft_bounces"


def reassess(connection: Connection, positives: Positives, *, key: str, address: str) -> str | None:
    """Put, prolong or end the pause that the events of this address call for; what was done in plain words, or None."""
    paused = next((one for one in suppressions.live(connection, key) if _SOFT in one.source), None)
    last = events.last_soft_bounce(connection, key)
    bounced = 0 if last is None else _messages_bounced(connection, key, last)
    length = soft_bounce_pause(messages_bounced=bounced, earlier_pauses=_served_pauses(connection, key))
    if length is None or last is None:
        return _end(connection, paused.id) if paused else None
    reason = f"{bounced} messages bounced softly within {SOFT_BOUNCE_WINDOW.days} days."
    if paused is not None:
        suppressions.prolong(connection, paused.id, expires_at=last + length, reason=reason, source={_SOFT: bounced})
        return "The address stays paused."
    new = NewSuppression(
        key=key,
        scope=EVERY_MAIL,
        address=address,
        origin=Origin.BOUNCE,
        reason=reason,
        source={_SOFT: bounced},
        expires_at=last + length,
    )
    positives.add([key])
    _, put = suppressions.put(connection, new)
    return f"The address is paused for {length.days} days after {bounced} soft bounces." if put else None


def _messages_bounced(connection: Connection, key: str, last: datetime) -> int:
    start = last - SOFT_BOUNCE_WINDOW
    removed = suppressions.last_removal(connection, key=key, scope=EVERY_MAIL)
    return events.soft_bounces_since_delivery(connection, key, window_start=max(start, removed) if removed else start)


def _served_pauses(connection: Connection, key: str) -> int:
    return sum(1 for one in suppressions.history(connection, key) if _SOFT in one.source and one.removed_at is None)


def _end(connection: Connection, entry_id: UUID) -> str:
    suppressions.lift(
        connection, [entry_id], actor=POSTERN, reason="Mail to this address was delivered again.", at_ses_too=False
    )
    return "The pause of the address ended: mail was delivered again."
