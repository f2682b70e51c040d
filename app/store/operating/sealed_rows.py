"""All rows that are sealed under `SECRET_KEYS`: which key each is under, and the wrapped keys to rewrite.

This module decides which tables these are: `KINDS` names all of them, and a test checks that. It opens nothing.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, Table, select

from app.domain.sending.state_machine import CLAIMABLE, WAITING
from app.store.engine.bulk_statements import Among, update_rows
from app.store.engine.database import now
from app.store.submission.sealing import key_id_of
from app.store.tables.core import api_keys, emails, peppers, recipients, users, webhook_secrets


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of sealed row: a table with an `id` and a `sealed_key`, which is null once the row was erased,
    or where it has nothing to seal.

    Without a `needed` row the gateway cannot work; of any other kind, only that row has to wait.
    """

    table: Table
    needed: bool

    @property
    def name(self) -> str:
        """The name of the table."""
        return self.table.name


EMAILS, PEPPERS = Kind(emails, needed=False), Kind(peppers, needed=True)
KINDS: Final = (PEPPERS, EMAILS, *(Kind(table, needed=False) for table in (api_keys, webhook_secrets, users)))


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A row and its wrapped key."""

    id: UUID
    key: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a table in the order of their ids, `sealed` without erased ones; `last` is None on the last page."""

    sealed: tuple[Wrapped, ...]
    last: UUID | None
    looked_at: int


_WAITING: Final = Among(
    select(recipients.c.email_id).where(recipients.c.state.in_(sorted(WAITING))).distinct(), recipients.c.email_id
)
_DUE_FIRST: Final = (
    select(recipients.c.email_id)
    .where(recipients.c.state.in_(sorted(CLAIMABLE)))
    .order_by(recipients.c.lane, recipients.c.app_id, recipients.c.due_at)
)
_KEYS: Final = Among(select(emails.c.sealed_key), emails.c.id)


def page(connection: Connection, kind: Kind, *, after: UUID | None, limit: int) -> Page:
    """The next `limit` rows of a table, sealed or erased: so each page costs the same."""
    table = kind.table
    query = select(table.c.id, table.c.sealed_key).order_by(table.c.id).limit(limit)
    if after is not None:
        query = query.where(table.c.id > after)
    found = connection.execute(query).all()
    sealed = tuple(Wrapped(row.id, bytes(row.sealed_key)) for row in found if row.sealed_key is not None)
    return Page(sealed, last=found[-1].id if len(found) == limit else None, looked_at=len(found))


def waiting(connection: Connection, email_ids: Sequence[UUID]) -> frozenset[UUID]:
    """Those of these emails that still have to be sent to a recipient, or may have to be."""
    return frozenset(_WAITING(connection, email_ids).scalars()) if email_ids else frozenset()


def keys_of_what_is_due(connection: Connection, *, limit: int) -> Counter[bytes]:
    """The keys of up to `limit` waiting emails, the first due ones first. How many emails each."""
    due = connection.scalars(_DUE_FIRST.limit(limit)).all()
    found = _KEYS(connection, list(set(due))).scalars() if due else ()
    return Counter(key_id_of(bytes(key)) for key in found if key is not None)


def keys_of_secrets(connection: Connection, *, limit: int) -> Counter[bytes]:
    """The keys of up to `limit` secrets of API keys that work. How many secrets each."""
    works = api_keys.c.revoked_at.is_(None) & (api_keys.c.expires_at.is_(None) | (api_keys.c.expires_at > now()))
    sealed = select(api_keys.c.sealed_key).where(api_keys.c.sealed_key.is_not(None), works).limit(limit)
    return Counter(key_id_of(bytes(key)) for key in connection.scalars(sealed))


def lock(connection: Connection, kind: Kind, ids: Sequence[UUID]) -> tuple[Wrapped, ...]:
    """These rows as they are now, locked. Rows locked by others and rows erased meanwhile are left out."""
    table = kind.table
    sealed = select(table.c.id, table.c.sealed_key).where(table.c.id.in_(list(ids)), table.c.sealed_key.is_not(None))
    found = connection.execute(sealed.order_by(table.c.id).with_for_update(skip_locked=True)).all()
    return tuple(Wrapped(row.id, bytes(row.sealed_key)) for row in found)


def save(connection: Connection, kind: Kind, rows: Sequence[Wrapped]) -> None:
    """Write wrapped keys. Each row must have been read with `lock` in this transaction."""
    update_rows(connection, kind.table, [{"id": row.id, "sealed_key": row.key} for row in rows], stamps={})
