"""Keyset pages of a query: newest first by id, or latest first by a time that may change."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Connection, RowMapping, Select, and_, literal, or_, select


def page_of(
    connection: Connection,
    query: Select[Any],
    id_: ColumnElement[UUID],
    *,
    limit: int,
    after: UUID | None,
    before: UUID | None,
) -> tuple[RowMapping, ...]:
    """Up to `limit` rows, newest first: those older than `after`, or the nearest ones newer than `before`."""
    if after is not None:
        query = query.where(id_ < after)
    if before is None:
        return tuple(connection.execute(query.order_by(id_.desc()).limit(limit)).mappings())
    nearest = connection.execute(query.where(id_ > before).order_by(id_).limit(limit)).mappings().all()
    return tuple(reversed(nearest))


def page_by_time(
    connection: Connection,
    query: Select[Any],
    time: Column[datetime],
    id_: Column[UUID],
    *,
    limit: int,
    after: UUID | None,
    before: UUID | None,
) -> tuple[RowMapping, ...]:
    """Up to `limit` rows, latest first: those that come after the row `after`, or the nearest before the row `before`.

    A row whose time has changed meanwhile is found at its new place; one that is gone begins the list anew.
    """
    start = after or before
    place = connection.scalar(select(time).where(id_ == start)) if start is not None else None
    if place is None or start is None:
        return tuple(connection.execute(query.order_by(time.desc(), id_.desc()).limit(limit)).mappings())
    there = literal(place, time.type)
    if before is None:
        later = and_(time <= there, or_(time < there, id_ < start))
        return tuple(connection.execute(query.where(later).order_by(time.desc(), id_.desc()).limit(limit)).mappings())
    nearer = and_(time >= there, or_(time > there, id_ > start))
    nearest = connection.execute(query.where(nearer).order_by(time, id_).limit(limit)).mappings().all()
    return tuple(reversed(nearest))
