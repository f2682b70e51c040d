"""Unsubscriptions that another entry covers: of one name and scope only one entry is live, and theirs is the weakest.

Such an unsubscription is kept in the history of the entry that covers it, whichever of the two came first, and stands
again when that is lifted (`app.store.suppressions.lift`): what others decide never undoes the recipient's own word.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

from sqlalchemy import Connection, select

from app.domain.suppression import Change, Origin
from app.store import suppression_events
from app.store.models import suppression_events as rows
from app.store.models import suppressions
from app.store.suppression_events import Changed, SuppressionEvent

_CHUNK: Final = 5_000
_OVER: Final = frozenset({Change.WITHDRAWN, Change.REMOVED, Change.EXPIRED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsubscription:
    """An unsubscription, and the entry, by its `id` and its scope, under which it lies."""

    id: UUID
    scope: str
    reason: str
    origin: str = Origin.UNSUBSCRIBE


class Said(Protocol):
    """What is to be put on the list: as far as it matters whose word it is."""

    @property
    def origin(self) -> str:
        """What would put it there."""

    @property
    def reason(self) -> str:
        """Why."""

    @property
    def actor(self) -> str:
        """By whom."""


def cover(connection: Connection, standing: Changed, new: Said) -> None:
    """Note what was not put because this entry stands there, if it is the recipient's own word."""
    if new.origin == Origin.UNSUBSCRIBE != standing.origin:
        said = Unsubscription(id=standing.id, scope=standing.scope, reason=new.reason)
        cover_all(connection, [said], actor=new.actor)


def cover_all(connection: Connection, given: Iterable[Unsubscription], *, actor: str) -> None:
    """Note unsubscriptions that entries cover, but for those that are covered already."""
    said = {one.id: one for one in given}
    known = covered(connection, said)
    fresh = [one for one in said.values() if one.id not in known]
    suppression_events.note(connection, Change.COVERED, fresh, actor=actor)


def withdraw(connection: Connection, entry_ids: Iterable[UUID], *, actor: str, reason: str) -> None:
    """Note that what these entries cover was taken back."""
    known = covered(connection, entry_ids).values()
    taken_back = [Unsubscription(id=one.suppression_id, scope=one.scope, reason=reason) for one in known]
    suppression_events.note(connection, Change.WITHDRAWN, taken_back, actor=actor)


def covered(connection: Connection, entry_ids: Iterable[UUID]) -> dict[UUID, SuppressionEvent]:
    """Those of these entries that cover an unsubscription, and when, by whom and in which words that was said."""
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
        said |= {one.suppression_id: one for one in map(suppression_events.read, connection.execute(query))}
    return {entry_id: one for entry_id, one in said.items() if one.type not in _OVER}
