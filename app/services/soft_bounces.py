"""Pause an address whose mail keeps bouncing softly, and end the pause when mail arrives again.

The pause follows from the stored events alone, looked at afresh whenever one of them arrives: so it is the same
in whatever order, and however often, SNS brings them.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.domain.address import Address
from app.domain.suppression import EVERY_MAIL, SOFT_BOUNCE_WINDOW, Origin, Pause, soft_bounce_pause
from app.store import events, suppressions
from app.store.db import clock
from app.store.events import SoftBounce
from app.store.positives import Positives
from app.store.suppressions import POSTERN, NewSuppression

_SOFT: Final = "soft_bounces"
_EVER: Final = datetime.min.replace(tzinfo=UTC)


def reassess(
    connection: Connection, positives: Positives, address: Address, *, bounces: Sequence[SoftBounce]
) -> str | None:
    """Put, prolong or end the pause that the events of this address call for; what was done in plain words, or None.

    `bounces` are all its soft bounces, the one included that is the occasion.
    """
    if not bounces:
        return None
    key = address.key
    paused = next((one for one in suppressions.live(connection, key) if _SOFT in one.source), None)
    pause = _called_for(connection, key, bounces)
    if pause is None:
        return _end(connection, paused.id) if paused else None
    reason = f"{pause.messages} messages bounced softly within {SOFT_BOUNCE_WINDOW.days} days."
    source = {_SOFT: pause.messages}
    if paused is not None:
        suppressions.prolong(connection, paused.id, expires_at=pause.until, reason=reason, source=source)
        return "The address stays paused."
    if pause.until <= clock(connection):
        return None
    new = NewSuppression(
        key=key,
        scope=EVERY_MAIL,
        address=address.email,
        origin=Origin.BOUNCE,
        reason=reason,
        actor=POSTERN,
        source=source,
        expires_at=pause.until,
    )
    positives.add([key])
    _, put = suppressions.put(connection, new)
    return f"The address is paused for {pause.length.days} days after {pause.messages} soft bounces." if put else None


def counting(connection: Connection, key: str) -> tuple[datetime, ...]:
    """When those messages bounced softly that count towards a pause of this address now, the oldest first."""
    counted, _ = _counted(connection, key, events.soft_bounces(connection, [key]).get(key, ()))
    since = clock(connection) - SOFT_BOUNCE_WINDOW
    return tuple(sorted(moment for moment in counted if moment > since))


def _called_for(connection: Connection, key: str, bounces: Sequence[SoftBounce]) -> Pause | None:
    counted, earlier_pauses = _counted(connection, key, bounces)
    return soft_bounce_pause(counted, earlier_pauses=earlier_pauses)


def _counted(connection: Connection, key: str, bounces: Sequence[SoftBounce]) -> tuple[list[datetime], int]:
    """What bounced since mail was last delivered and since the last pause was over, and how many pauses there were.

    Mail that had left before a person took the address off the list counts no more (promise 6).
    """
    delivered_at = events.last_delivery(connection, key) or _EVER
    served = [until for until in _served_pauses(connection, key) if until > delivered_at]
    since = max([delivered_at, *served])
    removed_at = suppressions.last_removal(connection, key=key, scope=EVERY_MAIL) or _EVER
    counted = [one.occurred_at for one in bounces if one.occurred_at > since and one.mail_sent_at > removed_at]
    return counted, len(served)


def _served_pauses(connection: Connection, key: str) -> list[datetime]:
    """When the earlier pauses of this address ended, those that nothing cut short."""
    earlier = [one for one in suppressions.history(connection, key) if _SOFT in one.source]
    return [
        one.expires_at
        for one in earlier
        if one.expires_at is not None and (one.removed_at is None or one.removed_at >= one.expires_at)
    ]


def _end(connection: Connection, entry_id: UUID) -> str:
    suppressions.lift(
        connection, [entry_id], actor=POSTERN, reason="Mail to this address was delivered again.", at_ses_too=False
    )
    return "The pause of the address ended: mail was delivered again."
