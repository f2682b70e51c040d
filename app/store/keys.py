"""Applications, their API keys and the idempotency keys of their requests: rows in, rows out.

Secrets are stored as SHA-256 only: a key is 32 random bytes, so there is nothing for a slow hash to protect.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.exc import OperationalError

from app.domain.errors import ConcurrentIdempotentRequests
from app.domain.proof import OnUnconfirmed
from app.store.db import add_once, now
from app.store.models import api_keys, apps, idempotency_keys

Json = dict[str, Any]

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_LOCK_NOT_AVAILABLE = "55P03"


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """An application that sends mail."""

    id: UUID
    name: str
    senders: tuple[str, ...]
    default_lane: str
    reason_optional: bool
    on_unconfirmed: OnUnconfirmed = OnUnconfirmed.RESEND


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One API key, without its secret."""

    id: UUID
    public_id: str
    secret_sha256: bytes
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    app: App


def add_app(connection: Connection, app: App) -> None:
    """Add an application."""
    connection.execute(
        insert(apps).values(
            id=app.id,
            name=app.name,
            senders=list(app.senders),
            default_lane=app.default_lane,
            reason_optional=app.reason_optional,
            on_unconfirmed=app.on_unconfirmed,
            created_at=now(),
        )
    )


def change_app(connection: Connection, app: App) -> None:
    """Replace the From addresses and domains that the application may use, and what it wants of unconfirmed mail."""
    values = {"senders": list(app.senders), "on_unconfirmed": app.on_unconfirmed}
    connection.execute(update(apps).where(apps.c.id == app.id).values(values))


def app_by_name(connection: Connection, name: str) -> App | None:
    """The application of this name."""
    row = connection.execute(select(apps).where(apps.c.name == name)).one_or_none()
    return _app(row) if row else None


def add_key(connection: Connection, key: ApiKey) -> None:
    """Add an API key to its application."""
    connection.execute(
        insert(api_keys).values(
            id=key.id,
            app_id=key.app.id,
            public_id=key.public_id,
            secret_sha256=key.secret_sha256,
            name=key.name,
            scopes=list(key.scopes),
            created_at=now(),
            expires_at=key.expires_at,
        )
    )


def find_valid(connection: Connection, public_id: str) -> ApiKey | None:
    """The key of this public id, unless it is revoked or expired."""
    valid = (
        (api_keys.c.public_id == public_id)
        & api_keys.c.revoked_at.is_(None)
        & (api_keys.c.expires_at.is_(None) | (api_keys.c.expires_at > now()))
    )
    row = connection.execute(_keys().where(valid)).one_or_none()
    return _key(row) if row else None


def all_keys(connection: Connection) -> tuple[ApiKey, ...]:
    """Every key, oldest first, revoked ones included."""
    return tuple(_key(row) for row in connection.execute(_keys().order_by(api_keys.c.id)))


def revoke(connection: Connection, public_id: str) -> bool:
    """Revoke a key; False when there is no such key, or it was revoked before."""
    live = (api_keys.c.public_id == public_id) & api_keys.c.revoked_at.is_(None)
    return connection.execute(update(api_keys).where(live).values(revoked_at=now())).rowcount == 1


def touch(connection: Connection, key_id: UUID) -> None:
    """Note that the key is in use."""
    connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(last_used_at=now()))


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is stored under an idempotency key: the fingerprint of its request and the answer."""

    fingerprint: bytes
    answer: Json


def reserve(
    connection: Connection, *, app_id: UUID, key: str, fingerprint: bytes, expires_at: datetime
) -> Remembered | None:
    """Take an idempotency key for this transaction; None when it is ours, else what was stored under it before.

    A concurrent request with the same key waits here until this transaction ends, but not for ever: then it raises
    `ConcurrentIdempotentRequests`.
    """
    mine = (idempotency_keys.c.app_id == app_id) & (idempotency_keys.c.key == key)
    connection.execute(delete(idempotency_keys).where(mine, idempotency_keys.c.expires_at <= now()))
    reserved = {"app_id": app_id, "key": key, "fingerprint": fingerprint, "expires_at": expires_at}
    try:
        if add_once(connection, idempotency_keys, **reserved):
            return None
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
            raise ConcurrentIdempotentRequests(
                "Another request with this Idempotency-Key is still being answered.", retry_after=1
            ) from error
        raise
    row = connection.execute(select(idempotency_keys).where(mine)).one()
    return Remembered(bytes(row.fingerprint), row.answer)


def recall(connection: Connection, *, app_id: UUID, key: str) -> Remembered | None:
    """What is stored under an idempotency key of this application, if it has not expired."""
    mine = (idempotency_keys.c.app_id == app_id) & (idempotency_keys.c.key == key)
    row = connection.execute(select(idempotency_keys).where(mine, idempotency_keys.c.expires_at > now())).one_or_none()
    return Remembered(bytes(row.fingerprint), row.answer) if row else None


def remember(connection: Connection, *, app_id: UUID, key: str, answer: Json) -> None:
    """Store the answer under a key that this transaction reserved."""
    mine = (idempotency_keys.c.app_id == app_id) & (idempotency_keys.c.key == key)
    connection.execute(update(idempotency_keys).where(mine).values(answer=answer))


def forget_expired(connection: Connection) -> int:
    """Delete idempotency keys past their time; how many."""
    return connection.execute(delete(idempotency_keys).where(idempotency_keys.c.expires_at <= now())).rowcount


def _keys() -> Any:
    owner = (column for column in apps.c if column.name not in {"id", "name", "created_at"})
    return select(api_keys, apps.c.name.label("app_name"), *owner).join(apps, apps.c.id == api_keys.c.app_id)


def _app(row: Row[Any]) -> App:
    return App(
        id=row.id,
        name=row.name,
        senders=tuple(row.senders),
        default_lane=row.default_lane,
        reason_optional=row.reason_optional,
        on_unconfirmed=OnUnconfirmed(row.on_unconfirmed),
    )


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        public_id=row.public_id,
        secret_sha256=bytes(row.secret_sha256),
        name=row.name,
        scopes=tuple(row.scopes),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
        app=App(
            id=row.app_id,
            name=row.app_name,
            senders=tuple(row.senders),
            default_lane=row.default_lane,
            reason_optional=row.reason_optional,
            on_unconfirmed=OnUnconfirmed(row.on_unconfirmed),
        ),
    )
