"""SES's own suppression list as last read, and the entries of ours to compare with it.

Addresses are kept in the spelling that SES's API requires; one that is not an address has no key. What follows from a
difference is decided by `app.domain.account.list_comparison`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from app.domain.suppression.rules import EVERY_EMAIL, Origin
from app.store.engine.database import now
from app.store.suppression.suppressions import LIVE, POSTERN, Suppression, read
from app.store.tables.core import attempts, reviews, ses_suppressions, suppressions

NO_KEY: Final = ""
CURSOR: Final = "ses_list"
"""The name of the job cursor in which a sync keeps its position."""
SOURCE: Final = "ses_list"
"""The member of `source` that marks an entry which is ours only because SES's list has it."""

_ON_THE_LIST: Final = "onaccountsuppressionlist"
_CHUNK: Final = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrored:
    """One entry of SES's list as last read. `key` is the suppression key, empty if it is not an address."""

    address: str
    key: str
    reason: str
    updated_at: datetime


def mirror(connection: Connection, entries: Iterable[Mirrored]) -> None:
    """Store these entries as seen on SES's list now."""
    rows = {one.address: {"address": one.address, **_columns(one), "seen_at": now()} for one in entries}
    if not rows:
        return
    insert = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    statement = insert(ses_suppressions).values(list(rows.values()))
    changed = {name: statement.excluded[name] for name in ("key", "reason", "updated_at", "seen_at")}
    connection.execute(statement.on_conflict_do_update(index_elements=["address"], set_=changed))


def drop(connection: Connection, addresses: Sequence[str]) -> None:
    """Delete entries that are no longer on SES's list."""
    connection.execute(delete(ses_suppressions).where(ses_suppressions.c.address.in_(list(addresses))))


def forget(connection: Connection, key: str) -> None:
    """Delete all spellings of this address."""
    connection.execute(delete(ses_suppressions).where(ses_suppressions.c.key == key))


def spellings(connection: Connection, keys: Iterable[str]) -> tuple[str, ...]:
    """The spellings of these addresses on SES's list, as far as they are known."""
    query = select(ses_suppressions.c.address).where(ses_suppressions.c.key.in_(list(keys)))
    return tuple(connection.scalars(query.order_by(ses_suppressions.c.address)))


def page(connection: Connection, *, after: str, limit: int) -> tuple[Mirrored, ...]:
    """The next entries by their spelling."""
    query = select(ses_suppressions).where(ses_suppressions.c.address > after).order_by(ses_suppressions.c.address)
    return tuple(_mirrored(row) for row in connection.execute(query.limit(limit)))


def drop_unseen(connection: Connection, *, since: datetime, limit: int) -> bool:
    """Delete up to `limit` entries that were not seen since then. Whether there were any."""
    # In the order of the index: otherwise the planner would read the table, past all rows that were deleted before.
    query = select(ses_suppressions.c.address).where(ses_suppressions.c.seen_at < since)
    gone = list(connection.scalars(query.order_by(ses_suppressions.c.seen_at).limit(limit)))
    drop(connection, gone)
    return bool(gone)


def listed_since(connection: Connection, keys: Sequence[str], *, since: datetime | None) -> frozenset[str]:
    """Those of these keys with a spelling that was seen on SES's list since then."""
    query = select(ses_suppressions.c.key).where(ses_suppressions.c.key.in_(list(keys)))
    if since is not None:
        query = query.where(ses_suppressions.c.seen_at >= since)
    return frozenset(connection.scalars(query))


def removals(connection: Connection, keys: Iterable[str]) -> dict[str, datetime]:
    """When a person last removed these addresses from the list for every email, for those that were removed."""
    wanted, found = list(dict.fromkeys(keys)), dict[str, datetime]()
    for start in range(0, len(wanted), _CHUNK):
        query = (
            select(suppressions.c.key, func.max(suppressions.c.removed_at))
            .where(
                suppressions.c.key.in_(wanted[start : start + _CHUNK]),
                suppressions.c.scope == EVERY_EMAIL,
                suppressions.c.removed_at.is_not(None),
                suppressions.c.removed_by != POSTERN,
            )
            .group_by(suppressions.c.key)
        )
        found |= dict(connection.execute(query).all())
    return found


def email_left_at(connection: Connection, ses_message_id: str) -> datetime | None:
    """When our email with this SES message id was handed over; None if the id is not one of ours."""
    query = select(func.max(attempts.c.started_at)).where(attempts.c.ses_message_id == ses_message_id)
    found: datetime | None = connection.scalar(query)
    return found


def lock_because_of_ses(connection: Connection, key: str) -> list[UUID]:
    """The live entry of this address that is ours only because of SES's list, locked until the transaction ends."""
    of_address = (suppressions.c.key == key) & (suppressions.c.scope == EVERY_EMAIL) & LIVE
    rows = [read(row) for row in connection.execute(select(suppressions).where(of_address).with_for_update())]
    return [one.id for one in rows if is_because_of_ses(one)]


def is_because_of_ses(entry: Suppression) -> bool:
    """Whether an entry is ours only because the account's list had the address.

    An address that SES suppressed by its global list does not count: that list cannot be read, so its removal could not
    be seen.
    """
    subtypes = {str(entry.source.get(name, "")).lower() for name in ("bounce_subtype", "complaint_subtype")}
    return entry.origin == Origin.SES_ACCOUNT and (SOURCE in entry.source or _ON_THE_LIST in subtypes)


def ours(connection: Connection, *, after: UUID | None, limit: int) -> tuple[Suppression, ...]:
    """The next live entries for every email, by id."""
    query = select(suppressions).where(suppressions.c.scope == EVERY_EMAIL, LIVE)
    if after is not None:
        query = query.where(suppressions.c.id > after)
    return tuple(read(row) for row in connection.execute(query.order_by(suppressions.c.id).limit(limit)))


def for_ses(connection: Connection, origins: Iterable[Origin], *, ids: Sequence[UUID]) -> frozenset[UUID]:
    """Those of these entries that may be sent to SES: of these origins, permanent, of one address, not under review."""
    undecided = select(reviews.c.id).where(reviews.c.id == suppressions.c.review_id, reviews.c.decided_at.is_(None))
    query = select(suppressions.c.id).where(suppressions.c.id.in_(list(ids)), _is_for_ses(origins), ~undecided.exists())
    return frozenset(connection.scalars(query))


def _is_for_ses(origins: Iterable[Origin]) -> ColumnElement[bool]:
    of_one_address = and_(~suppressions.c.key.startswith("@"), ~suppressions.c.key.startswith("#"))
    return and_(
        LIVE,
        suppressions.c.scope == EVERY_EMAIL,
        suppressions.c.expires_at.is_(None),
        or_(*[suppressions.c.origin == origin for origin in origins]),
        of_one_address,
    )


def _columns(one: Mirrored) -> dict[str, object]:
    return {"key": one.key, "reason": one.reason, "updated_at": one.updated_at}


def _mirrored(row: object) -> Mirrored:
    return Mirrored(**{name: getattr(row, name) for name in Mirrored.__dataclass_fields__})
