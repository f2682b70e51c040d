"""SES's own suppression list as last read, and what of ours is compared with it.

Addresses are kept in the spelling that SES's API wants; one that is no address has no key. It decides nothing about
what follows from a difference (`app.domain.ses_list`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from app.domain.suppression import EVERY_MAIL, Origin
from app.store.db import now
from app.store.models import attempts, reviews, ses_suppressions, suppressions
from app.store.suppressions import LIVE, POSTERN, Suppression, read

NO_KEY: Final = ""
SOURCE: Final = "ses_list"
"""In the source of an entry that is ours only because SES's list has it."""

_ON_THE_LIST: Final = "onaccountsuppressionlist"
_CHUNK: Final = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrored:
    """One entry of SES's list as last read. `key` is the suppression key, empty when it is no address."""

    address: str
    key: str
    reason: str
    updated_at: datetime


def mirror(connection: Connection, entries: Iterable[Mirrored]) -> None:
    """Note these entries as seen on SES's list now."""
    rows = {one.address: {"address": one.address, **_columns(one), "seen_at": now()} for one in entries}
    if not rows:
        return
    insert = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    statement = insert(ses_suppressions).values(list(rows.values()))
    changed = {name: statement.excluded[name] for name in ("key", "reason", "updated_at", "seen_at")}
    connection.execute(statement.on_conflict_do_update(index_elements=["address"], set_=changed))


def drop(connection: Connection, addresses: Sequence[str]) -> None:
    """Forget entries that are on SES's list no more."""
    connection.execute(delete(ses_suppressions).where(ses_suppressions.c.address.in_(list(addresses))))


def forget(connection: Connection, key: str) -> None:
    """Keep no spelling of this address."""
    connection.execute(delete(ses_suppressions).where(ses_suppressions.c.key == key))


def spellings(connection: Connection, keys: Iterable[str]) -> tuple[str, ...]:
    """How SES's list spells these addresses, as far as is known."""
    query = select(ses_suppressions.c.address).where(ses_suppressions.c.key.in_(list(keys)))
    return tuple(connection.scalars(query.order_by(ses_suppressions.c.address)))


def page(connection: Connection, *, after: str, limit: int) -> tuple[Mirrored, ...]:
    """The next entries by their spelling."""
    query = select(ses_suppressions).where(ses_suppressions.c.address > after).order_by(ses_suppressions.c.address)
    return tuple(_mirrored(row) for row in connection.execute(query.limit(limit)))


def drop_unseen(connection: Connection, *, since: datetime, limit: int) -> bool:
    """Forget up to `limit` entries that were not seen since; whether there were any."""
    query = select(ses_suppressions.c.address).where(ses_suppressions.c.seen_at < since).limit(limit)
    gone = list(connection.scalars(query))
    drop(connection, gone)
    return bool(gone)


def held_since(connection: Connection, keys: Sequence[str], *, since: datetime | None) -> frozenset[str]:
    """Those of these keys of which SES's list has a spelling that was seen since."""
    query = select(ses_suppressions.c.key).where(ses_suppressions.c.key.in_(list(keys)))
    if since is not None:
        query = query.where(ses_suppressions.c.seen_at >= since)
    return frozenset(connection.scalars(query))


def removals(connection: Connection, keys: Iterable[str]) -> dict[str, datetime]:
    """When people last took these addresses off the list for every mail, as far as they did."""
    wanted, found = list(dict.fromkeys(keys)), dict[str, datetime]()
    for start in range(0, len(wanted), _CHUNK):
        query = (
            select(suppressions.c.key, func.max(suppressions.c.removed_at))
            .where(
                suppressions.c.key.in_(wanted[start : start + _CHUNK]),
                suppressions.c.scope == EVERY_MAIL,
                suppressions.c.removed_at.is_not(None),
                suppressions.c.removed_by != POSTERN,
            )
            .group_by(suppressions.c.key)
        )
        found |= dict(connection.execute(query).all())
    return found


def mail_left_at(connection: Connection, ses_message_id: str) -> datetime | None:
    """When our mail of this SES message id was handed over; None when it is not known as ours."""
    query = select(func.max(attempts.c.started_at)).where(attempts.c.ses_message_id == ses_message_id)
    found: datetime | None = connection.scalar(query)
    return found


def lock_because_of_ses(connection: Connection, key: str) -> list[UUID]:
    """The live entry of this address that is ours only because SES's list had it; nobody changes it till the end."""
    mine = (suppressions.c.key == key) & (suppressions.c.scope == EVERY_MAIL) & LIVE
    rows = [read(row) for row in connection.execute(select(suppressions).where(mine).with_for_update())]
    return [one.id for one in rows if is_because_of_ses(one)]


def is_because_of_ses(entry: Suppression) -> bool:
    """Whether an entry is ours only because the account's list had the address.

    What SES suppressed by its global list, which nobody can read, is not: nobody can see it leave.
    """
    told = {str(entry.source.get(name, "")).lower() for name in ("bounce_subtype", "complaint_subtype")}
    return entry.origin == Origin.SES_ACCOUNT and (SOURCE in entry.source or _ON_THE_LIST in told)


def ours(connection: Connection, *, after: UUID | None, limit: int) -> tuple[Suppression, ...]:
    """The next live entries for every mail by their id."""
    query = select(suppressions).where(suppressions.c.scope == EVERY_MAIL, LIVE)
    if after is not None:
        query = query.where(suppressions.c.id > after)
    return tuple(read(row) for row in connection.execute(query.order_by(suppressions.c.id).limit(limit)))


def for_ses(connection: Connection, origins: Iterable[Origin], *, ids: Sequence[UUID]) -> frozenset[UUID]:
    """Those of these entries that SES may be told: of these origins, for good, of one address, and not in question."""
    undecided = select(reviews.c.id).where(reviews.c.id == suppressions.c.review_id, reviews.c.decided_at.is_(None))
    query = select(suppressions.c.id).where(suppressions.c.id.in_(list(ids)), _is_for_ses(origins), ~undecided.exists())
    return frozenset(connection.scalars(query))


def _is_for_ses(origins: Iterable[Origin]) -> ColumnElement[bool]:
    of_one_address = and_(~suppressions.c.key.startswith("@"), ~suppressions.c.key.startswith("#"))
    return and_(
        LIVE,
        suppressions.c.scope == EVERY_MAIL,
        suppressions.c.expires_at.is_(None),
        or_(*[suppressions.c.origin == origin for origin in origins]),
        of_one_address,
    )


def _columns(one: Mirrored) -> dict[str, object]:
    return {"key": one.key, "reason": one.reason, "updated_at": one.updated_at}


def _mirrored(row: object) -> Mirrored:
    return Mirrored(**{name: getattr(row, name) for name in Mirrored.__dataclass_fields__})
