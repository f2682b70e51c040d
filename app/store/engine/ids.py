"""Row ids: UUIDv7 (RFC 9562), so ids sort by creation time and pages need no other order."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from uuid_utils.compat import uuid7

CLOCKS_DIFFER_BY: Final = timedelta(minutes=10)
"""A generous bound on how far the time in an id may be from the database's clock. AWS refuses five minutes."""


def first_id_of(moment: datetime) -> UUID:
    """The smallest UUIDv7 of this moment: every id made later is greater."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def time_between(earlier: UUID, later: UUID) -> timedelta:
    """The time between the making of two ids."""
    return timedelta(milliseconds=(later.int >> 80) - (earlier.int >> 80))


def new_id() -> UUID:
    """A fresh UUIDv7 as a standard UUID."""
    return uuid7()
