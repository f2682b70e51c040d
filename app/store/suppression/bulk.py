"""Many entries of the suppression list at a time: read and fill their slots, and read the list in pieces.

It writes what `app.store.suppression.suppressions.put` would, and notes every change in the same way. It decides
nothing: the caller decides which rows are put, in the transaction that has locked their slots. It never commits.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, String, any_, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.domain.suppression.rules import Change
from app.store.engine.bulk_statements import InsertFree, insert_rows, update_rows
from app.store.engine.database import now
from app.store.engine.ids import new_id
from app.store.suppression.pages import Filter, conditions
from app.store.suppression.suppressions import POSTERN, Suppression, read
from app.store.tables.core import suppression_events, suppressions

_PUT = InsertFree(
    suppressions,
    ("id", "key", "scope", "created_at", "address", "origin", "reason", "source", "expires_at"),
    stamps={},
)

PlaceName = tuple[str, str]
"""The key and the scope of an entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSlot:
    """The slot of one key and scope: the row that is not removed, and when a person last removed one."""

    entry: Suppression | None = None
    removed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkEntry:
    """An entry to put. `replaces` is the live row that it replaces, which keeps its id and its time."""

    id: UUID
    key: str
    scope: str
    address: str
    origin: str
    reason: str
    source: Mapping[str, Any]
    created_at: datetime
    expires_at: datetime | None
    replaces: Suppression | None = None


def places(connection: Connection, keys: Collection[str], *, lock: bool) -> dict[PlaceName, ListSlot]:
    """The slots of these keys, in every scope with any row. `lock`: until the transaction ends."""
    by_key = _among(connection, keys)
    not_removed = select(suppressions).where(by_key, suppressions.c.removed_at.is_(None))
    not_removed = not_removed.order_by(suppressions.c.key, suppressions.c.scope)
    rows = connection.execute(not_removed.with_for_update() if lock else not_removed)
    entries = {(row.key, row.scope): read(row) for row in rows}
    removed = (
        select(suppressions.c.key, suppressions.c.scope, func.max(suppressions.c.removed_at))
        .where(by_key, suppressions.c.removed_by != POSTERN)
        .group_by(suppressions.c.key, suppressions.c.scope)
    )
    removals = {(key, scope): removed_at for key, scope, removed_at in connection.execute(removed)}
    return {
        name: ListSlot(entry=entries.get(name), removed_at=removals.get(name))
        for name in entries.keys() | removals.keys()
    }


def put_all(connection: Connection, entries: Iterable[BulkEntry], *, actor: str) -> set[PlaceName]:
    """Put entries, at most one per slot. The slots that other transactions took meanwhile, where nothing was put.

    A row that has expired must have left its slot already (`suppressions.end`).
    """
    ordered = sorted(entries, key=lambda entry: (entry.key, entry.scope))
    fresh = [entry for entry in ordered if entry.replaces is None]
    put = _PUT(connection, [_row(entry) for entry in fresh])
    _note(connection, Change.ADDED, [entry for entry in fresh if entry.id in put], actor=actor)
    replacing = [entry for entry in ordered if entry.replaces is not None]
    changes = [_changes(entry, entry.replaces) for entry in replacing if entry.replaces is not None]
    update_rows(connection, suppressions, changes, stamps={})
    _note(connection, Change.REPLACED, replacing, actor=actor)
    return {(entry.key, entry.scope) for entry in fresh if entry.id not in put}


def piece(
    connection: Connection, wanted: Filter, *, size: int, after: UUID | None
) -> tuple[tuple[Suppression, ...], UUID | None]:
    """The matching live entries among the next `size` rows, oldest first, and the row after which to go on.

    A piece is `size` rows of the table, not of the answer: otherwise a filter that few rows pass would read the whole
    table in one statement. None instead of a row: that was the last piece.
    """
    rest = [] if after is None else [suppressions.c.id > after]
    bound = connection.scalar(
        select(suppressions.c.id).where(*rest).order_by(suppressions.c.id).offset(size - 1).limit(1)
    )
    within = rest if bound is None else [*rest, suppressions.c.id <= bound]
    query = select(suppressions).where(*within, *conditions(wanted)).order_by(suppressions.c.id)
    return tuple(read(row) for row in connection.execute(query)), bound


def _among(connection: Connection, keys: Collection[str]) -> ColumnElement[bool]:
    if connection.dialect.name == "postgresql":
        return suppressions.c.key == any_(literal(list(keys), ARRAY(String)))
    return suppressions.c.key.in_(list(keys))


def _row(entry: BulkEntry) -> dict[str, Any]:
    return {"id": entry.id, "key": entry.key, "scope": entry.scope, "created_at": entry.created_at, **_said(entry)}


def _changes(entry: BulkEntry, replaced: Suppression) -> dict[str, Any]:
    return {"id": replaced.id, "version": replaced.version + 1, **_said(entry)}


def _said(entry: BulkEntry) -> dict[str, Any]:
    return {
        "address": entry.address,
        "origin": entry.origin,
        "reason": entry.reason,
        "source": dict(entry.source),
        "expires_at": entry.expires_at,
    }


def _note(connection: Connection, change: Change, entries: Sequence[BulkEntry], *, actor: str) -> None:
    rows = [
        {
            "id": new_id(),
            "suppression_id": entry.id if entry.replaces is None else entry.replaces.id,
            "type": change.value,
            "scope": entry.scope,
            "origin": entry.origin,
            "actor": actor,
            "reason": entry.reason,
        }
        for entry in entries
    ]
    insert_rows(connection, suppression_events, rows, stamps={"at": now()})
