"""The suppression list in SQL, which is its truth: put, lift, find, page.

A removed row stays as a tombstone. It decides nothing about what suppresses (`app.domain.suppression`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, func, literal, or_, select, update

from app.domain.errors import ServiceUnavailable
from app.domain.suppression import EVERY_MAIL, scope_of
from app.store.db import add_once, now
from app.store.ids import new_id
from app.store.models import suppressions

Json = dict[str, Any]
POSTERN = "postern"
PENDING = "pending"
_CHUNK = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """One entry of the list, live, expired or removed."""

    id: UUID
    key: str
    scope: str
    address: str
    origin: str
    reason: str
    source: Json
    version: int
    created_at: datetime
    expires_at: datetime | None
    removed_at: datetime | None
    removed_by: str | None
    removal_reason: str | None
    review_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSuppression:
    """An entry to put. `address` is the spelling that SES's own list knows, which compares exactly."""

    key: str
    scope: str
    address: str
    origin: str
    reason: str
    source: Json = field(default_factory=dict)
    expires_at: datetime | None = None


_NOT_REMOVED = suppressions.c.removed_at.is_(None)
_NOT_EXPIRED = or_(suppressions.c.expires_at.is_(None), suppressions.c.expires_at > now())


def put(connection: Connection, new: NewSuppression) -> tuple[Suppression, bool]:
    """The live entry of this key and scope, and whether it was put now.

    An entry that is live already stays as it is, except that a permanent one replaces one that would expire.
    """
    existing = _live_row(connection, key=new.key, scope=new.scope)
    if existing is not None and not _gives_way(connection, existing, new):
        return existing, False
    if existing is not None:
        _retire(connection, existing)
    version = 1 if existing is None else existing.version + 1
    added = add_once(
        connection,
        suppressions,
        id=new_id(),
        key=new.key,
        scope=new.scope,
        address=new.address,
        origin=new.origin,
        reason=new.reason,
        source=new.source,
        version=version,
        created_at=now(),
        expires_at=new.expires_at,
    )
    entry = _live_row(connection, key=new.key, scope=new.scope)
    if entry is None:
        raise ServiceUnavailable("The suppression was removed while it was being added; repeat the request.")
    return entry, added


def lift(
    connection: Connection, entry_ids: Sequence[UUID], *, actor: str, reason: str, at_ses_too: bool = True
) -> None:
    """Turn live entries into tombstones. `at_ses_too`: the addresses have to leave SES's account list as well."""
    connection.execute(
        update(suppressions)
        .where(suppressions.c.id.in_(list(entry_ids)), _NOT_REMOVED)
        .values(
            removed_at=now(),
            removed_by=actor,
            removal_reason=reason,
            ses_removal=PENDING if at_ses_too else None,
        )
    )


def prolong(connection: Connection, entry_id: UUID, *, expires_at: datetime, reason: str, source: Json) -> None:
    """Let a live entry end at another time, for a renewed reason."""
    connection.execute(
        update(suppressions)
        .where(suppressions.c.id == entry_id, _NOT_REMOVED)
        .values(expires_at=expires_at, reason=reason, source=source)
    )


def pending_ses_removals(connection: Connection, *, limit: int) -> tuple[Suppression, ...]:
    """Tombstones whose address may still be on SES's account list, oldest first."""
    query = select(suppressions).where(suppressions.c.ses_removal == PENDING).order_by(suppressions.c.removed_at)
    return tuple(_entry(row) for row in connection.execute(query.limit(limit)))


def note_ses_removal(connection: Connection, entry_ids: Sequence[UUID]) -> None:
    """Note that the addresses of these tombstones are off SES's account list."""
    done = update(suppressions).where(suppressions.c.id.in_(list(entry_ids))).values(ses_removal="done")
    connection.execute(done)


def last_removal(connection: Connection, *, key: str, scope: str) -> datetime | None:
    """When this address was last taken off this scope by somebody: evidence about older mail no longer counts."""
    query = select(func.max(suppressions.c.removed_at)).where(
        suppressions.c.key == key, suppressions.c.scope == scope, suppressions.c.removed_by != POSTERN
    )
    removed_at: datetime | None = connection.scalar(query)
    return removed_at


