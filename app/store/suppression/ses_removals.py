"""Tombstones whose address has to leave SES's own suppression list too."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, literal, select, update

from app.store.suppression.suppressions import PENDING, Suppression, read
from app.store.tables.core import suppressions


def pending(connection: Connection, *, limit: int) -> tuple[Suppression, ...]:
    """Tombstones whose address may still be on SES's account list, oldest first."""
    is_pending = suppressions.c.ses_removal == literal(PENDING, literal_execute=True)
    query = select(suppressions).where(is_pending).order_by(suppressions.c.removed_at)
    return tuple(read(row) for row in connection.execute(query.limit(limit)))


def note_done(connection: Connection, entry_ids: Sequence[UUID]) -> None:
    """Note that the addresses of these tombstones are off SES's account list."""
    done = update(suppressions).where(suppressions.c.id.in_(list(entry_ids))).values(ses_removal="done")
    connection.execute(done)
