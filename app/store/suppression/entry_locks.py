"""Locks on entries of the suppression list until the transaction ends: always by key, then by scope.

A read after that sees what the last holder of the locks has left. SQLite has one writer at a time, and no locks.
"""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, select

from app.store.engine.bulk_statements import Among
from app.store.tables.core import suppressions

_IN_ORDER: Final = (
    select(suppressions.c.id)
    .where(suppressions.c.removed_at.is_(None))
    .order_by(suppressions.c.key, suppressions.c.scope)
    .with_for_update()
)
_BY_KEY = Among(_IN_ORDER, suppressions.c.key)
_BY_ID = Among(_IN_ORDER, suppressions.c.id)


def hold_keys(connection: Connection, keys: Collection[str]) -> None:
    """Lock the entries under these names that are not removed."""
    if keys and connection.dialect.name == "postgresql":
        _BY_KEY(connection, list(keys))


def hold_ids(connection: Connection, entry_ids: Collection[UUID]) -> None:
    """Lock those of these entries that are not removed."""
    if entry_ids and connection.dialect.name == "postgresql":
        _BY_ID(connection, list(entry_ids))
