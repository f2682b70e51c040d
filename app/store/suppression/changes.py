"""The changes of each entry of the list, with actor and reason.

`app.store.suppression.suppressions` appends to it, and a row is never changed. The columns of an entry only hold its
current state.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

from sqlalchemy import Connection, Row, insert, select

from app.domain.suppression.rules import Change
from app.store.engine.database import now
from app.store.engine.ids import new_id
from app.store.tables.core import suppression_events, suppressions

POSTERN: Final = "postern"
"""The actor of what the gateway does by itself."""


class Changed(Protocol):
    """An entry of the list, as far as its history needs it."""

    @property
    def id(self) -> UUID:
        """The row."""

    @property
    def scope(self) -> str:
        """The scope of email that it suppresses."""

    @property
    def origin(self) -> str:
        """Its origin."""

    @property
    def reason(self) -> str:
        """Its reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressionEvent:
    """One change of one entry."""

    id: UUID
    suppression_id: UUID
    type: str
    scope: str
    origin: str
    actor: str
    reason: str
    at: datetime


def note(
    connection: Connection, change: Change, entries: Sequence[Changed], *, actor: str, reason: str | None = None
) -> None:
    """Note a change of these entries. Without a reason for the change, the reason of the entry is noted."""
    rows = [
        {
            "id": new_id(),
            "suppression_id": entry.id,
            "type": change,
            "scope": entry.scope,
            "origin": entry.origin,
            "actor": actor,
            "reason": entry.reason if reason is None else reason,
        }
        for entry in entries
    ]
    if rows:
        connection.execute(insert(suppression_events).values(at=now()), rows)


def of_keys(connection: Connection, keys: Sequence[str], *, limit: int = 100) -> tuple[SuppressionEvent, ...]:
    """The newest changes of the entries under these names, live and past, newest first."""
    query = (
        select(suppression_events)
        .join(suppressions, suppressions.c.id == suppression_events.c.suppression_id)
        .where(suppressions.c.key.in_(keys))
        .order_by(suppression_events.c.id.desc())
        .limit(limit)
    )
    return tuple(read(row) for row in connection.execute(query))


def read(row: Row[Any]) -> SuppressionEvent:
    """A row of the table as a change."""
    columns = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for the mapping view
    return SuppressionEvent(**{name: columns[name] for name in SuppressionEvent.__dataclass_fields__})


def confirmed_by_a_person(connection: Connection, entry_id: UUID) -> bool:
    """Whether a person decided that this entry stays, or put it back."""
    query = select(suppression_events.c.id).where(
        suppression_events.c.suppression_id == entry_id,
        suppression_events.c.type.in_([Change.CONFIRMED, Change.RESTORED]),
        suppression_events.c.actor != POSTERN,
    )
    return connection.execute(query.limit(1)).first() is not None
