"""The claim: one statement that takes due mail, refuses suppressed addresses, and leases the rest to one worker.

This is where promise 3 is kept: whether an address is suppressed is read in the statement that makes the mail the
worker's. Nothing read before it, and nothing in Redis, counts.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Row,
    Select,
    String,
    and_,
    case,
    cast,
    literal,
    null,
    or_,
    select,
    union_all,
    update,
)

from app.domain.delivery import CLAIMABLE, State
from app.domain.suppression import EVERY_MAIL, STRENGTH
from app.store import attempts
from app.store.bulk import Among
from app.store.db import clock, now
from app.store.ids import new_id
from app.store.models import apps, circuits, recipients, suppressions
from app.store.models import attempts as attempt_rows
from app.store.names import app_of, at_domain
from app.store.recipients import Recipient, read

_IN_ORDER_OF_INDEX = (State.SCHEDULED, State.QUEUED, State.RETRY_WAIT)
_LANE, _SENDER, _ACCOUNT, _RECOVERY = "lane:", "sender:", "account", "recovery"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to claim: up to `limit` due mails of a lane, under a token that is known before the claim is made.

    `probe` is the scope of a circuit that these mails may pass.
    """

    lane: str
    limit: int
    lease: timedelta
    probe: str | None = None
    token: UUID = field(default_factory=new_id)


@dataclass(frozen=True, slots=True)
class Mine:
    """One claimed recipient and the attempt that was opened for it."""

    recipient: Recipient
    attempt_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one claim brought: the mails to send, and how many were found suppressed instead."""

    token: UUID
    mails: tuple[Mine, ...] = ()
    suppressed: int = 0

    @property
    def size(self) -> int:
        """How many rows left the queue."""
        return len(self.mails) + self.suppressed


NOTHING = Claim(token=UUID(int=0))


def claim(connection: Connection, wanted: Wanted) -> Claim:
    """Take due mail.

    Within a lane no application starves another: each with due mail gets an equal share of the batch.
    """
    waiting = _apps_with(connection, *_may_go(wanted))[: wanted.limit]
    if not waiting:
        return NOTHING
    due = _due(wanted, waiting)
    suppressed = due.c.suppressed_by.is_not(None)
    until = clock(connection) + wanted.lease
    statement = (
        update(recipients)
        .where(recipients.c.id == due.c.id, recipients.c.state.in_(sorted(CLAIMABLE)))
        .values(
            state=case((suppressed, State.SUPPRESSED), else_=State.SENDING),
            reason=case((suppressed, _why(due.c.suppressed_by)), else_=null()),
            lease_token=case((suppressed, null()), else_=literal(wanted.token, recipients.c.lease_token.type)),
            lease_until=case((suppressed, null()), else_=literal(until, recipients.c.lease_until.type)),
            updated_at=now(),
        )
        .returning(*[recipients.c[field] for field in Recipient.__dataclass_fields__])
    )
    rows = [read(row) for row in connection.execute(statement)]
    taken = sorted((row for row in rows if row.state is State.SENDING), key=lambda row: (row.due_at, row.id))
    return Claim(token=wanted.token, mails=_open_attempts(connection, taken), suppressed=len(rows) - len(taken))


@dataclass(frozen=True, slots=True)
class Held:
    """A claimed mail and the claim that holds it."""

    mine: Mine
    token: UUID


def held(connection: Connection, *, tokens: Iterable[UUID], attempt_ids: Iterable[UUID]) -> tuple[Held, ...]:
    """The mails that these claims still hold, and those of these attempts, whoever holds them."""
    holding = (
        recipients.c.lease_token.in_(list(tokens))
        & (recipients.c.state == State.SENDING)
        & (attempt_rows.c.outcome == attempts.AttemptOutcome.CALLING)
    )
    columns = [
        *(recipients.c[field] for field in Recipient.__dataclass_fields__),
        attempt_rows.c.id.label("attempt_id"),
    ]
    query = (
        select(*columns)
        .join(attempt_rows, attempt_rows.c.recipient_id == recipients.c.id)
        .where(holding | attempt_rows.c.id.in_(list(attempt_ids)))
    )
    rows = [(read(row), row.attempt_id) for row in connection.execute(query)]
    return tuple(Held(Mine(row, attempt_id), row.lease_token or UUID(int=0)) for row, attempt_id in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Whether its claim still holds a mail, the lease not over; and if so, the origin of a suppression."""

    holds: bool
    suppressed_by: str | None = None


def look_again(connection: Connection, mails: Sequence[Mine]) -> list[Look]:
    """How mails that were claimed stand at this moment, in their order; one statement for all of them."""
    found = {row.id: row for row in _leases()(connection, [one.recipient.id for one in mails])}
    return [_look(one, found.get(one.recipient.id)) for one in mails]


def _look(mine: Mine, row: Row[Any] | None) -> Look:
    if row is None or not row.is_held or row.lease_token != mine.recipient.lease_token:
        return Look(holds=False)
    return Look(holds=True, suppressed_by=row.suppressed_by)


