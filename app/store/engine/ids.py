"""Row ids: UUIDv7 (RFC 9562), so that ids sort by the time they were made and pages need no other order."""

from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7


def first_id_of(moment: datetime) -> UUID:
    """The least UUIDv7 of this moment: every id made later is greater."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def new_id() -> UUID:
    """A fresh UUIDv7 as a standard UUID."""
    return uuid7()
