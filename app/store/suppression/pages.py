"""The list in SQL, from one end to the other: a page at a time by filter, or every live key."""

from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, ScalarSelect, and_, func, or_, select, text

from app.domain.suppression.rules import EVERY_EMAIL, scope_of
from app.store.engine.sql_functions import at_domain
from app.store.suppression.suppressions import LIVE, Suppression, read
from app.store.tables.core import suppressions


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which entries to list: live ones, or with `past` those that were removed.

    `prefix` is the beginning of a key, `domain` its end from the `@` on. `app` excludes entries of other applications,
    and `only_app` those for every email as well. `expiring`: only entries that end by themselves.
    """

    origin: str | None = None
    prefix: str | None = None
    domain: str | None = None
    scope: str | None = None
    app: str | None = None
    only_app: str | None = None
    under_review: bool = False
    expiring: bool = False
    past: bool = False


def page(
    connection: Connection, wanted: Filter, *, limit: int, after: UUID | None, before: UUID | None
) -> tuple[Suppression, ...]:
    """Up to `limit` entries, newest first: those older than `after`, or the nearest ones newer than `before`.

    With a `prefix` they are in the order of the keys. The keys with one beginning are neighbours in an index, and are
    read from there. The newest of them may be anywhere, so a search for a common beginning would read the whole list.
    """
    if wanted.app is not None and wanted.scope is not None:
        if wanted.scope not in {EVERY_EMAIL, wanted.app} and not wanted.scope.startswith(scope_of(wanted.app, "")):
            return ()
        wanted = replace(wanted, app=None)
    in_order = _newest_first if wanted.prefix is None else _by_key
    return in_order(connection, wanted, limit=limit, after=after, before=before)


def _newest_first(
    connection: Connection, wanted: Filter, *, limit: int, after: UUID | None, before: UUID | None
) -> tuple[Suppression, ...]:
    query = select(suppressions).where(*conditions(wanted))
    if before is not None:
        query = query.where(suppressions.c.id > before).order_by(suppressions.c.id)
    else:
        query = query.order_by(suppressions.c.id.desc())
    if after is not None:
        query = query.where(suppressions.c.id < after)
    found = [read(row) for row in connection.execute(query.limit(limit))]
    return tuple(reversed(found) if before is not None else found)


def _by_key(
    connection: Connection, wanted: Filter, *, limit: int, after: UUID | None, before: UUID | None
) -> tuple[Suppression, ...]:
    order = _order(connection)
    query = select(suppressions).where(*conditions(wanted))
    if (bound := after or before) is not None:
        key = select(suppressions.c.key).where(suppressions.c.id == bound).scalar_subquery()
        query = query.where(_beyond(key, bound, order.down if before else order.up))
    ordered = (
        (text(order.last_first), suppressions.c.id.desc()) if before else (text(order.first_first), suppressions.c.id)
    )
    found = [read(row) for row in connection.execute(query.order_by(*ordered).limit(limit))]
    return tuple(reversed(found) if before is not None else found)


def count(connection: Connection, wanted: Filter, *, at_most: int) -> int:
    """How many entries match, counted up to `at_most`: to count millions would read them all."""
    order = suppressions.c.id.desc() if wanted.prefix is None else text(_order(connection).first_first)
    some = select(suppressions.c.id).where(*conditions(wanted)).order_by(order).limit(at_most)
    return connection.scalar(select(func.count()).select_from(some.subquery())) or 0


def live_keys(connection: Connection, *, after: str, limit: int) -> tuple[str, ...]:
    """The next `limit` live keys in their order, each once. For the first ones `after` is empty."""
    query = select(suppressions.c.key).where(LIVE, suppressions.c.key > after).distinct()
    return tuple(connection.scalars(query.order_by(suppressions.c.key).limit(limit)))


def conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    """SQL: the conditions of the filter."""
    passed: list[ColumnElement[bool]] = [suppressions.c.removed_at.is_not(None) if wanted.past else LIVE]
    if wanted.origin is not None:
        passed.append(suppressions.c.origin == wanted.origin)
    if wanted.prefix is not None:
        passed.append(suppressions.c.key.startswith(wanted.prefix, autoescape=True))
    if wanted.domain is not None:
        passed.append(at_domain(suppressions.c.key) == wanted.domain)
    if wanted.scope is not None:
        passed.append(suppressions.c.scope == wanted.scope)
    if wanted.app is not None:
        passed.append(suppressions.c.scope.in_([EVERY_EMAIL, wanted.app]) | _in_streams_of(wanted.app))
    if wanted.only_app is not None:
        passed.append((suppressions.c.scope == wanted.only_app) | _in_streams_of(wanted.only_app))
    if wanted.under_review:
        passed.append(suppressions.c.review_id.is_not(None))
    if wanted.expiring:
        passed.append(suppressions.c.expires_at.is_not(None))
    return passed


@dataclass(frozen=True, slots=True)
class _Order:
    """How a dialect orders keys byte by byte, and compares them so: strictly, or not."""

    first_first: str
    last_first: str
    up: tuple[str, str]
    down: tuple[str, str]


_BYTES = _Order("suppressions.key USING ~<~", "suppressions.key USING ~>~", ("~>~", "~>=~"), ("~<~", "~<=~"))
_PLAIN = _Order("suppressions.key", "suppressions.key DESC", (">", ">="), ("<", "<="))


def _order(connection: Connection) -> _Order:
    """The order of the index `text_pattern_ops`, whatever the locale of the database; SQLite has no other."""
    return _BYTES if connection.dialect.name == "postgresql" else _PLAIN


def _beyond(key: ScalarSelect[str], bound: UUID, strictly_or_not: tuple[str, str]) -> ColumnElement[bool]:
    strictly, not_strictly = (suppressions.c.key.bool_op(one)(key) for one in strictly_or_not)
    is_up = ">" in strictly_or_not[0]
    same_key = suppressions.c.id > bound if is_up else suppressions.c.id < bound
    return and_(not_strictly, or_(strictly, same_key))


def _in_streams_of(app: str) -> ColumnElement[bool]:
    return suppressions.c.scope.startswith(scope_of(app, ""), autoescape=True)
