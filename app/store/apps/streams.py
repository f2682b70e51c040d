"""Streams that have settings: a title for readers, and one-click unsubscribe.

A stream without settings has no row and works all the same, without a title and without a link.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, and_, literal, select, update

from app.domain.sending.trying import TEST_LANE
from app.store.engine.database import add_once, now
from app.store.tables.core import apps, emails, recipients, streams


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One stream of one application. With `unsubscribe`, its email carries a link."""

    app: str
    name: str
    title: str
    unsubscribe: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """The recipient of an email and its stream. `title` is None if the stream has none."""

    recipient_id: UUID
    email_id: UUID
    address: str
    key: str
    scope: str
    title: str | None


def put(
    connection: Connection, *, app_id: UUID, name: str, title: str | None = None, unsubscribe: bool | None = None
) -> Stream:
    """The stream with these changes; None changes nothing. A new stream has its name as title, and no links."""
    new = {"title": name if title is None else title, "unsubscribe": bool(unsubscribe), "created_at": now()}
    if not add_once(connection, streams, app_id=app_id, name=name, **new):
        changes = {"title": title, "unsubscribe": unsubscribe}
        changes = {column: value for column, value in changes.items() if value is not None}
        if changes:
            this_stream = (streams.c.app_id == app_id) & (streams.c.name == name)
            connection.execute(update(streams).where(this_stream).values(**changes))
    return _stream(connection.execute(_streams().where(streams.c.app_id == app_id, streams.c.name == name)).one())


def all_streams(connection: Connection) -> tuple[Stream, ...]:
    """Every stream that has settings, by application and name."""
    rows = connection.execute(_streams().order_by(apps.c.name, streams.c.name))
    return tuple(_stream(row) for row in rows)


def page(
    connection: Connection, app_id: UUID, *, limit: int, after: str | None = None, before: str | None = None
) -> tuple[Stream, ...]:
    """Up to `limit` streams of this application that have settings, by name: after one, or the nearest before one."""
    name, query = streams.c.name, _streams().where(streams.c.app_id == app_id).limit(limit)
    if before is not None:
        nearest = connection.execute(query.where(name < before).order_by(name.desc())).all()
        return tuple(map(_stream, reversed(nearest)))
    rows = query if after is None else query.where(name > after)
    return tuple(map(_stream, connection.execute(rows.order_by(name))))


def any_with_links(connection: Connection) -> bool:
    """Whether email of any stream carries unsubscribe links."""
    return connection.execute(select(literal(1)).where(streams.c.unsubscribe).limit(1)).first() is not None


def subscriber(connection: Connection, recipient_id: UUID) -> Subscriber | None:
    """The recipient and the stream of their email, whatever happened to it and its body. A test email has none."""
    query = (
        select(
            recipients.c.id.label("recipient_id"),
            recipients.c.email_id,
            recipients.c.address,
            recipients.c.key,
            recipients.c.scope,
            streams.c.title,
        )
        .join(emails, emails.c.id == recipients.c.email_id)
        .outerjoin(streams, and_(streams.c.app_id == emails.c.app_id, streams.c.name == emails.c.stream))
        .where(recipients.c.id == recipient_id, recipients.c.lane != TEST_LANE)
    )
    row = connection.execute(query).one_or_none()
    return Subscriber(**row._mapping) if row else None  # noqa: SLF001 - SQLAlchemy's public name for the mapping view


def _streams() -> Select[Any]:
    return select(streams, apps.c.name.label("app")).join(apps, apps.c.id == streams.c.app_id)


def _stream(row: Row[Any]) -> Stream:
    return Stream(app=row.app, name=row.name, title=row.title, unsubscribe=row.unsubscribe, created_at=row.created_at)
