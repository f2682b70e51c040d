"""The timeline: normalised events, each stored once however often SNS delivers it, and what they add up to."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, and_, bindparam, case, func, select, update

from app.domain.feedback.events import Bounce, BounceType, Complaint, EventType
from app.domain.suppression.pauses import CountedBounce, Weight
from app.store.engine.bulk_statements import Among, InsertFree
from app.store.engine.database import now
from app.store.tables.core import events

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """One event to store.

    `dedup` is its `fingerprint`, `effect` its consequence as far as that is known.
    """

    id: UUID
    notification_id: UUID
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
    """One event of the timeline. `notification_id` is None once the notification is erased."""

    id: UUID
    notification_id: UUID | None
    recipient_id: UUID | None
    ses_message_id: str
    type: str
    address: str | None
    occurred_at: datetime
    detail: str
    effect: str
    data: Json


def fingerprint(recipient: str, feedback_id: str | None, occurred_at: datetime) -> str:
    """Distinguishes two events of one type about one email: by recipient, and by feedback id or time."""
    apart = f"{recipient.lower()}|{feedback_id or occurred_at.isoformat()}"
    return hashlib.blake2b(apart.encode(), digest_size=16).hexdigest()


_NEW = tuple(NewEvent.__dataclass_fields__)
_SAME = and_(
    events.c.ses_message_id == bindparam("of_message"),
    events.c.type == bindparam("of_type"),
    events.c.dedup == bindparam("of_dedup"),
)
_OF_RECIPIENT = ("recipient_id", "address", "key", "domain")
_ADD = InsertFree(events, _NEW, stamps={"recorded_at": now()})
_ATTACH = (
    update(events)
    .where(_SAME, events.c.recipient_id.is_(None))
    .values({name: bindparam(f"its_{name}", type_=events.c[name].type) for name in _OF_RECIPIENT})
)
_EXPLAIN = update(events).where(_SAME).values(effect=bindparam("its_effect"))


def add(connection: Connection, new: Sequence[NewEvent]) -> frozenset[UUID]:
    """Store events with one statement. The ids of those that were new, also among each other."""
    return _ADD(connection, [{name: getattr(event, name) for name in _NEW} for event in new])


def attach(connection: Connection, event: NewEvent) -> bool:
    """Store which recipient an event is about, and so which address. False if that was known."""
    target = {f"its_{name}": getattr(event, name) for name in _OF_RECIPIENT}
    return connection.execute(_ATTACH, _same(event) | target).rowcount == 1


def explain(connection: Connection, event: NewEvent, *, effect: str) -> None:
    """Store the consequence of the event."""
    connection.execute(_EXPLAIN, _same(event) | {"its_effect": effect})


def _same(event: NewEvent) -> Json:
    return {"of_message": event.ses_message_id, "of_type": event.type, "of_dedup": event.dedup}


def of_recipients(connection: Connection, recipient_ids: Iterable[UUID]) -> tuple[StoredEvent, ...]:
    """The events about these recipients, oldest first."""
    query = (
        select(events).where(events.c.recipient_id.in_(list(recipient_ids))).order_by(events.c.occurred_at, events.c.id)
    )
    return tuple(_stored(row) for row in connection.execute(query))


def first_recorded(connection: Connection, recipient_id: UUID) -> datetime | None:
    """When the first event of a recipient was stored, whatever its type."""
    first: datetime | None = connection.scalar(
        select(func.min(events.c.recorded_at)).where(events.c.recipient_id == recipient_id)
    )
    return first


@dataclass(frozen=True, slots=True)
class Failure:
    """One stored bounce or complaint of a recipient: when it happened, and what SES said of it."""

    occurred_at: datetime
    bounce: Bounce | None
    complaint: Complaint | None


def failures(connection: Connection, recipient_id: UUID) -> tuple[Failure, ...]:
    """All bounces and complaints of this recipient's email."""
    query = select(events.c.occurred_at, events.c.data).where(
        events.c.recipient_id == recipient_id, events.c.type.in_([EventType.BOUNCE, EventType.COMPLAINT])
    )
    return tuple(Failure(occurred_at, *said(data)) for occurred_at, data in connection.execute(query))


