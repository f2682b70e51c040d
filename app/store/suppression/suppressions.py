"""The suppression list in SQL, its single source of truth: put, unsuppress, find.

A removed row stays as a tombstone. Every change of an entry is noted in the same transaction
(`app.store.suppression.changes`); no other module may write the table, except `app.store.privacy.erasure`. What
suppresses is decided by `app.domain.suppression.rules`.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, case, exists, func, or_, select, update

from app.domain.errors import ServiceUnavailable
from app.domain.suppression import pauses
from app.domain.suppression.rules import EVERY_EMAIL, Change, takes_the_place_of
from app.store.engine.bulk_statements import Among
from app.store.engine.database import add_once, clock, now
from app.store.engine.ids import new_id
from app.store.suppression import changes, covered_unsubscribes, entry_locks
from app.store.tables.core import ses_suppressions, suppressions

Json = dict[str, Any]
POSTERN = changes.POSTERN
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
    """An entry to put, and its actor. `address` is the spelling on SES's own list, which compares exactly."""

    key: str
    scope: str
    address: str
    origin: str
    reason: str
    actor: str
    source: Json = field(default_factory=dict)
    expires_at: datetime | None = None


_MAY_BE_AT_SES = and_(suppressions.c.scope == EVERY_EMAIL, suppressions.c.key.like("_%@%"))
_BOUNCED_AT_SES = exists(
    select(ses_suppressions.c.key).where(
        ses_suppressions.c.key == suppressions.c.key, ses_suppressions.c.reason == "BOUNCE"
    )
)
_NOT_REMOVED = suppressions.c.removed_at.is_(None)
LIVE = and_(_NOT_REMOVED, or_(suppressions.c.expires_at.is_(None), suppressions.c.expires_at > now()))
_IN_SCOPES = suppressions.c.scope.in_(bindparam("scopes", expanding=True))
_LIVE_AMONG = Among(select(suppressions).where(_IN_SCOPES, LIVE), suppressions.c.key)


def put(connection: Connection, new: NewSuppression) -> tuple[Suppression, bool]:
    """The live entry of this key and scope, and whether it is the new one.

    The new entry is put if there is none, and replaces one that is weaker (`takes_the_place_of`): that row keeps its id
    and the time since when the address is on the list.
    """
    while True:
        existing = _live_row(connection, key=new.key, scope=new.scope)
        if existing is None:
            entry = _insert(connection, new)
            if entry is not None:
                return entry, True
        elif _is_over(connection, existing):
            end(connection, [existing])
        elif takes_the_place_of(new, existing) or _proves(new, existing):
            return _replace(connection, existing, new), True
        else:
            covered_unsubscribes.cover(connection, existing, new)
            return existing, False


def unsuppress(
    connection: Connection, entry_ids: Sequence[UUID], *, actor: str, reason: str, at_ses_too: bool = True
) -> tuple[Suppression, ...]:
    """Turn live entries into tombstones, and return those. An unsubscription that one of them covered applies again.

    `at_ses_too`: also remove them from SES's own list, where they can be on it: entries for every email, and by
    address.
    """
    values = {
        "removed_at": now(),
        "removed_by": actor,
        "removal_reason": reason,
        "ses_removal": case((_MAY_BE_AT_SES, PENDING)) if at_ses_too else None,
    }
    unsuppressed = _update(connection, entry_ids, values)
    changes.note(connection, Change.REMOVED, unsuppressed, actor=actor, reason=reason)
    _uncover(connection, unsuppressed)
    return unsuppressed


def restore(connection: Connection, tombstone: Suppression, *, actor: str, reason: str) -> Suppression | None:
    """Undo a removal: the tombstone is live again, as if never unsuppressed. None if another entry is live."""
    existing = _live_row(connection, key=tombstone.key, scope=tombstone.scope)
    if existing is not None and not _is_over(connection, existing):
        return None
    end(connection, [existing] if existing else [])
    statement = (
        update(suppressions)
        .where(suppressions.c.id == tombstone.id, suppressions.c.removed_at.is_not(None))
        .values(removed_at=None, removed_by=None, removal_reason=None, ses_removal=None, review_id=None)
        .returning(suppressions)
    )
    restored = [read(row) for row in connection.execute(statement)]
    changes.note(connection, Change.RESTORED, restored, actor=actor, reason=reason)
    return restored[0] if restored else None


