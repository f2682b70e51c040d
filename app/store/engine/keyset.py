"""Keyset pages of a query by id, newest first."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, RowMapping, Select


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
