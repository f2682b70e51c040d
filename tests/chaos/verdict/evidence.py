"""The evidence of a drill as plain records: the clients' answers, the database's rows, and the emails SES took.

It decides nothing. The ledger is SES's own and independent of the database; `tests.chaos.verdict.oracle` compares.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from app.domain.sending.state_machine import State
from app.store.engine.database import Database
from app.store.tables.core import attempts, emails, events, notifications, recipients, refused_messages, suppressions
from tests.chaos.load import journal
from tests.chaos.load.emails import DoorName, addresses_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Promised:
    """An email that was accepted by an answer to a client, and the recipients of all its offers."""

    key: str
    email_id: UUID
    addresses: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One recipient in the database; `subject` is the idempotency key of its request."""

    id: UUID
    email_id: UUID
    subject: str
    address: str
    key: str
    scope: str
    state: State
    reason: str | None = None
    ses_message_id: str | None = None
    possible_duplicate: bool = False
    leased: bool = False
    on_unconfirmed: str = "resend"


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One attempt in the database."""

    id: UUID
    recipient_id: UUID
    outcome: str
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One line of the ledger: SES took an email. The ids come from its tags."""

    at: datetime
    address: str
    ses_message_id: str
    recipient_id: UUID | None
    attempt_id: UUID | None
    mode: str = "answered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One event of a recipient as the application's receiver got it; `delivery` is the id of the webhook."""

    delivery: str
    type: str
    recipient_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One suppression; `seen_at` is when the witness saw it committed, None if it never saw it live."""

    key: str
    scope: str
    created_at: datetime
    seen_at: datetime | None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All the evidence. `blamed` has the keys of addresses with a settled complaint or permanent bounce.

    `unread` is how many notifications still wait, in their queue or in the database, or were refused: the simulator
    sends genuine ones only. `offered` has the door of each email by its key. `withheld` has, by an email's key, the
    addresses that a door refused as suppressed, and `unanswered` those for which an earlier offer of it may have been
    accepted although the client never learned it. `cut_off` emails had left whole when their client lost the answer,
    and at a later offer the door said of `recognised` ones that it had them.
    """

    promised: tuple[Promised, ...] = ()
    answers: Mapping[str, frozenset[UUID]] = field(default_factory=dict)
    offered: Mapping[str, DoorName] = field(default_factory=dict)
    refused: tuple[str, ...] = ()
    withheld: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unanswered: Mapping[str, frozenset[str]] = field(default_factory=dict)
    cut_off: frozenset[str] = frozenset()
    recognised: frozenset[str] = frozenset()
    rows: tuple[Row, ...] = ()
    tries: tuple[Try, ...] = ()
    taken: tuple[Taken, ...] = ()
    listed: tuple[Listed, ...] = ()
    blamed: frozenset[str] = frozenset()
    unread: int = 0
    received: tuple[Received, ...] = ()


def gather(
    journal_path: Path,
    database_url: str,
    ledger: Path,
    *,
    seen: Mapping[UUID, datetime],
    canary_key: str,
    in_queue: int = 0,
) -> Evidence:
    """Collect all the evidence; the rows leave out the canaries that the gateway sends itself."""
    entries = list(journal.read(journal_path))
    bodies = {entry["key"]: entry["body"] for entry in entries if entry["what"] == "offer"}
    heard = [(entry["key"], UUID(entry["id"])) for entry in entries if entry["what"] == "accepted"]
    answers: dict[str, set[UUID]] = {}
    for key, email_id in heard:
        answers.setdefault(key, set()).add(email_id)
    database = Database(database_url, pool_size=1)
    try:
        with database.reading() as connection:
            return Evidence(
                promised=tuple(
                    Promised(key=key, email_id=email_id, addresses=frozenset(addresses_of(bodies[key])))
                    for key, email_id in heard
                ),
                answers={key: frozenset(ids) for key, ids in answers.items()},
                offered={entry["key"]: DoorName(entry["door"]) for entry in entries if entry["what"] == "offer"},
                refused=tuple(entry["key"] for entry in entries if entry["what"] == "refused"),
                withheld={
                    entry["key"]: frozenset(entry["withheld"])
                    for entry in entries
                    if entry["what"] in {"accepted", "withheld"} and entry["withheld"]
                },
                unanswered=_unanswered(entries, bodies),
                cut_off=frozenset(_cut_off(entries)),
                recognised=frozenset(entry["key"] for entry in entries if entry.get("known")),
                rows=tuple(row for row in _rows(connection) if row.key != canary_key),
                tries=tuple(_tries(connection)),
                taken=taken_in(ledger),
                listed=tuple(_listed(connection, seen)),
                blamed=frozenset(_blamed(connection)),
                unread=in_queue + _unread(connection),
                received=tuple(_received(entries)),
            )
    finally:
        database.close()


