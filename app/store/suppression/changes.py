"""What became of each entry of the list, by whom and why.

`app.store.suppressions` appends to it and nobody changes it. The columns of an entry say only what holds now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Connection, Row, insert, select

from app.domain.suppression import Change
from app.store.db import now
from app.store.ids import new_id
from app.store.models import suppression_events, suppressions


class Changed(Protocol):
    """An entry of the list, as far as its history tells of it."""

    @property
    def id(self) -> UUID:
        """The row."""

    @property
    def scope(self) -> str:
        """Which mail it concerns."""

    @property
    def origin(self) -> str:
        """What put it there."""

    @property
    def reason(self) -> str:
        """Why it is there."""


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
    """Note what became of these entries. Without a reason of the change, it is the reason of the entry."""
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
