"""Rows of API keys: add, find, list, replace and revoke them. It never commits.

Secrets are stored as SHA-256: a key is 32 random bytes, so a slow hash would protect nothing more. The secret of a key
that opens the SES door is also sealed beside it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, RowMapping, Select, insert, literal, select, update

from app.domain.apps.key_kinds import KeyKind
from app.store.apps.apps import App, read
from app.store.engine.database import now
from app.store.engine.keyset import page_of
from app.store.submission.sealing import Sealed
from app.store.tables.core import api_keys, apps

_WORKS: Final = api_keys.c.revoked_at.is_(None) & (api_keys.c.expires_at.is_(None) | (api_keys.c.expires_at > now()))


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One API key. `replaced_by` is the public id of the key that a rotation made in its place.

    `sealed_secret` is None without the SES door; sealed for the `id` of the key.
    """

    id: UUID
    public_id: str
    secret_sha256: bytes
    sealed_secret: Sealed | None = None
    kind: KeyKind = KeyKind.LIVE
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    replaced_by: str | None = None
    app: App

    @property
    def access_key_id(self) -> str:
        """The id of the key as the doors take it: AWS's access key id, SMTP's user name."""
        return self.kind.access_key_id(self.public_id)


def add(connection: Connection, key: ApiKey) -> None:
    """Add an API key to its application."""
    connection.execute(
        insert(api_keys).values(
            id=key.id,
            app_id=key.app.id,
            public_id=key.public_id,
            secret_sha256=key.secret_sha256,
            sealed_secret=key.sealed_secret.body if key.sealed_secret else None,
            sealed_key=key.sealed_secret.key if key.sealed_secret else None,
            kind=key.kind,
            name=key.name,
            scopes=list(key.scopes),
            created_at=key.created_at,
            expires_at=key.expires_at,
        )
    )


def find_valid(connection: Connection, public_id: str) -> ApiKey | None:
    """The key of this public id, unless it is revoked or expired."""
    row = connection.execute(_keys().where(api_keys.c.public_id == public_id, _WORKS)).mappings().one_or_none()
    return _key(row) if row else None


def all_keys(connection: Connection) -> tuple[ApiKey, ...]:
    """Every key, oldest first, revoked ones included."""
    return tuple(map(_key, connection.execute(_keys().order_by(api_keys.c.id)).mappings()))


def page(
    connection: Connection,
    app_id: UUID,
    *,
    working: bool | None,
    limit: int,
    after: UUID | None = None,
    before: UUID | None = None,
) -> tuple[ApiKey, ...]:
    """Up to `limit` keys of this application, newest first: those that work, the others, or with None all of them."""
    query = _keys().where(api_keys.c.app_id == app_id)
    if working is not None:
        query = query.where(_WORKS if working else ~_WORKS)
    return tuple(map(_key, page_of(connection, query, api_keys.c.id, limit=limit, after=after, before=before)))


def any_of_kind(connection: Connection, kind: KeyKind, *, app_id: UUID | None) -> bool:
    """Whether a key of this kind was ever issued, to this application or to any."""
    of_kind = select(literal(1)).where(api_keys.c.kind == kind)
    issued = of_kind if app_id is None else of_kind.where(api_keys.c.app_id == app_id)
    return connection.execute(issued.limit(1)).first() is not None


def hold(connection: Connection, public_id: str) -> ApiKey | None:
    """The key of this public id, locked until the transaction ends. None if there is none, or it is revoked."""
    query = _keys().where(api_keys.c.public_id == public_id, api_keys.c.revoked_at.is_(None))
    row = connection.execute(query.with_for_update(of=api_keys)).mappings().one_or_none()
    return _key(row) if row else None


def revoke(connection: Connection, key_id: UUID) -> None:
    """Revoke a key, and delete its sealed secret."""
    revoked = update(api_keys).where(api_keys.c.id == key_id)
    connection.execute(revoked.values(revoked_at=now(), sealed_secret=None, sealed_key=None))


def erase_expired_secrets(connection: Connection) -> int:
    """Delete the sealed secrets of keys that have expired. How many."""
    expired = update(api_keys).where(api_keys.c.sealed_key.is_not(None), api_keys.c.expires_at <= now())
    return connection.execute(expired.values(sealed_secret=None, sealed_key=None)).rowcount


def replace_by(connection: Connection, key_id: UUID, public_id: str, *, expires_at: datetime) -> None:
    """Note that the key of `public_id` replaces this one, which is valid until `expires_at`."""
    replaced = update(api_keys).where(api_keys.c.id == key_id)
    connection.execute(replaced.values(replaced_by=public_id, expires_at=expires_at))


def touch(connection: Connection, key_id: UUID) -> None:
    """Update the time when the key was last used."""
    connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(last_used_at=now()))


def _keys() -> Select[Any]:
    return select(api_keys, apps).join(apps, apps.c.id == api_keys.c.app_id)


def _key(columns: RowMapping) -> ApiKey:
    body = columns[api_keys.c.sealed_secret]
    return ApiKey(
        id=columns[api_keys.c.id],
        public_id=columns[api_keys.c.public_id],
        secret_sha256=bytes(columns[api_keys.c.secret_sha256]),
        sealed_secret=Sealed(bytes(body), bytes(columns[api_keys.c.sealed_key])) if body is not None else None,
        kind=KeyKind(columns[api_keys.c.kind]),
        name=columns[api_keys.c.name],
        scopes=tuple(columns[api_keys.c.scopes]),
        created_at=columns[api_keys.c.created_at],
        expires_at=columns[api_keys.c.expires_at],
        revoked_at=columns[api_keys.c.revoked_at],
        last_used_at=columns[api_keys.c.last_used_at],
        replaced_by=columns[api_keys.c.replaced_by],
        app=read(columns),
    )