def live(connection: Connection, key: str) -> tuple[Suppression, ...]:
    """The live entries of an address in every scope, `*` first."""
    query = select(suppressions).where(suppressions.c.key == key, _NOT_REMOVED, _NOT_EXPIRED)
    return tuple(_entry(row) for row in connection.execute(query.order_by(suppressions.c.scope != EVERY_MAIL)))


def history(connection: Connection, key: str) -> tuple[Suppression, ...]:
    """The removed and expired entries of an address, newest first."""
    over = or_(suppressions.c.removed_at.is_not(None), suppressions.c.expires_at <= now())
    query = select(suppressions).where(suppressions.c.key == key, over).order_by(suppressions.c.id.desc())
    return tuple(_entry(row) for row in connection.execute(query))


def by_id(connection: Connection, entry_id: UUID) -> Suppression | None:
    """The entry of this id, live or not."""
    row = connection.execute(select(suppressions).where(suppressions.c.id == entry_id)).one_or_none()
    return _entry(row) if row else None


def live_among(
    connection: Connection, keys: Iterable[str], *, scopes: Iterable[str]
) -> dict[tuple[str, str], Suppression]:
    """The live entries of these addresses in these scopes, by (key, scope)."""
    wanted, within = list(dict.fromkeys(keys)), list(dict.fromkeys(scopes))
    found: dict[tuple[str, str], Suppression] = {}
    for start in range(0, len(wanted), _CHUNK):
        query = select(suppressions).where(
            suppressions.c.key.in_(wanted[start : start + _CHUNK]),
            suppressions.c.scope.in_(within),
            _NOT_REMOVED,
            _NOT_EXPIRED,
        )
        found |= {(row.key, row.scope): _entry(row) for row in connection.execute(query)}
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which live entries to list; `prefix` is the beginning of a key, `app` leaves out the streams of all others."""

    origin: str | None = None
    prefix: str | None = None
    scope: str | None = None
    app: str | None = None


def page(
    connection: Connection, wanted: Filter, *, limit: int, after: UUID | None, before: UUID | None
) -> tuple[Suppression, ...]:
    """Up to `limit` live entries, newest first: those older than `after`, or the nearest ones newer than `before`."""
    query = select(suppressions).where(_NOT_REMOVED, _NOT_EXPIRED, *_conditions(wanted))
    if before is not None:
        query = query.where(suppressions.c.id > before).order_by(suppressions.c.id)
    else:
        query = query.order_by(suppressions.c.id.desc())
    if after is not None:
        query = query.where(suppressions.c.id < after)
    found = [_entry(row) for row in connection.execute(query.limit(limit))]
    return tuple(reversed(found) if before is not None else found)


def live_keys(connection: Connection) -> Iterable[str]:
    """Every live key, streamed."""
    query = select(suppressions.c.key).where(_NOT_REMOVED, _NOT_EXPIRED).distinct()
    return connection.execution_options(yield_per=5000).scalars(query)


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.origin is not None:
        conditions.append(suppressions.c.origin == wanted.origin)
    if wanted.prefix is not None:
        conditions.append(suppressions.c.key.startswith(wanted.prefix, autoescape=True))
    if wanted.scope is not None:
        conditions.append(suppressions.c.scope == wanted.scope)
    if wanted.app is not None:
        own = suppressions.c.scope.startswith(scope_of(wanted.app, ""), autoescape=True)
        conditions.append((suppressions.c.scope == EVERY_MAIL) | own)
    return conditions


def _live_row(connection: Connection, *, key: str, scope: str) -> Suppression | None:
    query = select(suppressions).where(suppressions.c.key == key, suppressions.c.scope == scope, _NOT_REMOVED)
    row = connection.execute(query.with_for_update()).one_or_none()
    return _entry(row) if row else None


def _gives_way(connection: Connection, existing: Suppression, new: NewSuppression) -> bool:
    if existing.expires_at is None:
        return False
    expired = connection.scalar(select(literal(existing.expires_at, suppressions.c.expires_at.type) <= now()))
    return bool(expired) or new.expires_at is None or new.expires_at > existing.expires_at


def _retire(connection: Connection, entry: Suppression) -> None:
    replaced = "Replaced by a later entry."
    connection.execute(
        update(suppressions)
        .where(suppressions.c.id == entry.id)
        .values(removed_at=now(), removed_by=POSTERN, removal_reason=replaced)
    )


def _entry(row: Row[Any]) -> Suppression:
    columns = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for the mapping view
    return Suppression(**{name: columns[name] for name in Suppression.__dataclass_fields__})
