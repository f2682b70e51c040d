"""Row ids: UUIDv7 (RFC 9562), so that ids sort by the time they were made and pages need no other order."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A fresh UUIDv7 as a standard UUID."""
    return uuid7()