def _unread(connection: Connection) -> int:
    waiting = select(notifications.c.id).where(notifications.c.state != "processed")
    return sum(len(connection.execute(query).all()) for query in (waiting, select(refused_messages.c.id)))


def _received(entries: Iterable[journal.Entry]) -> Iterator[Received]:
    for entry in entries:
        if entry["what"] == "received":
            yield Received(delivery=entry["id"], type=entry["type"], recipient_id=UUID(entry["recipient_id"]))


def _unanswered(entries: Iterable[journal.Entry], bodies: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for entry in entries:
        if entry["what"] in {"put_off", "hung_up"}:
            offered = frozenset(addresses_of(bodies[entry["key"]])) - frozenset(entry["withheld"])
            found[entry["key"]] = found.get(entry["key"], frozenset()) | offered
    return found


def _cut_off(entries: Iterable[journal.Entry]) -> Iterator[str]:
    for entry in entries:
        if entry["what"] == "hung_up" or (entry["what"] == "put_off" and entry["status"] == 0 and entry["sent"]):
            yield entry["key"]


def _rows(connection: Connection) -> Iterator[Row]:
    query = select(recipients, emails.c.subject, emails.c.on_unconfirmed).join(
        emails, emails.c.id == recipients.c.email_id
    )
    for row in connection.execute(query):
        yield Row(
            id=row.id,
            email_id=row.email_id,
            subject=row.subject or "",
            address=row.address,
            key=row.key,
            scope=row.scope,
            state=State(row.state),
            reason=row.reason,
            ses_message_id=row.ses_message_id,
            possible_duplicate=row.possible_duplicate,
            leased=row.lease_token is not None,
            on_unconfirmed=row.on_unconfirmed,
        )


def _tries(connection: Connection) -> Iterator[Try]:
    for row in connection.execute(select(attempts)):
        yield Try(id=row.id, recipient_id=row.recipient_id, outcome=row.outcome, started_at=row.started_at)


def taken_in(ledger: Path) -> tuple[Taken, ...]:
    """The emails that SES took, by its ledger."""
    return tuple(_taken(ledger.read_text(encoding="utf-8").splitlines()))


def _taken(lines: Iterable[str]) -> Iterator[Taken]:
    for line in lines:
        entry = json.loads(line)
        yield Taken(
            at=datetime.fromisoformat(entry["time"]),
            address=entry["recipient"],
            ses_message_id=entry["ses_message_id"],
            recipient_id=_uuid(entry["tags"], "postern_recipient"),
            attempt_id=_uuid(entry["tags"], "postern_attempt"),
            mode=entry["mode"],
        )


def _uuid(tags: Mapping[str, str], name: str) -> UUID | None:
    return UUID(tags[name]) if name in tags else None


def _listed(connection: Connection, seen: Mapping[UUID, datetime]) -> Iterator[Listed]:
    for row in connection.execute(select(suppressions)):
        ends = [moment for moment in (row.removed_at, row.expires_at) if moment is not None]
        yield Listed(
            key=row.key,
            scope=row.scope,
            created_at=row.created_at,
            seen_at=seen.get(row.id),
            ended_at=min(ends, default=None),
        )


def _blamed(connection: Connection) -> Iterator[str]:
    wanted = events.c.type.in_(["complaint", "bounce"]) & events.c.key.is_not(None)
    for row in connection.execute(select(events.c.key, events.c.type, events.c.data).where(wanted)):
        if row.type == "complaint" or row.data.get("bounce_type") == "Permanent":
            yield row.key
