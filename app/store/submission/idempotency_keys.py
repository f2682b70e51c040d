"""The idempotency keys of applications, with the answer that was given under each. It never commits."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from operator import itemgetter
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Executable, bindparam, delete, literal, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.postgresql.dml import Insert as PostgresInsert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.dialects.sqlite.dml import Insert as SqliteInsert
from sqlalchemy.exc import OperationalError
from sqlalchemy.sql.dml import ReturningInsert

from app.domain.errors import ConcurrentIdempotentRequests
from app.store.engine.database import ahead, now
from app.store.tables.core import idempotency_keys

Json = dict[str, Any]
NewKeys = PostgresInsert | SqliteInsert

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_LOCK_NOT_AVAILABLE = "55P03"

_STORED = select(idempotency_keys.c.fingerprint, idempotency_keys.c.answer).where(
    idempotency_keys.c.app_id == bindparam("app_id"), idempotency_keys.c.key == bindparam("key")
)


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
    return unless_taken(insert_once(idempotency_keys).values(expires_at=ahead(literal_column(str(lasts_s)))))


def unless_taken(new: NewKeys) -> ReturningInsert[tuple[UUID, str]]:
    """An insert of keys that leaves out those that are taken and have not expired. It returns the others."""
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


def recall_all(connection: Connection, *, app_id: UUID, keys: Collection[str]) -> dict[str, Remembered]:
    """The rows of these idempotency keys of this application, of those that are there and have not expired."""
    query = select(idempotency_keys.c.key, idempotency_keys.c.fingerprint, idempotency_keys.c.answer).where(
        idempotency_keys.c.app_id == app_id, idempotency_keys.c.key.in_(keys), idempotency_keys.c.expires_at > now()
    )
    return {row.key: Remembered(bytes(row.fingerprint), row.answer) for row in connection.execute(query)}


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