def prolong(
    connection: Connection,
    entry_id: UUID,
    *,
    expires_at: datetime | None,
    reason: str,
    source: Json,
    actor: str = POSTERN,
) -> None:
    """Change the end of a live entry (None is never), with a new reason."""
    values = {"expires_at": expires_at, "reason": reason, "source": source}
    changed = _update(connection, [entry_id], values, suppressions.c.expires_at.is_distinct_from(expires_at))
    changes.note(connection, Change.PROLONGED, changed, actor=actor, reason=reason)


def is_address(key: str) -> bool:
    """Whether a key is an address: neither a whole domain nor the pseudonym of a forgotten person."""
    return "@" in key[1:]


def expire(connection: Connection, *, limit: int) -> tuple[Suppression, ...]:
    """Turn up to `limit` expired entries into tombstones, removed at the time of their expiry, and return those."""
    runs_out = suppressions.c.expires_at.is_not(None)
    query = (
        select(suppressions)
        .where(_NOT_REMOVED, runs_out, suppressions.c.expires_at <= now())
        .order_by(suppressions.c.expires_at)
    )
    over = [read(row) for row in connection.execute(query.limit(limit).with_for_update(skip_locked=True))]
    return end(connection, over)


def put_under_review(
    connection: Connection, entry_ids: Sequence[UUID], *, review_id: UUID, reason: str
) -> tuple[Suppression, ...]:
    """Put live entries under a review, and return those that were not under one yet."""
    waiting = _update(connection, entry_ids, {"review_id": review_id}, suppressions.c.review_id.is_(None))
    changes.note(connection, Change.REVIEW, waiting, actor=POSTERN, reason=reason)
    return waiting


def confirm(connection: Connection, entry_ids: Sequence[UUID], *, actor: str, reason: str) -> tuple[Suppression, ...]:
    """Confirm entries under review, so that they stay, and return those."""
    confirmed = _update(connection, entry_ids, {"review_id": None}, suppressions.c.review_id.is_not(None))
    changes.note(connection, Change.CONFIRMED, confirmed, actor=actor, reason=reason)
    return confirmed


def last_removal(connection: Connection, *, key: str, scope: str) -> datetime | None:
    """When a person last removed this address from this scope: evidence about older email no longer counts."""
    query = select(func.max(suppressions.c.removed_at)).where(
        suppressions.c.key == key, suppressions.c.scope == scope, suppressions.c.removed_by != POSTERN
    )
    removed_at: datetime | None = connection.scalar(query)
    return removed_at


def lock(connection: Connection, entry_ids: Collection[UUID]) -> tuple[Suppression, ...]:
    """Those of these entries that are live, as they are now, locked until the transaction ends."""
    entry_locks.hold_ids(connection, entry_ids)
    query = select(suppressions).where(suppressions.c.id.in_(list(entry_ids)), LIVE)
    return tuple(read(row) for row in connection.execute(query))


def live(connection: Connection, *keys: str) -> tuple[Suppression, ...]:
    """The live entries under these names in every scope, `*` first."""
    query = select(suppressions).where(suppressions.c.key.in_(keys), LIVE)
    return tuple(read(row) for row in connection.execute(query.order_by(suppressions.c.scope != EVERY_EMAIL)))


def history(connection: Connection, *keys: str) -> tuple[Suppression, ...]:
    """The removed and expired entries under these names, newest first."""
    over = or_(suppressions.c.removed_at.is_not(None), suppressions.c.expires_at <= now())
    query = select(suppressions).where(suppressions.c.key.in_(keys), over).order_by(suppressions.c.id.desc())
    return tuple(read(row) for row in connection.execute(query))


def by_id(connection: Connection, entry_id: UUID) -> Suppression | None:
    """The entry of this id, live or not."""
    row = connection.execute(select(suppressions).where(suppressions.c.id == entry_id)).one_or_none()
    return read(row) if row else None


