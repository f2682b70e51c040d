"""Reviews in SQL: which domains wait for a person's word, and what is known of their mail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, func, select, update

from app.domain.bounces import BounceCause, cause_of
from app.domain.bursts import HardBounce, minute_of
from app.domain.feedback import Bounce, BounceType, FeedbackKind
from app.domain.suppression import Change, Origin
from app.store.db import add_once, now
from app.store.ids import first_id_of, new_id
from app.store.models import events, reviews, suppression_events, suppressions
from app.store.names import minute
from app.store.suppressions import LIVE, Suppression, read

UNDO: Final = "undo"
CONFIRM: Final = "confirm"
WITHDRAWN: Final = "withdrawn"

LOOK_BACK: Final = timedelta(hours=2)
"""How long before a review the bounces may be that it is about: SNS may be late, and the sweep comes by minutes."""

_WAITS = reviews.c.decided_at.is_(None)
_HARD = (suppressions.c.origin == Origin.BOUNCE) & suppressions.c.expires_at.is_(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A domain whose entries wait for a decision, since when, and how many they are."""

    id: UUID
    domain: str
    opened_at: datetime
    entries: int


@dataclass(frozen=True, slots=True)
class Span:
    """A domain, and from when to when its bounces have to be looked at."""

    domain: str
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of a domain's mail in a span: hard bounces, and how many mails of other outcomes, by minute."""

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


def spans(connection: Connection, *, since: datetime) -> tuple[Span, ...]:
    """What has to be looked at: the domains that got an entry for a bounce since then, and those under review."""
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


def outcomes(connection: Connection, span: Span, *, after: datetime | None) -> Outcomes:
    """What became of the mail of the domain in this span, of that what happened after a moment."""
    mine = (events.c.domain == span.domain) & events.c.occurred_at.between(span.first, span.last)
    if after is not None:
        mine &= events.c.occurred_at > after
    query = select(events.c.key, events.c.occurred_at, events.c.data).where(
        mine, events.c.type == FeedbackKind.BOUNCE, events.c.key.is_not(None)
    )
    bounces: list[HardBounce] = []
    others: dict[int, int] = {}
    for key, occurred_at, data in connection.execute(query):
        match _cause(data):
            case BounceCause.MAILBOX_GONE:
                bounces.append(HardBounce(occurred_at, key))
            case BounceCause.AUTO_REPLY | BounceCause.STILL_TRYING | BounceCause.SES_LIST:
                continue
            case _:
                others[minute_of(occurred_at)] = others.get(minute_of(occurred_at), 0) + 1
    when = minute(events.c.occurred_at)
    delivered = select(when, func.count()).where(mine, events.c.type == FeedbackKind.DELIVERY).group_by(when)
    for told, count in connection.execute(delivered):
        others[told] = others.get(told, 0) + count
    return Outcomes(bounces, others)


def undecided(connection: Connection, keys: Sequence[str]) -> tuple[UUID, ...]:
    """The entries of these addresses that a hard bounce put there and that no review has yet."""
    found: list[UUID] = []
    for start in range(0, len(keys), 5_000):
        mine = suppressions.c.key.in_(keys[start : start + 5_000])
        found += connection.scalars(
            select(suppressions.c.id).where(mine, LIVE, _HARD, suppressions.c.review_id.is_(None))
        )
    return tuple(found)


def entries_of(connection: Connection, review_id: UUID) -> tuple[Suppression, ...]:
    """The live entries under this review."""
    query = select(suppressions).where(suppressions.c.review_id == review_id, LIVE)
    return tuple(read(row) for row in connection.execute(query))


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
    """Note the decision; False when somebody else decided first."""
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
    """When the last review of this domain that a person undid was opened, and when it was undone."""
    query = select(reviews.c.opened_at, reviews.c.decided_at).where(
        reviews.c.domain == domain, reviews.c.decision == UNDO
    )
    row = connection.execute(query.order_by(reviews.c.decided_at.desc()).limit(1)).one_or_none()
    return (row.opened_at, row.decided_at) if row else None


def _spans_of(connection: Connection, which: ColumnElement[bool], *, since: datetime) -> tuple[Span, ...]:
    query = (
        select(events.c.domain, func.min(events.c.occurred_at), func.max(events.c.occurred_at))
        .join(suppressions, suppressions.c.key == events.c.key)
        .where(which, LIVE, events.c.type == FeedbackKind.BOUNCE, events.c.id > first_id_of(since))
        .where(events.c.domain.is_not(None))
        .group_by(events.c.domain)
    )
    return tuple(Span(*row) for row in connection.execute(query))


def _cause(data: Mapping[str, Any]) -> BounceCause:
    return cause_of(
        Bounce(
            type=BounceType(data.get("bounce_type", BounceType.UNKNOWN)),
            subtype=data.get("bounce_subtype", ""),
            action=data.get("action"),
            status=data.get("status"),
            diagnostic=data.get("diagnostic"),
        )
    )
