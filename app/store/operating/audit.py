"""The audit: actor, action, key, time and reason of every change. It is appended to and never changed."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert, select

from app.store.engine.database import now
from app.store.engine.ids import CLOCKS_DIFFER_BY, first_id_of, new_id
from app.store.engine.keyset import page_of
from app.store.tables.core import audit

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One change. `key` is the address or the domain that it is about, None where it is about something else."""

    id: UUID
    at: datetime
    actor: str
    action: str
    key: str | None
    reason: str | None
    data: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which entries: from `since` until `until`, of an actor, an action and a key; None for all."""

    actor: str | None = None
    action: str | None = None
    key: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def write(connection: Connection, *, actor: str, action: str, key: str | None, reason: str | None, data: Json) -> None:
    """Append one entry."""
    connection.execute(
        insert(audit).values(id=new_id(), at=now(), actor=actor, action=action, key=key, reason=reason, data=data)
    )


def page(
    connection: Connection, sought: Sought, *, limit: int, after: UUID | None, before: UUID | None
) -> tuple[Entry, ...]:
    """Up to `limit` entries, newest first: those older than `after`, or the nearest ones newer than `before`."""
    query = select(*(audit.c[one.name] for one in fields(Entry)))
    for name in ("actor", "action", "key"):
        if (value := getattr(sought, name)) is not None:
            query = query.where(audit.c[name] == value)
    # Ids contain a time of the process that made them, so they only narrow the search.
    if sought.since is not None:
        query = query.where(audit.c.at >= sought.since, audit.c.id >= first_id_of(sought.since - CLOCKS_DIFFER_BY))
    if sought.until is not None:
        query = query.where(audit.c.at < sought.until, audit.c.id < first_id_of(sought.until + CLOCKS_DIFFER_BY))
    return tuple(
        Entry(**row) for row in page_of(connection, query, audit.c.id, limit=limit, after=after, before=before)
    )
