"""Rows of applications, their API keys and the idempotency keys of their requests.

Secrets are stored as SHA-256 only: a key is 32 random bytes, so a slow hash would protect nothing more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from operator import itemgetter
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Executable, Row, bindparam, delete, insert, literal, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import OperationalError

from app.domain.errors import ConcurrentIdempotentRequests
from app.domain.sending.unconfirmed_policy import OnUnconfirmed
from app.store.engine.database import ahead, now
from app.store.tables.core import api_keys, apps, idempotency_keys

Json = dict[str, Any]

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_LOCK_NOT_AVAILABLE = "55P03"

_STORED = select(idempotency_keys.c.fingerprint, idempotency_keys.c.answer).where(
    idempotency_keys.c.app_id == bindparam("app_id"), idempotency_keys.c.key == bindparam("key")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """An application that sends email."""

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


def change_app(connection: Connection, name: str, values: Mapping[str, Any]) -> App | None:
    """Change these fields of the application. The changed application; None if there is none of this name."""
    written = {field: list(value) if isinstance(value, tuple) else value for field, value in values.items()}
    change = update(apps).where(apps.c.name == name).values(written).returning(apps)
    row = connection.execute(change).one_or_none()
    return _app(row) if row else None


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
    """Revoke a key. False if there is no such key, or it was revoked before."""
    live = (api_keys.c.public_id == public_id) & api_keys.c.revoked_at.is_(None)
    return connection.execute(update(api_keys).where(live).values(revoked_at=now())).rowcount == 1


def touch(connection: Connection, key_id: UUID) -> None:
    """Update the time when the key was last used."""
    connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(last_used_at=now()))


@dataclass(frozen=True, slots=True)
class Remembered:
    """The fingerprint of a request and its answer, as stored under an idempotency key."""

    fingerprint: bytes
    answer: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A request that claims an idempotency key of its application, and the answer it will get."""

    app_id: UUID
    key: str
    wanted: Remembered


def take(connection: Connection, claims: Sequence[Claim], *, lasts: timedelta) -> list[Remembered | None]:
    """Take the keys with one statement, the answers in it. For each, None if it was taken, else what is stored there.

    If two claims name one key, the first one gets it. An expired key counts as free. If a concurrent transaction holds
    a key, this waits for its end, but only for so long: then it raises `ConcurrentIdempotentRequests`, and the
    transaction must not be used for anything else.
    """
    if not claims:
        return []
    first: dict[tuple[UUID, str], Claim] = {}
    for claim in claims:
        first.setdefault((claim.app_id, claim.key), claim)
    ours = _taken(connection, first, lasts=lasts)
    stored = {place: claim.wanted for place, claim in first.items() if place in ours}
    for app_id, key in first.keys() - ours:
        row = connection.execute(_STORED, {"app_id": app_id, "key": key}).one()
        stored[app_id, key] = Remembered(bytes(row.fingerprint), row.answer)
    taken = {id(claim) for place, claim in first.items() if place in ours}
    return [None if id(claim) in taken else stored[claim.app_id, claim.key] for claim in claims]


def _taken(
    connection: Connection, first: Mapping[tuple[UUID, str], Claim], *, lasts: timedelta
) -> set[tuple[UUID, str]]:
    # In one order, so that no two transactions wait for each other.
    rows = [
        {
            "app_id": claim.app_id,
            "key": claim.key,
            "fingerprint": claim.wanted.fingerprint,
            "answer": claim.wanted.answer,
        }
        for _, claim in sorted(first.items(), key=itemgetter(0))
    ]
    statement = _taking(connection.dialect.name, int(lasts.total_seconds()))
    try:
        return {(row.app_id, row.key) for row in connection.execute(statement, rows)}
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
            raise ConcurrentIdempotentRequests(
                "Another request with this Idempotency-Key is still being answered.", retry_after=1
            ) from error
        raise


@cache
def _taking(dialect: str, lasts_s: int) -> Executable:
    """An insert that yields to a key which has not expired, and locks it: a later read sees what was in the way."""
    insert_once = postgresql_insert if dialect == "postgresql" else sqlite_insert
    new = insert_once(idempotency_keys).values(expires_at=ahead(literal_column(str(lasts_s))))
    return new.on_conflict_do_update(
        index_elements=[idempotency_keys.c.app_id, idempotency_keys.c.key],
        set_={name: new.excluded[name] for name in ("fingerprint", "answer", "expires_at")},
        where=idempotency_keys.c.expires_at <= now(),
    ).returning(idempotency_keys.c.app_id, idempotency_keys.c.key)


def replace_answer(connection: Connection, claim: Claim, answer: Json) -> None:
    """Store another answer under the key of a claim that got it in this transaction."""
    taken = (idempotency_keys.c.app_id == claim.app_id) & (idempotency_keys.c.key == claim.key)
    connection.execute(update(idempotency_keys).where(taken).values(answer=answer))


def recall(connection: Connection, *, app_id: UUID, key: str) -> Remembered | None:
    """The row of an idempotency key of this application, if it has not expired."""
    unexpired = _STORED.where(idempotency_keys.c.expires_at > now())
    row = connection.execute(unexpired, {"app_id": app_id, "key": key}).one_or_none()
    return Remembered(bytes(row.fingerprint), row.answer) if row else None


def forget_expired(connection: Connection, *, limit: int) -> int:
    """Delete about `limit` expired idempotency keys, the oldest first. How many.

    Those that expired at the same moment go together, which may be some more.
    """
    expires_at = idempotency_keys.c.expires_at
    last = connection.scalar(
        select(expires_at).where(expires_at <= now()).order_by(expires_at).offset(limit - 1).limit(1)
    )
    over = expires_at <= (now() if last is None else literal(last, expires_at.type))
    return connection.execute(delete(idempotency_keys).where(over)).rowcount


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
