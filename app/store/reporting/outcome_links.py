"""Rows of links to pages of outcomes. Whether one still works, the database's clock decides."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, Select, delete, insert, select, update

from app.domain.reporting.outcome_links import LinkKind
from app.store.engine.database import now
from app.store.engine.ids import new_id
from app.store.engine.keyset import page_of
from app.store.tables.core import apps, outcome_links


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLink:
    """A link to be made."""

    app_id: UUID
    kind: LinkKind
    value: str
    title: str | None
    masked: bool
    created_by: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeLink:
    """A link as stored. `works`: it has not expired and was not revoked."""

    id: UUID
    app_id: UUID
    app: str
    kind: LinkKind
    value: str
    title: str | None
    masked: bool
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    works: bool


def add(connection: Connection, new: NewLink) -> UUID:
    """Add a link. Its id."""
    link_id = new_id()
    values = {name: getattr(new, name) for name in NewLink.__dataclass_fields__}
    connection.execute(insert(outcome_links).values(id=link_id, **values))
    return link_id


def find(connection: Connection, link_id: UUID, *, app_id: UUID | None) -> OutcomeLink | None:
    """A link of this application, or of any if `app_id` is None."""
    row = connection.execute(_links(app_id).where(outcome_links.c.id == link_id)).mappings().one_or_none()
    return _link(row) if row else None


def page(
    connection: Connection, *, app_id: UUID | None, limit: int, after: UUID | None, before: UUID | None
) -> tuple[OutcomeLink, ...]:
    """Up to `limit` links, newest first: those older than `after`, or the nearest ones newer than `before`."""
    rows = page_of(connection, _links(app_id), outcome_links.c.id, limit=limit, after=after, before=before)
    return tuple(map(_link, rows))


def revoke(connection: Connection, link_id: UUID) -> None:
    """Revoke a link. One that is revoked already keeps its time."""
    this_link = (outcome_links.c.id == link_id) & outcome_links.c.revoked_at.is_(None)
    connection.execute(update(outcome_links).where(this_link).values(revoked_at=now()))


def erase(connection: Connection, *, expired_before: datetime, limit: int) -> int:
    """Delete up to `limit` links that expired before a time, the first that expired first. How many."""
    expires_at = outcome_links.c.expires_at
    old = select(outcome_links.c.id).where(expires_at < expired_before).order_by(expires_at).limit(limit)
    found = connection.scalars(old).all()
    connection.execute(delete(outcome_links).where(outcome_links.c.id.in_(found)))
    return len(found)


def _links(app_id: UUID | None) -> Select[Any]:
    works = (outcome_links.c.revoked_at.is_(None) & (outcome_links.c.expires_at > now())).label("works")
    query = select(outcome_links, apps.c.name.label("app"), works).join(apps, apps.c.id == outcome_links.c.app_id)
    return query if app_id is None else query.where(outcome_links.c.app_id == app_id)


def _link(row: RowMapping) -> OutcomeLink:
    values = {name: row[name] for name in OutcomeLink.__dataclass_fields__}
    return OutcomeLink(**values | {"kind": LinkKind(row["kind"]), "works": bool(row["works"])})