@cache
def _leases() -> Among:
    # What the row holds is compared in the columns, not in the conditions: the index of leases is no way to these rows.
    is_held = and_(recipients.c.state == State.SENDING, recipients.c.lease_until > now())
    why = _suppressed_by_row()
    columns = (recipients.c.id, recipients.c.lease_token, is_held.label("is_held"), why.label("suppressed_by"))
    return Among(select(*columns), recipients.c.id)


def has_due_mail(connection: Connection, lane: str) -> bool:
    """Whether any mail is due in this lane, even if a circuit holds it: whoever answers the bell takes the probe."""
    return bool(_apps_with(connection, *_due_in(lane)))


def _apps_with(connection: Connection, *conditions: ColumnElement[bool]) -> list[UUID]:
    """The applications that have such mail, those first whose mail has waited longest."""
    oldest = (
        select(recipients.c.due_at)
        .where(recipients.c.app_id == apps.c.id, *conditions)
        .order_by(recipients.c.due_at)
        .limit(1)
        .scalar_subquery()
    )
    candidates = select(apps.c.id, oldest.label("oldest")).subquery()
    query = select(candidates.c.id).where(candidates.c.oldest.is_not(None)).order_by(candidates.c.oldest)
    return list(connection.scalars(query))


def suppressed_by(
    key: ColumnElement[str], pseudonym: ColumnElement[str], scope: ColumnElement[str]
) -> ColumnElement[str | None]:
    """SQL: the origin of a live suppression of this address for this scope `app/stream`, or NULL.

    The one definition of 'suppressed': by the address, by its whole domain, or by the pseudonym of somebody who was
    forgotten; for every mail, for the application, or for the stream.
    """
    return (
        select(suppressions.c.origin)
        .where(
            suppressions.c.key.in_([key, at_domain(key), pseudonym]),
            suppressions.c.scope.in_([literal(EVERY_MAIL), app_of(scope), scope]),
            suppressions.c.removed_at.is_(None),
            or_(suppressions.c.expires_at.is_(None), suppressions.c.expires_at > now()),
        )
        .order_by(strength(suppressions.c.origin).desc())
        .limit(1)
        .scalar_subquery()
    )


def strength(origin: ColumnElement[str]) -> ColumnElement[int]:
    """SQL: which of several origins tells why (`app.domain.suppression.STRENGTH`)."""
    return case(*[(origin == literal(name.value), rank) for name, rank in STRENGTH.items()], else_=0)


def _suppressed_by_row() -> ColumnElement[str | None]:
    return suppressed_by(recipients.c.key, recipients.c.pseudonym, recipients.c.scope)


def reason_for(origin: str) -> str:
    """Why a mail ended as suppressed, in plain words."""
    return f"The address is on the suppression list ({origin})."


def _why(origin: ColumnElement[Any]) -> ColumnElement[str]:
    before, after = reason_for("|").split("|")
    return literal(before) + cast(origin, String) + literal(after)


def _due(wanted: Wanted, waiting: list[UUID]) -> CTE:
    share = -(-wanted.limit // len(waiting))
    rounds = [_share_of(app_id, wanted, share).subquery() for app_id in waiting]
    ids = union_all(*[select(one.c.id, one.c.suppressed_by) for one in rounds]).limit(wanted.limit)
    return ids.cte("due")


def _share_of(app_id: UUID, wanted: Wanted, share: int) -> Select[Any]:
    return (
        select(recipients.c.id, _suppressed_by_row().label("suppressed_by"))
        .where(recipients.c.app_id == app_id, *_may_go(wanted))
        .order_by(recipients.c.due_at, recipients.c.id)
        .limit(share)
        .with_for_update(skip_locked=True, of=recipients)
    )


def _may_go(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    yield from _due_in(wanted.lane)
    yield ~_waits_for_a_circuit(wanted.probe)
    if wanted.probe is not None and wanted.probe.startswith(_SENDER):
        yield recipients.c.sender_domain == wanted.probe.removeprefix(_SENDER)


def _due_in(lane: str) -> tuple[ColumnElement[bool], ...]:
    # The states are spelled out, not bound, and for SQLite in the order of the partial index: only then can it be used.
    states = recipients.c.state.in_([literal(state.value, literal_execute=True) for state in _IN_ORDER_OF_INDEX])
    in_time = or_(recipients.c.expires_at.is_(None), recipients.c.expires_at > now())
    return (recipients.c.lane == lane, states, recipients.c.due_at <= now(), in_time)


def _waits_for_a_circuit(probe: str | None) -> ColumnElement[bool]:
    concerned = or_(
        circuits.c.scope.in_([_ACCOUNT, _RECOVERY]),
        circuits.c.scope == literal(_LANE) + recipients.c.lane,
        circuits.c.scope == literal(_SENDER) + recipients.c.sender_domain,
    )
    others = circuits.c.scope != (probe or "")
    return select(literal(1)).where(concerned, others).exists()


def _open_attempts(connection: Connection, taken: list[Recipient]) -> tuple[Mine, ...]:
    if not taken:
        return ()
    made = attempts.counts(connection, [row.id for row in taken])
    mine = tuple(Mine(row, new_id()) for row in taken)
    attempts.open_all(
        connection, [(one.attempt_id, one.recipient.id, made.get(one.recipient.id, 0) + 1) for one in mine]
    )
    return mine
