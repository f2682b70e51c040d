"""One row per call to SES: opened in the claim, closed by an answer, an event or an operator."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, func, literal, select, update

from app.domain.sending.trying import TEST_LANE
from app.store.engine.bulk_statements import Among, Given, Insert, Row, Update
from app.store.engine.database import add_once, now
from app.store.tables.core import attempts, recipients


class AttemptOutcome(StrEnum):
    """The outcome of one call."""

    CALLING = "calling"
    ACCEPTED = "accepted"
    NOT_SENT = "not_sent"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class OutcomeSource(StrEnum):
    """The evidence for the outcome."""

    RESPONSE = "response"
    EVENT = "event"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One call to SES."""

    id: UUID
    recipient_id: UUID
    number: int
    outcome: AttemptOutcome
    evidence: OutcomeSource | None
    ses_message_id: str | None
    reason: str | None
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """How a call ended."""

    id: UUID
    outcome: AttemptOutcome
    evidence: OutcomeSource | None
    ses_message_id: str | None = None
    reason: str | None = None


OPEN = (AttemptOutcome.CALLING, AttemptOutcome.UNKNOWN)


def _opened(given: Given) -> Row:
    earlier = select(func.count() + 1).where(attempts.c.recipient_id == given["recipient_id"]).scalar_subquery()
    return {"number": earlier, "outcome": literal(AttemptOutcome.CALLING), "started_at": now()}


_OPEN_ALL = Insert(attempts, ("id", "recipient_id"), stamps=_opened)
_CLOSED = ("outcome", "evidence", "ses_message_id", "reason")


def _close_where(condition: ColumnElement[bool]) -> Update:
    return Update(attempts, _CLOSED, stamps={"ended_at": now()}, only=lambda _: condition)


_SENT = recipients.c.lane != TEST_LANE
_RECIPIENT = Among(select(attempts.c.id, attempts.c.recipient_id), attempts.c.id)
_CLOSE = _close_where(attempts.c.outcome != AttemptOutcome.ACCEPTED)
_CLOSE_AS_UNKNOWN = _close_where(attempts.c.outcome == AttemptOutcome.CALLING)


def open_all(connection: Connection, made_for: Mapping[UUID, UUID]) -> None:
    """Insert attempts that are about to call, by their recipients; one per recipient at most."""
    _OPEN_ALL(connection, [{"id": made, "recipient_id": recipient} for recipient, made in made_for.items()])


def close(connection: Connection, closings: Sequence[Closing]) -> None:
    """Write how calls ended. Acceptance is final. `unknown` only ends a call that is under way."""
    unknown = [closing for closing in closings if closing.outcome is AttemptOutcome.UNKNOWN]
    known = [closing for closing in closings if closing.outcome is not AttemptOutcome.UNKNOWN]
    _CLOSE(connection, [_row(closing) for closing in known])
    _CLOSE_AS_UNKNOWN(connection, [_row(closing) for closing in unknown])


def _row(closing: Closing) -> Row:
    return {
        "id": closing.id,
        "outcome": closing.outcome,
        "evidence": closing.evidence,
        "ses_message_id": closing.ses_message_id,
        "reason": closing.reason,
    }


def recreate(connection: Connection, closing: Closing, *, recipient_id: UUID) -> None:
    """Recreate a call that ended before the moment to which the database was restored."""
    made = counts(connection, [recipient_id]).get(recipient_id, 0)
    add_once(
        connection,
        attempts,
        id=closing.id,
        recipient_id=recipient_id,
        number=made + 1,
        outcome=closing.outcome,
        evidence=closing.evidence,
        ses_message_id=closing.ses_message_id,
        started_at=now(),
        ended_at=now(),
    )


def close_calling(connection: Connection, recipient_ids: Iterable[UUID], *, reason: str) -> None:
    """Mark the open calls of these recipients as unknown."""
    waiting = attempts.c.recipient_id.in_(list(recipient_ids)) & (attempts.c.outcome == AttemptOutcome.CALLING)
    connection.execute(
        update(attempts).where(waiting).values(outcome=AttemptOutcome.UNKNOWN, reason=reason, ended_at=now())
    )


def still_open(connection: Connection, recipient_ids: Iterable[UUID]) -> frozenset[UUID]:
    """Those of these recipients with a call that may have sent the email."""
    query = select(attempts.c.recipient_id).where(
        attempts.c.recipient_id.in_(list(recipient_ids)), attempts.c.outcome.in_(OPEN)
    )
    return frozenset(connection.scalars(query))


def counts(connection: Connection, recipient_ids: Iterable[UUID]) -> dict[UUID, int]:
    """How many calls were made for each of these recipients; the next one gets the next number."""
    query = (
        select(attempts.c.recipient_id, func.count())
        .where(attempts.c.recipient_id.in_(list(recipient_ids)))
        .group_by(attempts.c.recipient_id)
    )
    return dict(connection.execute(query).all())


def recipients_of(connection: Connection, attempt_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """The recipient of each of these calls, as far as they are known."""
    return _RECIPIENT.pairs(connection, attempt_ids)


def of_recipients(connection: Connection, recipient_ids: Iterable[UUID]) -> tuple[Attempt, ...]:
    """All calls for these recipients, oldest first."""
    query = select(attempts).where(attempts.c.recipient_id.in_(list(recipient_ids))).order_by(attempts.c.id)
    return tuple(_attempt(row) for row in connection.execute(query))


def _attempt(row: Any) -> Attempt:
    return Attempt(
        id=row.id,
        recipient_id=row.recipient_id,
        number=row.number,
        outcome=AttemptOutcome(row.outcome),
        evidence=OutcomeSource(row.evidence) if row.evidence else None,
        ses_message_id=row.ses_message_id,
        reason=row.reason,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )


def any_since(connection: Connection, moment: datetime, *, besides_domain: str) -> bool:
    """Whether any call of SES began at this moment or later, for a recipient outside this domain."""
    found = (
        select(attempts.c.id)
        .join(recipients, recipients.c.id == attempts.c.recipient_id)
        .where(attempts.c.started_at >= moment, recipients.c.key.not_like(f"%@{besides_domain}"), _SENT)
        .limit(1)
    )
    return connection.scalar(found) is not None


def begun_since(connection: Connection, moment: datetime, *, limit: int) -> int:
    """How many calls of SES began at this moment or later, counted up to a limit."""
    begun = select(attempts.c.id).join(recipients, recipients.c.id == attempts.c.recipient_id)
    found = begun.where(attempts.c.started_at >= moment, _SENT).limit(limit).subquery()
    return connection.scalar(select(func.count()).select_from(found)) or 0


def accepted_between(
    connection: Connection, since: datetime, until: datetime, *, besides_domain: str, limit: int
) -> int:
    """How many calls that began in this time SES accepted, for recipients outside this domain, up to `limit`."""
    found = (
        select(attempts.c.id)
        .join(recipients, recipients.c.id == attempts.c.recipient_id)
        .where(attempts.c.started_at > since, attempts.c.started_at < until)
        .where(attempts.c.outcome == AttemptOutcome.ACCEPTED, recipients.c.key.not_like(f"%@{besides_domain}"), _SENT)
        .order_by(attempts.c.started_at)
        .limit(limit)
        .subquery()
    )
    return connection.scalar(select(func.count()).select_from(found)) or 0
