"""An email to one recipient, added by one statement that is a transaction by itself (ADR 0053). PostgreSQL alone.

It writes what `idempotency_keys.take`, `emails.add`, `counts.add` and `tallies.add` write in a transaction, and a test
holds it to that. SQLAlchemy compiles it when this module is imported, and the driver's cursor runs it. A transaction of
seven statements costs our process five times as much, and the database half as much again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from psycopg import Cursor
from psycopg.errors import LockNotAvailable
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Integer,
    Select,
    Table,
    Uuid,
    any_,
    bindparam,
    func,
    insert,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as insert_once
from sqlalchemy.sql.dml import ReturningInsert

from app.store.engine.database import ahead, now
from app.store.engine.driver_statements import driver_text, one_transaction
from app.store.engine.ids import new_id
from app.store.operating.tallies import adding_up, any_shard
from app.store.submission.emails import NewEmail, email_values, recipient_values
from app.store.submission.idempotency_keys import Claim, unless_taken
from app.store.tables.core import count_changes, emails, idempotency_keys, recipients, tallies

Values = dict[str, Any]

_KEY: Final = ("app_id", "key", "fingerprint", "answer")
_EMAIL: Final = (
    *("id", "app_id", "stream", "lane", "sender", "sender_name", "reply_to", "subject", "headers", "tags", "actor"),
    *("reference", "supersedes", "request_id", "sealed_body", "sealed_key", "on_unconfirmed", "scheduled_at"),
    "expires_at",
)
_RECIPIENT: Final = (
    *("id", "scope", "sender_domain", "position", "kind", "name", "address", "key", "pseudonym", "mailbox_provider"),
    *("state", "reason"),
)
_COPIED: Final = {"email_id": "id", "app_id": "app_id", "lane": "lane", "expires_at": "expires_at"}
_RETURNED: Final = (*_COPIED.values(), "stream")
_COUNT: Final = ("id", "what")
_NONE: Final[ColumnElement[int]] = literal_column("0")
_ONE: Final[ColumnElement[int]] = literal_column("1")
_TALLIED: Final[tuple[ColumnElement[Any], ...]] = (
    bindparam("tallies_what", type_=tallies.c.what.type),
    literal_column("''"),
    bindparam("shard", type_=tallies.c.shard.type),
)


@dataclass(frozen=True, slots=True)
class Single:
    """An email to one recipient that is due at once, with its claim to an idempotency key.

    It is counted as `counted` and tallied as `tallied`, once.
    """

    email: NewEmail
    claim: Claim | None
    counted: str
    tallied: str


def add(cursor: "Cursor[Any]", singles: Sequence[Single], *, lasts: timedelta) -> list[bool]:
    """Add these emails and commit. For each, whether it was added: it was not if its idempotency key is taken.

    None is added if the database refuses one, which it raises, or if another session kept a lock for too long.
    """
    shared = {"lasts": int(lasts.total_seconds()), "shard": any_shard("postgresql")}
    rows = [_values(one) | shared for one in singles]
    try:
        if len(rows) == 1:
            return [cursor.execute(_ADD_ALONE, rows[0]).fetchone() is not None]
        return _add_group(cursor, rows)
    except LockNotAvailable:
        return [False] * len(rows)


def _add_group(cursor: "Cursor[Any]", rows: Sequence[Values]) -> list[bool]:
    """Add several in one trip and one transaction.

    Keys are taken in one order, and the tally comes last, so that no two transactions wait for each other.
    """
    ordered = sorted(rows, key=lambda row: (row["idempotency_keys_app_id"], row["idempotency_keys_key"] or ""))
    whole = rows[0] | {"ids": [row["emails_id"] for row in rows]}
    with one_transaction(cursor):
        cursor.executemany(_ADD_IN_GROUP, ordered, returning=True)
        cursor.connection.execute(_TALLY_GROUP, whole)
    added = [result.fetchone() for result in cursor.results()]
    ids = {row[0] for row in added if row is not None}
    return [row["emails_id"] in ids for row in rows]


def _values(single: Single) -> Values:
    """What the driver gets: JSON and words of ours as text, since nothing converts them on the way."""
    email, claim = single.email, single.claim
    (recipient,) = email.recipients
    values = {f"emails_{name}": value for name, value in email_values(email).items()}
    values |= {f"recipients_{name}": value for name, value in recipient_values(email, 0, recipient).items()}
    values |= {f"emails_{name}": json.dumps(values[f"emails_{name}"]) for name in ("reply_to", "headers", "tags")}
    return values | {
        "emails_lane": str(email.lane),
        "emails_on_unconfirmed": email.on_unconfirmed.value,
        "recipients_state": recipient.state.value,
        "idempotency_keys_app_id": email.app_id,
        "idempotency_keys_key": claim and claim.key,
        "idempotency_keys_fingerprint": claim and claim.wanted.fingerprint,
        "idempotency_keys_answer": claim and json.dumps(claim.wanted.answer),
        "count_changes_id": new_id(),
        "count_changes_what": single.counted,
        "tallies_what": single.tallied,
    }


def _given(table: Table, *names: str) -> list[BindParameter[Any]]:
    return [bindparam(f"{table.name}_{name}", type_=table.c[name].type) for name in names]


def _statement(*, tallied: bool) -> str:
    """The statement for one email, which returns a row unless its key is taken. It tallies the email if asked to.

    Each part takes its rows from one before it, so PostgreSQL runs them in this order.
    """
    (key,) = _given(idempotency_keys, "key")
    claimed = select(*_given(idempotency_keys, *_KEY), ahead(bindparam("lasts", type_=Integer))).where(key.is_not(None))
    taken = unless_taken(insert_once(idempotency_keys).from_select([*_KEY, "expires_at"], claimed)).cte("taken")
    is_free = or_(key.is_(None), select(taken.c.app_id).exists())
    email = insert(emails).from_select([*_EMAIL, "created_at"], select(*_given(emails, *_EMAIL), now()).where(is_free))
    added = email.returning(*(emails.c[name] for name in _RETURNED)).cte("added")
    recipient = insert(recipients).from_select(
        [*_RECIPIENT, *_COPIED, "due_at", "created_at", "updated_at"],
        select(*_given(recipients, *_RECIPIENT), *(added.c[name] for name in _COPIED.values()), now(), now(), now()),
    )
    count = insert(count_changes).from_select(
        [*_COUNT, "mailbox_provider", "app_id", "stream", "hour", "number"],
        select(
            *_given(count_changes, *_COUNT),
            *_given(recipients, "mailbox_provider"),
            added.c.app_id,
            added.c.stream,
            func.date_trunc(literal_column("'hour'"), now()),
            _ONE,
        ),
    )
    whole = _tally(select(*_TALLIED, _ONE).select_from(added)) if tallied else select(added.c.id)
    return driver_text(whole.add_cte(recipient.cte("received"), count.cte("counted")))


def _tally(tally: Select[Any]) -> ReturningInsert[Any]:
    return adding_up(insert_once(tallies).from_select(["what", "label", "shard", "number"], tally)).returning(_ONE)


def _tally_of_group() -> str:
    """The statement that tallies those of some emails that were added."""
    among = emails.c.id == any_(bindparam("ids", type_=ARRAY(Uuid)))
    return driver_text(_tally(select(*_TALLIED, func.count()).where(among).having(func.count() > _NONE)))


_ADD_ALONE: Final = _statement(tallied=True)
_ADD_IN_GROUP: Final = _statement(tallied=False)
_TALLY_GROUP: Final = _tally_of_group()