def said(data: Mapping[str, Any]) -> tuple[Bounce | None, Complaint | None]:
    """The bounce or the complaint in the stored data of an event; neither for any other event."""
    if data.get("bounce_type") in set(BounceType):
        named = {name: data.get(name) for name in ("action", "status", "diagnostic")}
        return Bounce(type=BounceType(data["bounce_type"]), subtype=str(data.get("bounce_subtype")), **named), None
    if "complaint_type" in data or "complaint_subtype" in data:
        kind, subtype = data.get("complaint_type"), data.get("complaint_subtype")
        return None, Complaint(feedback_type=kind, subtype=subtype, among=data.get("complaint_among", 1))
    return None, None


def of_address(connection: Connection, key: str, *, limit: int = 100) -> tuple[StoredEvent, ...]:
    """The newest events about an address, of any application."""
    order = (events.c.occurred_at.desc(), events.c.id.desc())
    query = select(events).where(events.c.key == key).order_by(*order).limit(limit)
    return tuple(_stored(row) for row in connection.execute(query))


def last_delivery(connection: Connection, key: str) -> datetime | None:
    """When email was last delivered to this address."""
    query = select(func.max(events.c.occurred_at)).where(events.c.key == key, events.c.type == EventType.DELIVERY)
    delivered_at: datetime | None = connection.scalar(query)
    return delivered_at


def was_delivered(connection: Connection, domains: Collection[str], *, after: datetime) -> bool:
    """Whether an email to one of these domains was delivered after this moment."""
    query = select(events.c.id).where(
        events.c.domain.in_(list(domains)), events.c.type == EventType.DELIVERY, events.c.occurred_at > after
    )
    return connection.execute(query.limit(1)).first() is not None


def last_delivery_to_others(connection: Connection, domain: str, *, but: str) -> datetime | None:
    """When an email to another address of this domain than `but` was last delivered."""
    query = (
        select(events.c.occurred_at)
        .where(events.c.domain == domain, events.c.type == EventType.DELIVERY, events.c.key != but)
        .order_by(events.c.occurred_at.desc())
        .limit(1)
    )
    delivered_at: datetime | None = connection.scalar(query)
    return delivered_at


_SENT_AT = func.coalesce(events.c.mail_sent_at, events.c.occurred_at, type_=events.c.occurred_at.type)
_WEIGHT = events.c.data["weight"].as_string()
_BY_WEIGHT = (Weight.LAID_TO_US, Weight.SOFT, Weight.GLOBAL_LIST, Weight.REFUSED)
_UNSAID = _BY_WEIGHT.index(Weight.SOFT)
_HEAVIEST = func.max(case(*((weight == _WEIGHT, rank) for rank, weight in enumerate(_BY_WEIGHT)), else_=_UNSAID))
_COUNTED = Among(
    select(events.c.key, func.max(events.c.occurred_at), func.max(_SENT_AT), _HEAVIEST)
    .where(events.c.type == EventType.BOUNCE, events.c.counts_against)
    .group_by(events.c.key, events.c.ses_message_id),
    events.c.key,
)


@dataclass(frozen=True, slots=True)
class KnownBounce:
    """A stored bounce of an address, and the email that bounced."""

    ses_message_id: str
    bounce: Bounce


_BOUNCES = Among(
    select(events.c.key, events.c.ses_message_id, events.c.data).where(events.c.type == EventType.BOUNCE), events.c.key
)


def bounces(connection: Connection, keys: Collection[str]) -> Mapping[str, Sequence[KnownBounce]]:
    """All bounces of each of these addresses that has any."""
    found: defaultdict[str, list[KnownBounce]] = defaultdict(list)
    if keys:
        for key, ses_message_id, data in _BOUNCES(connection, list(keys)).all():
            bounce, _ = said(data)
            if bounce is not None:
                found[key].append(KnownBounce(ses_message_id, bounce))
    return found


def counted_bounces(connection: Connection, keys: Collection[str]) -> Mapping[str, Sequence[CountedBounce]]:
    """The bounces that count towards a pause of each of these addresses that has any, one for each email."""
    found: defaultdict[str, list[CountedBounce]] = defaultdict(list)
    if keys:
        for key, occurred_at, mail_sent_at, rank in _COUNTED(connection, list(keys)).all():
            found[key].append(CountedBounce(occurred_at, mail_sent_at, _BY_WEIGHT[rank]))
    return found


def _stored(row: Row[Any]) -> StoredEvent:
    columns = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for the mapping view
    return StoredEvent(**{name: columns[name] for name in StoredEvent.__dataclass_fields__})
