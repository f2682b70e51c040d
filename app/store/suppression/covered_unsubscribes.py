"""Unsubscriptions that another entry covers: only one entry per key and scope is live, and theirs is weakest.

Such an unsubscription is kept in the history of the entry that covers it, whichever came first. It takes effect again
when that entry is unsuppressed (`app.store.suppression.suppressions.unsuppress`): decisions of others never undo the
recipient's own.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

from sqlalchemy import Connection, select

from app.domain.suppression.rules import Change, Origin
from app.store.suppression import changes
from app.store.suppression.changes import Changed, SuppressionEvent
from app.store.tables.core import suppression_events as rows
from app.store.tables.core import suppressions

_CHUNK: Final = 5_000
_OVER: Final = frozenset({Change.WITHDRAWN, Change.REMOVED, Change.EXPIRED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsubscription:
    """An unsubscription, and the entry that covers it, by its `id` and scope."""

    id: UUID
    scope: str
    reason: str
    origin: str = Origin.UNSUBSCRIBE


class Said(Protocol):
    """An entry to put on the list, as far as its source matters."""

    @property
    def origin(self) -> str:
        """Its origin."""

    @property
    def reason(self) -> str:
        """Why."""

    @property
    def actor(self) -> str:
        """The actor."""


def cover(connection: Connection, standing: Changed, new: Said) -> None:
    """Note the new entry as covered by the standing one, if it is the recipient's own unsubscription."""
    if new.origin == Origin.UNSUBSCRIBE != standing.origin:
        said = Unsubscription(id=standing.id, scope=standing.scope, reason=new.reason)
        cover_all(connection, [said], actor=new.actor)


def cover_all(connection: Connection, given: Iterable[Unsubscription], *, actor: str) -> None:
    """Note unsubscriptions as covered, except those that are covered already."""
    said = {one.id: one for one in given}
    known = covered(connection, said)
    fresh = [one for one in said.values() if one.id not in known]
    changes.note(connection, Change.COVERED, fresh, actor=actor)


def withdraw(connection: Connection, entry_ids: Iterable[UUID], *, actor: str, reason: str) -> None:
    """Note that the unsubscriptions covered by these entries were withdrawn."""
    known = covered(connection, entry_ids).values()
    taken_back = [Unsubscription(id=one.suppression_id, scope=one.scope, reason=reason) for one in known]
    changes.note(connection, Change.WITHDRAWN, taken_back, actor=actor)


def covered(connection: Connection, entry_ids: Iterable[UUID]) -> dict[UUID, SuppressionEvent]:
    """Those of these entries that cover an unsubscription, each with its time, actor and reason."""
    wanted = list(dict.fromkeys(entry_ids))
    said: dict[UUID, SuppressionEvent] = {}
    for start in range(0, len(wanted), _CHUNK):
        query = (
            select(rows)
            .join(suppressions, suppressions.c.id == rows.c.suppression_id)
            .where(
                rows.c.suppression_id.in_(wanted[start : start + _CHUNK]),
                rows.c.origin == Origin.UNSUBSCRIBE,
                suppressions.c.origin != Origin.UNSUBSCRIBE,
            )
            .order_by(rows.c.id)
        )
        said |= {one.suppression_id: one for one in map(changes.read, connection.execute(query))}
    return {entry_id: one for entry_id, one in said.items() if one.type not in _OVER}
