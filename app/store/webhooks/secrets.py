"""The secrets that sign for an endpoint, sealed under the key ring. One that was rotated out signs for a day more."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, delete, insert, or_, select, update

from app.store.engine.database import ahead, now
from app.store.engine.ids import new_id
from app.store.submission.sealing import KeyRing, Sealed, UnknownSealingKey, Unsealable
from app.store.tables.core import webhook_secrets

OVERLAP_S: Final = 24 * 60 * 60
"""How long a secret signs beside the one that took its place."""


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """One secret as stored."""

    id: UUID
    sealed: Sealed


_SIGNING = (
    select(webhook_secrets.c.id, webhook_secrets.c.sealed, webhook_secrets.c.sealed_key)
    .where(or_(webhook_secrets.c.ends_at.is_(None), webhook_secrets.c.ends_at > now()))
    .order_by(webhook_secrets.c.id.desc())
)


def add(connection: Connection, key_ring: KeyRing, endpoint_id: UUID, secret: str) -> None:
    """Let this secret sign for the endpoint. The one before it ends after the overlap; an older one ends now."""
    mine = webhook_secrets.c.endpoint_id == endpoint_id
    connection.execute(delete(webhook_secrets).where(mine, webhook_secrets.c.ends_at.is_not(None)))
    connection.execute(update(webhook_secrets).where(mine).values(ends_at=ahead(OVERLAP_S)))
    secret_id = new_id()
    sealed = key_ring.seal(secret.encode(), row_id=secret_id)
    values = {"id": secret_id, "endpoint_id": endpoint_id, "sealed": sealed.body, "sealed_key": sealed.key}
    connection.execute(insert(webhook_secrets).values(**values, created_at=now()))


def signing(connection: Connection, endpoint_id: UUID) -> tuple[SealedSecret, ...]:
    """The secrets that sign for the endpoint now, the newest first."""
    rows = connection.execute(_SIGNING.where(webhook_secrets.c.endpoint_id == endpoint_id))
    return tuple(SealedSecret(row.id, Sealed(bytes(row.sealed), bytes(row.sealed_key))) for row in rows)


def opened(key_ring: KeyRing, secrets: Sequence[SealedSecret]) -> tuple[str, ...]:
    """The secrets in the clear, the newest first. An older one that does not open is left out: it ends within a day.

    Raises `UnknownSealingKey` and `Unsealable` for the newest.
    """
    clear: list[str] = []
    for one in secrets:
        try:
            clear.append(key_ring.open(one.sealed, row_id=one.id).decode())
        except (UnknownSealingKey, Unsealable):
            if not clear:
                raise
    return tuple(clear)


def erase(connection: Connection, endpoint_id: UUID) -> None:
    """Delete all secrets of an endpoint."""
    connection.execute(delete(webhook_secrets).where(webhook_secrets.c.endpoint_id == endpoint_id))
