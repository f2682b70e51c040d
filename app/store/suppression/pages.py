"""The live list in SQL, from one end to the other: a page at a time by filter, or every key."""

from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, select

from app.domain.suppression.rules import EVERY_EMAIL, scope_of
from app.store.suppression.suppressions import LIVE, Suppression, read
from app.store.tables.core import suppressions


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which live entries to list. `prefix` is the beginning of a key; `app` excludes entries of other applications."""

    origin: str | None = None
    prefix: str | None = None
    scope: str | None = None
    app: str | None = None
    under_review: bool = False


def page(
    connection: Connection, wanted: Filter, *, limit: int, after: UUID | None, before: UUID | None
) -> tuple[Suppression, ...]:
    """Up to `limit` live entries, newest first: those older than `after`, or the nearest ones newer than `before`."""
    if wanted.app is not None and wanted.scope is not None:
        if wanted.scope not in {EVERY_EMAIL, wanted.app} and not wanted.scope.startswith(scope_of(wanted.app, "")):
            return ()
        wanted = replace(wanted, app=None)
    query = select(suppressions).where(LIVE, *conditions(wanted))
    if before is not None:
        query = query.where(suppressions.c.id > before).order_by(suppressions.c.id)
    else:
        query = query.order_by(suppressions.c.id.desc())
    if after is not None:
        query = query.where(suppressions.c.id < after)
    found = [read(row) for row in connection.execute(query.limit(limit))]
    return tuple(reversed(found) if before is not None else found)


def live_keys(connection: Connection, *, after: str, limit: int) -> tuple[str, ...]:
    """The next `limit` live keys in their order, each once. For the first ones `after` is empty."""
    query = select(suppressions.c.key).where(LIVE, suppressions.c.key > after).distinct()
    return tuple(connection.scalars(query.order_by(suppressions.c.key).limit(limit)))


def conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    """SQL: the conditions of the filter."""
    passed: list[ColumnElement[bool]] = []
    if wanted.origin is not None:
        passed.append(suppressions.c.origin == wanted.origin)
    if wanted.prefix is not None:
        passed.append(suppressions.c.key.startswith(wanted.prefix, autoescape=True))
    if wanted.scope is not None:
        passed.append(suppressions.c.scope == wanted.scope)
    if wanted.app is not None:
        own = suppressions.c.scope.startswith(scope_of(wanted.app, ""), autoescape=True)
        passed.append(suppressions.c.scope.in_([EVERY_EMAIL, wanted.app]) | own)
    if wanted.under_review:
        passed.append(suppressions.c.review_id.is_not(None))
    return passed