def live_among(
    connection: Connection, keys: Iterable[str], *, scopes: Iterable[str]
) -> dict[tuple[str, str], Suppression]:
    """The live entries of these addresses in these scopes, by (key, scope)."""
    wanted, within = list(dict.fromkeys(keys)), list(dict.fromkeys(scopes))
    found: dict[tuple[str, str], Suppression] = {}
    for start in range(0, len(wanted), _CHUNK):
        rows = _LIVE_AMONG(connection, wanted[start : start + _CHUNK], scopes=within)
        found |= {(row.key, row.scope): read(row) for row in rows}
    return found


def _live_row(connection: Connection, *, key: str, scope: str) -> Suppression | None:
    query = select(suppressions).where(suppressions.c.key == key, suppressions.c.scope == scope, _NOT_REMOVED)
    row = connection.execute(query.with_for_update()).one_or_none()
    return read(row) if row else None


def _is_over(connection: Connection, entry: Suppression) -> bool:
    return entry.expires_at is not None and entry.expires_at <= clock(connection)


def _insert(connection: Connection, new: NewSuppression) -> Suppression | None:
    """The entry that was put, or None if another transaction put one at the same time."""
    entry_id = new_id()
    if not add_once(connection, suppressions, id=entry_id, created_at=now(), **_values(new)):
        return None
    entry = by_id(connection, entry_id)
    if entry is None:
        raise ServiceUnavailable("The suppression was removed while it was being added; repeat the request.")
    changes.note(connection, Change.ADDED, [entry], actor=new.actor)
    return entry


def _proves(new: NewSuppression, existing: Suppression) -> bool:
    """Whether a bounce that is understood confirms an entry that a delivery would end."""
    lasts_alike = new.expires_at is None and existing.expires_at is None and new.origin == existing.origin
    return lasts_alike and pauses.SOURCE in existing.source and pauses.SOURCE not in new.source


def _replace(connection: Connection, existing: Suppression, new: NewSuppression) -> Suppression:
    values = {**_values(new), "version": existing.version + 1, "review_id": None}
    [entry] = _update(connection, [existing.id], values)
    changes.note(connection, Change.REPLACED, [entry], actor=new.actor)
    return entry


def _uncover(connection: Connection, unsuppressed: Iterable[Suppression]) -> None:
    entries = {one.id: one for one in unsuppressed}
    for entry_id, said in covered_unsubscribes.covered(connection, entries).items():
        new = NewSuppression(
            key=entries[entry_id].key,
            scope=said.scope,
            address=entries[entry_id].address,
            origin=said.origin,
            reason=said.reason,
            actor=said.actor,
            source={"actor": said.actor},
        )
        put(connection, new)


def _values(new: NewSuppression) -> Json:
    return {name: getattr(new, name) for name in NewSuppression.__dataclass_fields__ if name != "actor"}


def end(connection: Connection, entries: Sequence[Suppression]) -> tuple[Suppression, ...]:
    """Turn expired entries into tombstones, removed at the time of their expiry, and return those.

    Where SES lists the address for a bounce, the removal there is pending: SES may have listed it for the same bounces.
    """
    reason = "It had run out."
    values = {
        "removed_at": suppressions.c.expires_at,
        "removed_by": POSTERN,
        "removal_reason": reason,
        "ses_removal": case((and_(_MAY_BE_AT_SES, _BOUNCED_AT_SES), PENDING)),
    }
    expired = _update(connection, [one.id for one in entries], values)
    changes.note(connection, Change.EXPIRED, expired, actor=POSTERN, reason=reason)
    return expired


def _update(
    connection: Connection, entry_ids: Sequence[UUID], values: Json, *conditions: ColumnElement[bool]
) -> tuple[Suppression, ...]:
    """Change live entries. Those that were changed."""
    if len(entry_ids) > 1:
        entry_locks.hold_ids(connection, entry_ids)
    changed: list[Suppression] = []
    for start in range(0, len(entry_ids), _CHUNK):
        given = suppressions.c.id.in_(list(entry_ids[start : start + _CHUNK]))
        statement = update(suppressions).where(given, _NOT_REMOVED, *conditions).values(values).returning(suppressions)
        changed += [read(row) for row in connection.execute(statement)]
    return tuple(changed)


def read(row: Row[Any]) -> Suppression:
    """A row of the table as an entry."""
    columns = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for the mapping view
    return Suppression(**{name: columns[name] for name in Suppression.__dataclass_fields__})
