"""Reviews in SQL: which domains wait for a person's decision, and what happened to their email."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, func, select, update

from app.domain.feedback.bounce_causes import BounceCause
from app.domain.feedback.events import Bounce, BounceType, EventType
from app.domain.suppression.mass_bounces import HardBounce, minute_of
from app.domain.suppression.rules import Change, Origin
from app.store.engine.database import add_once, now
from app.store.engine.ids import first_id_of, new_id
from app.store.engine.sql_functions import minute
from app.store.suppression.suppressions import LIVE, Suppression, read
from app.store.tables.core import events, reviews, suppression_events, suppressions

Json = dict[str, Any]

UNDO: Final = "undo"
CONFIRM: Final = "confirm"
WITHDRAWN: Final = "withdrawn"

LOOK_BACK: Final = timedelta(hours=2)
"""How long before its review a bounce may have happened: SNS may be late, and the sweep runs every few minutes."""

_WAITS = reviews.c.decided_at.is_(None)
_HARD = (suppressions.c.origin == Origin.BOUNCE) & suppressions.c.expires_at.is_(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A domain whose entries wait for a decision, since when, and how many there are."""

    id: UUID
    domain: str
    opened_at: datetime
    entries: int


@dataclass(frozen=True, slots=True)
class Span:
    """A domain, and the span of time in which to look at its bounces."""

    domain: str
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The outcomes of a domain's email in a span: hard bounces, and the number of other outcomes per minute."""

    bounces: Sequence[HardBounce]
    others: Mapping[int, int]


def all_open(connection: Connection) -> tuple[Review, ...]:
    """The reviews that wait for a decision, the oldest first."""
    entries = select(func.count()).where(suppressions.c.review_id == reviews.c.id, LIVE).scalar_subquery()
    query = select(reviews.c.id, reviews.c.domain, reviews.c.opened_at, entries.label("entries")).where(_WAITS)
    return tuple(
        Review(id=row.id, domain=row.domain, opened_at=row.opened_at, entries=row.entries)
        for row in connection.execute(query.order_by(reviews.c.id))
    )


def samples(connection: Connection, *, each: int) -> Iterator[tuple[UUID, Json]]:
    """The evidence of up to `each` entries of every review that waits, with the id of the review."""
    place = func.row_number().over(partition_by=suppressions.c.review_id, order_by=suppressions.c.id).label("place")
    numbered = (
        select(suppressions.c.review_id, suppressions.c.source, place)
        .join(reviews, reviews.c.id == suppressions.c.review_id)
        .where(_WAITS, LIVE)
        .subquery()
    )
    query = select(numbered.c.review_id, numbered.c.source).where(numbered.c.place <= each)
    return ((row.review_id, row.source) for row in connection.execute(query))


def spans(connection: Connection, *, since: datetime) -> tuple[Span, ...]:
    """The spans to look at: of domains with a new entry for a bounce since then, and of those under review."""
    fresh = (suppression_events.c.id > first_id_of(since)) & suppression_events.c.type.in_(
        [Change.ADDED, Change.REPLACED]
    )
    recent = (
        select(suppressions.c.key)
        .join(suppression_events, suppression_events.c.suppression_id == suppressions.c.id)
        .where(fresh, suppression_events.c.origin == Origin.BOUNCE, suppressions.c.expires_at.is_(None))
    )
    found = list(_spans_of(connection, suppressions.c.key.in_(recent), since=since))
    for review in all_open(connection):
        begun = min(since, review.opened_at - LOOK_BACK)
        found += _spans_of(connection, suppressions.c.review_id == review.id, since=begun)
    merged: dict[str, Span] = {}
    for one in found:
        known = merged.get(one.domain, one)
        merged[one.domain] = Span(one.domain, min(one.first, known.first), max(one.last, known.last))
    return tuple(merged.values())


