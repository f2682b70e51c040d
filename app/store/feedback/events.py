"""The timeline: normalised events, each kept once however often SNS brings it, and what they add up to."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, and_, bindparam, func, select, update

from app.domain.feedback import BounceType, FeedbackKind
from app.store.bulk import Among, InsertFree
from app.store.db import now
from app.store.models import events

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """One event to keep.

    `dedup` is its `fingerprint`, `effect` what it leads to as far as that is known.
    """

    id: UUID
    feedback_id: UUID
    recipient_id: UUID | None
    ses_message_id: str
    type: str
    address: str | None
    key: str | None
    domain: str | None
    dedup: str
    occurred_at: datetime
    mail_sent_at: datetime | None
    counts_against: bool
    detail: str
    effect: str
    data: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """One event of the timeline."""

    id: UUID
    recipient_id: UUID | None
    ses_message_id: str
    type: str
    address: str | None
    occurred_at: datetime
    detail: str
    effect: str
    data: Json


def fingerprint(recipient: str, feedback_id: str | None, occurred_at: datetime) -> str:
    """What tells two events of one type about one mail apart: whom they name, and their feedback id or time."""
    apart = f"{recipient.lower()}|{feedback_id or occurred_at.isoformat()}"
    return hashlib.blake2b(apart.encode(), digest_size=16).hexdigest()


_NEW = tuple(NewEvent.__dataclass_fields__)
_SAME = and_(
    events.c.ses_message_id == bindparam("of_message"),
    events.c.type == bindparam("of_type"),
    events.c.dedup == bindparam("of_dedup"),
)
_OF_WHOM = ("recipient_id", "address", "key", "domain")
_ADD = InsertFree(events, _NEW, stamps={"recorded_at": now()})
_ATTACH = (
    update(events)
    .where(_SAME, events.c.recipient_id.is_(None))
    .values({name: bindparam(f"its_{name}", type_=events.c[name].type) for name in _OF_WHOM})
)
_EXPLAIN = update(events).where(_SAME).values(effect=bindparam("its_effect"))


def add(connection: Connection, new: Sequence[NewEvent]) -> frozenset[UUID]:
    """Keep events with one statement; the ids of those that were not there already, nor among them before."""
    return _ADD(connection, [{name: getattr(event, name) for name in _NEW} for event in new])


def attach(connection: Connection, event: NewEvent) -> bool:
    """Say which recipient a stored event is about, and so which address; False when that was known."""
    whom = {f"its_{name}": getattr(event, name) for name in _OF_WHOM}
    return connection.execute(_ATTACH, _same(event) | whom).rowcount == 1


def explain(connection: Connection, event: NewEvent, *, effect: str) -> None:
    """Say what the event led to."""
    connection.execute(_EXPLAIN, _same(event) | {"its_effect": effect})


def _same(event: NewEvent) -> Json:
    return {"of_message": event.ses_message_id, "of_type": event.type, "of_dedup": event.dedup}


def of_recipients(connection: Connection, recipient_ids: Iterable[UUID]) -> tuple[StoredEvent, ...]:
    """The events about these recipients, oldest first."""
    query = (
        select(events).where(events.c.recipient_id.in_(list(recipient_ids))).order_by(events.c.occurred_at, events.c.id)
    )
    return tuple(_stored(row) for row in connection.execute(query))


def telling_diagnosis(connection: Connection, recipient_id: UUID) -> str | None:
    """What the remote server said in the latest bounce of this recipient, a permanent one before any other."""
    query = select(events.c.data, events.c.occurred_at).where(
        events.c.recipient_id == recipient_id, events.c.type == FeedbackKind.BOUNCE
    )
    told = [
        (data.get("bounce_type") == BounceType.PERMANENT, occurred_at, data["diagnostic"])
        for data, occurred_at in connection.execute(query)
        if data.get("diagnostic") and data.get("action") != "delayed"
    ]
    return max(told)[-1] if told else None


def of_address(connection: Connection, key: str, *, limit: int = 100) -> tuple[StoredEvent, ...]:
    """The newest events about an address, whoever sent the mail."""
    query = select(events).where(events.c.key == key).order_by(events.c.occurred_at.desc()).limit(limit)
    return tuple(_stored(row) for row in connection.execute(query))


@dataclass(frozen=True, slots=True)
class SoftBounce:
    """When a message last bounced softly, and when it had left SES."""

    occurred_at: datetime
    mail_sent_at: datetime


def last_delivery(connection: Connection, key: str) -> datetime | None:
    """When mail last reached this address."""
    query = select(func.max(events.c.occurred_at)).where(events.c.key == key, events.c.type == FeedbackKind.DELIVERY)
    delivered_at: datetime | None = connection.scalar(query)
    return delivered_at


_SENT_AT = func.coalesce(events.c.mail_sent_at, events.c.occurred_at, type_=events.c.occurred_at.type)
_SOFT_BOUNCES = Among(
    select(events.c.key, func.max(events.c.occurred_at), func.max(_SENT_AT))
    .where(events.c.type == FeedbackKind.BOUNCE, events.c.counts_against)
    .group_by(events.c.key, events.c.ses_message_id),
    events.c.key,
)


def soft_bounces(connection: Connection, keys: Collection[str]) -> Mapping[str, Sequence[SoftBounce]]:
    """The soft bounces of each of these addresses that has any, one for each message."""
    found: defaultdict[str, list[SoftBounce]] = defaultdict(list)
    if keys:
        for key, occurred_at, mail_sent_at in _SOFT_BOUNCES(connection, list(keys)).all():
            found[key].append(SoftBounce(occurred_at, mail_sent_at))
    return found


def _stored(row: Row[Any]) -> StoredEvent:
    columns = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for the mapping view
    return StoredEvent(**{name: columns[name] for name in StoredEvent.__dataclass_fields__})
