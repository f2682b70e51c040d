"""Pause an address for bounces that prove nothing about its mailbox, and end the pause when an email is delivered.

The rules are in `app.domain.suppression.pauses`; this module adds what is stored: deliveries, removals and the pauses
that were served.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.domain.message.address import Address
from app.domain.suppression.pauses import (
    LAID_TO_US_IN_A_ROW,
    SOURCE,
    AddressPause,
    CountedBounce,
    Weight,
    pause_of,
)
from app.domain.suppression.rules import EVERY_EMAIL, Origin
from app.services.suppression.list_writer import ListWriter
from app.store.engine.database import clock
from app.store.feedback import events
from app.store.suppression import suppressions
from app.store.suppression.suppressions import POSTERN, NewSuppression

_EVER: Final = datetime.min.replace(tzinfo=UTC)


def reassess(
    connection: Connection, writer: ListWriter, address: Address, *, bounces: Sequence[CountedBounce]
) -> str | None:
    """Start, change or end the pause that the events of this address call for.

    `bounces` are all that count, including the one that has just arrived. Returns what was done in plain words, or
    None.
    """
    if not bounces:
        return None
    key = address.key
    paused = next((one for one in suppressions.live(connection, key) if SOURCE in one.source), None)
    pause = _called_for(connection, address, bounces)
    if pause is None:
        return _end(connection, writer, paused.id) if paused else None
    source = {SOURCE: pause.emails}
    if paused is not None:
        writer.prolong(connection, paused.id, expires_at=pause.until, reason=pause.reason, source=source)
        return pause.effect
    if pause.until is not None and pause.until <= clock(connection):
        return None
    new = NewSuppression(
        key=key,
        scope=EVERY_EMAIL,
        address=address.email,
        origin=Origin.BOUNCE,
        reason=pause.reason,
        actor=POSTERN,
        source=source,
        expires_at=pause.until,
    )
    _, put = writer.put(connection, new)
    return pause.effect if put else None


def counting(connection: Connection, key: str) -> tuple[CountedBounce, ...]:
    """The bounces that count towards the next pause of this address, the oldest first."""
    counted, served = _counted(connection, key, events.counted_bounces(connection, [key]).get(key, ()))
    fresh = [one for one in counted if one.occurred_at > max(served, default=_EVER)]
    return tuple(sorted(fresh, key=lambda one: one.occurred_at))


def _called_for(connection: Connection, address: Address, bounces: Sequence[CountedBounce]) -> AddressPause | None:
    counted, served = _counted(connection, address.key, bounces)
    others = None
    if sum(one.weight is Weight.LAID_TO_US for one in counted) >= LAID_TO_US_IN_A_ROW:
        others = events.last_delivery_to_others(connection, address.domain, but=address.key)
    return pause_of(
        counted, fresh_since=max(served, default=_EVER), earlier_pauses=len(served), others_delivered_at=others
    )


def _counted(
    connection: Connection, key: str, bounces: Sequence[CountedBounce]
) -> tuple[list[CountedBounce], list[datetime]]:
    """The bounces since the last delivery, and when each pause since then ended.

    Emails that had left before a person unsuppressed the address no longer count (promise 6).
    """
    delivered_at = events.last_delivery(connection, key) or _EVER
    removed_at = suppressions.last_removal(connection, key=key, scope=EVERY_EMAIL) or _EVER
    counted = [one for one in bounces if one.occurred_at > delivered_at and one.mail_sent_at > removed_at]
    return counted, [until for until in _served_pauses(connection, key) if until > delivered_at]


def _served_pauses(connection: Connection, key: str) -> list[datetime]:
    """When the earlier pauses of this address ended, except those that were cut short."""
    earlier = [one for one in suppressions.history(connection, key) if SOURCE in one.source]
    return [
        one.expires_at
        for one in earlier
        if one.expires_at is not None and (one.removed_at is None or one.removed_at >= one.expires_at)
    ]


def _end(connection: Connection, writer: ListWriter, entry_id: UUID) -> str:
    writer.unsuppress(
        connection, [entry_id], actor=POSTERN, reason="An email to this address was delivered again.", at_ses_too=False
    )
    return "The pause of the address ended: an email was delivered again."