def outcomes(
    connection: Connection, span: Span, cause_of: Callable[[Bounce], BounceCause], *, after: datetime | None
) -> Outcomes:
    """The outcomes of the domain's email in this span, after `after` if it is given."""
    in_span = (events.c.domain == span.domain) & events.c.occurred_at.between(span.first, span.last)
    if after is not None:
        in_span &= events.c.occurred_at > after
    query = select(events.c.key, events.c.occurred_at, events.c.data).where(
        in_span, events.c.type == EventType.BOUNCE, events.c.key.is_not(None)
    )
    bounces: list[HardBounce] = []
    others: dict[int, int] = {}
    for key, occurred_at, data in connection.execute(query):
        match cause_of(_bounce(data)):
            case BounceCause.MAILBOX_GONE | BounceCause.SES_GLOBAL_LIST:
                bounces.append(HardBounce(occurred_at, key))
            case BounceCause.AUTO_REPLY | BounceCause.STILL_TRYING | BounceCause.SES_LIST:
                continue
            case _:
                others[minute_of(occurred_at)] = others.get(minute_of(occurred_at), 0) + 1
    when = minute(events.c.occurred_at)
    delivered = select(when, func.count()).where(in_span, events.c.type == EventType.DELIVERY).group_by(when)
    for at_minute, count in connection.execute(delivered):
        others[at_minute] = others.get(at_minute, 0) + count
    return Outcomes(bounces, others)


def undecided(connection: Connection, keys: Sequence[str], *, lock: bool = True) -> tuple[UUID, ...]:
    """The entries of these addresses that a hard bounce added and that have no review yet; with `lock`, locked.

    `keys` must be sorted.
    """
    found: list[UUID] = []
    for start in range(0, len(keys), 5_000):
        of_keys = suppressions.c.key.in_(keys[start : start + 5_000])
        query = select(suppressions.c.id).where(of_keys, LIVE, _HARD, suppressions.c.review_id.is_(None))
        found += connection.scalars(_locked(query) if lock else query)
    return tuple(found)


def entries_of(connection: Connection, review_id: UUID) -> tuple[Suppression, ...]:
    """The live entries under this review, locked in their order. Entries that became complaints are not among them."""
    query = select(suppressions).where(suppressions.c.review_id == review_id, LIVE)
    return tuple(read(row) for row in connection.execute(_locked(query)))


def open_one(connection: Connection, domain: str) -> tuple[UUID, bool]:
    """The review of this domain that waits for a decision, and whether it was opened now."""
    opened = add_once(connection, reviews, id=new_id(), domain=domain, opened_at=now())
    review = find(connection, domain)
    if review is None:
        return open_one(connection, domain)
    return review, opened


def find(connection: Connection, domain: str) -> UUID | None:
    """The review of this domain that waits for a decision."""
    query = select(reviews.c.id).where(reviews.c.domain == domain, _WAITS)
    review_id: UUID | None = connection.scalar(query.with_for_update())
    return review_id


def decide(connection: Connection, review_id: UUID, decision: str, *, actor: str, reason: str) -> bool:
    """Note the decision; False if another person decided first."""
    decided = (
        update(reviews)
        .where(reviews.c.id == review_id, _WAITS)
        .values(decided_at=now(), decision=decision, decided_by=actor, reason=reason)
    )
    return connection.execute(decided).rowcount == 1


def last_decision(connection: Connection, domain: str) -> datetime | None:
    """When a person last decided about this domain."""
    query = select(func.max(reviews.c.decided_at)).where(
        reviews.c.domain == domain, reviews.c.decision.in_([UNDO, CONFIRM])
    )
    decided_at: datetime | None = connection.scalar(query)
    return decided_at


def undone(connection: Connection, domain: str) -> tuple[datetime, datetime] | None:
    """When the last review that was undone for this domain was opened, and when it was undone."""
    query = select(reviews.c.opened_at, reviews.c.decided_at).where(
        reviews.c.domain == domain, reviews.c.decision == UNDO
    )
    row = connection.execute(query.order_by(reviews.c.decided_at.desc()).limit(1)).one_or_none()
    return (row.opened_at, row.decided_at) if row else None


def _locked(query: Select[Any]) -> Select[Any]:
    return query.order_by(suppressions.c.key, suppressions.c.scope).with_for_update()


def _spans_of(connection: Connection, which: ColumnElement[bool], *, since: datetime) -> tuple[Span, ...]:
    query = (
        select(events.c.domain, func.min(events.c.occurred_at), func.max(events.c.occurred_at))
        .join(suppressions, suppressions.c.key == events.c.key)
        .where(which, LIVE, events.c.type == EventType.BOUNCE, events.c.id > first_id_of(since))
        .where(events.c.domain.is_not(None))
        .group_by(events.c.domain)
    )
    return tuple(Span(*row) for row in connection.execute(query))


def _bounce(data: Mapping[str, Any]) -> Bounce:
    return Bounce(
        type=BounceType(data.get("bounce_type", BounceType.UNKNOWN)),
        subtype=data.get("bounce_subtype", ""),
        action=data.get("action"),
        status=data.get("status"),
        diagnostic=data.get("diagnostic"),
    )
