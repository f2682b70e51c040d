"""The claim: one statement that takes due email, refuses suppressed addresses, and leases the rest.

This is where promise 3 is kept: whether an address is suppressed is read in the same statement that gives the email to
the worker. Nothing read before it, and nothing in Redis, counts.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Float,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    case,
    literal,
    null,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from app.domain.sending.state_machine import CLAIMABLE, State
from app.store.apps.app_pauses import goes_on
from app.store.engine.bulk_statements import Among
from app.store.engine.database import ahead, now
from app.store.engine.ids import new_id
from app.store.operating.server_timeline import IS_KNOWN, OnUnknownServer
from app.store.sending import attempts
from app.store.sending.circuits import ANY_TO_BE_TRIED, OF_EVERYBODY
from app.store.sending.recipients import COLUMNS, Recipient, read
from app.store.suppression.gate_sql import suppressed_by, why
from app.store.tables.core import apps, circuits, recipients
from app.store.tables.core import attempts as attempt_rows

_IN_ORDER_OF_INDEX = (State.SCHEDULED, State.QUEUED, State.RETRY_WAIT)
_LANE, _SENDER, _STREAM, _RECOVERY = "lane:", "sender:", "stream:", "recovery"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to claim: up to `limit` due emails of a lane, under a token that is known before the claim is made.

    `probe` is the scope of a circuit that these emails may pass. With `passes_others` they also pass other circuits
    that end by a probe, but circuits for all email only if the probed one is for all email. With `yields_to_probes`
    nothing is taken while a circuit may be probed, since its probe comes first.
    """

    lane: str
    limit: int
    lease: timedelta
    probe: str | None = None
    passes_others: bool = False
    yields_to_probes: bool = False
    token: UUID = field(default_factory=new_id)


@dataclass(frozen=True, slots=True)
class OpenAttempt:
    """One claimed recipient and the attempt that was opened for it."""

    recipient: Recipient
    attempt_id: UUID

    @property
    def token(self) -> UUID:
        """The claim that held the recipient when it was read; nil if none did."""
        return self.recipient.lease_token or UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The result of one claim: the emails to send, and the recipients that were found suppressed instead.

    `dry`: it left no email that is due and may go, except email that other claims were taking at that moment.
    """

    token: UUID
    emails: tuple[OpenAttempt, ...] = ()
    suppressed: tuple[Recipient, ...] = ()
    dry: bool = True

    @property
    def size(self) -> int:
        """How many rows left the queue."""
        return len(self.emails) + len(self.suppressed)


NOTHING = Claim(token=UUID(int=0))
PROBE_FIRST = replace(NOTHING, dry=False)
"""The result of a claim that yields to a probe."""


def claim(connection: Connection, wanted: Wanted) -> Claim:
    """Take due email.

    Within a lane no application starves another: each one with due email gets an equal share of the batch.

    Raises `OnUnknownServer` if PostgreSQL has failed over since this was last checked: the new server may lack records
    of what was sent.
    """
    probe = wanted.probe or ""
    asked: dict[str, Any] = {
        "in_lane": wanted.lane,
        "probe": probe,
        "passes_wide": int(wanted.passes_others and probe in OF_EVERYBODY),
        "passes_narrow": int(wanted.passes_others),
        "probed_sender": _named(probe, _SENDER),
        "probed_stream": _named(probe, _STREAM),
    }
    found = connection.execute(_APPS_THAT_MAY_GO, asked).all()[: wanted.limit]
    if not found:
        return NOTHING
    if not found[0].server_known:
        raise OnUnknownServer
    if wanted.yields_to_probes and found[0].probe_first:
        return PROBE_FIRST
    waiting = [row.id for row in found]
    share = -(-wanted.limit // len(waiting))
    asked |= {
        "limit": wanted.limit,
        "share": share,
        "token": wanted.token,
        "lease_s": wanted.lease.total_seconds(),
    }
    asked |= {f"app_{number}": app_id for number, app_id in enumerate(waiting)}
    rows = [read(row) for row in connection.execute(_take(len(waiting)), asked).all()]
    taken = sorted((row for row in rows if row.state is State.SENDING), key=lambda row: (row.due_at, row.id))
    return Claim(
        token=wanted.token,
        emails=_open_attempts(connection, taken),
        suppressed=tuple(row for row in rows if row.state is not State.SENDING),
        dry=all(count < share for count in Counter(row.app_id for row in rows).values()),
    )


def _named(probe: str, kind: str) -> str:
    """The sender or stream that a circuit of this kind concerns; empty for another kind."""
    return probe.removeprefix(kind) if probe.startswith(kind) else ""


@cache
def _take(rounds: int) -> ReturningUpdate[Any]:
    """The claim statement for so many applications. Built once: that costs more than to run it."""
    due = _due(rounds)
    suppressed = due.c.suppressed_by.is_not(None)
    token = bindparam("token", type_=recipients.c.lease_token.type)
    return (
        update(recipients)
        .where(recipients.c.id == due.c.id, recipients.c.state.in_(sorted(CLAIMABLE)))
        .values(
            state=case((suppressed, State.SUPPRESSED), else_=State.SENDING),
            reason=case((suppressed, why(due.c.suppressed_by)), else_=null()),
            lease_token=case((suppressed, null()), else_=token),
            lease_until=case((suppressed, null()), else_=ahead(bindparam("lease_s", type_=Float()))),
            updated_at=now(),
        )
        .returning(*COLUMNS)
    )


def leased(connection: Connection, *, tokens: Iterable[UUID], attempt_ids: Iterable[UUID]) -> tuple[OpenAttempt, ...]:
    """The emails that these claims still hold, and those of these attempts, whichever claim holds them."""
    holding = (
        recipients.c.lease_token.in_(list(tokens))
        & (recipients.c.state == State.SENDING)
        & (attempt_rows.c.outcome == attempts.AttemptOutcome.CALLING)
    )
    query = (
        select(*COLUMNS, attempt_rows.c.id.label("attempt_id"))
        .join(attempt_rows, attempt_rows.c.recipient_id == recipients.c.id)
        .where(holding | attempt_rows.c.id.in_(list(attempt_ids)))
    )
    return tuple(OpenAttempt(read(row), row.attempt_id) for row in connection.execute(query))


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Whether the claim still holds an email, its lease not over; if so, also the origin of a suppression."""

    holds: bool
    suppressed_by: str | None = None


def look_again(connection: Connection, emails: Sequence[OpenAttempt]) -> list[Look]:
    """The state of claimed emails at this moment, in their order; one statement for all of them."""
    rows = _leases()(connection, [one.recipient.id for one in emails]).all()
    found = {row[0]: row for row in rows}
    return [_look(one, found.get(one.recipient.id)) for one in emails]


def _look(attempt: OpenAttempt, row: Sequence[Any] | None) -> Look:
    if row is None:
        return Look(holds=False)
    _, lease_token, is_leased, origin = row
    if not is_leased or lease_token != attempt.recipient.lease_token:
        return Look(holds=False)
    return Look(holds=True, suppressed_by=origin)


@cache
def _leases() -> Among:
    # The values are compared in the columns, not in the conditions: the index of leases is no way to these rows.
    is_leased = and_(recipients.c.state == State.SENDING, recipients.c.lease_until > now())
    origin = _suppressed_by_row()
    columns = (recipients.c.id, recipients.c.lease_token, is_leased.label("is_held"), origin.label("suppressed_by"))
    return Among(select(*columns), recipients.c.id)


def has_due_email(connection: Connection, lane: str) -> bool:
    """Whether any email is due in this lane, even if a circuit holds it: the woken worker takes the probe."""
    return connection.scalars(_ANY_DUE, {"in_lane": lane}).first() is not None


def _apps_with(*conditions: ColumnElement[bool]) -> Select[tuple[UUID]]:
    """The applications with such email whose lane is not paused, in the order of their longest waiting email."""
    oldest = (
        select(recipients.c.due_at)
        .where(recipients.c.app_id == apps.c.id, *conditions)
        .order_by(recipients.c.due_at)
        .limit(1)
        .scalar_subquery()
    )
    in_lane = bindparam("in_lane", type_=recipients.c.lane.type)
    candidates = select(apps.c.id, oldest.label("oldest")).where(goes_on(in_lane)).subquery()
    return select(candidates.c.id).where(candidates.c.oldest.is_not(None)).order_by(candidates.c.oldest)


def _suppressed_by_row() -> ColumnElement[str | None]:
    return suppressed_by(recipients.c.key, recipients.c.pseudonym, recipients.c.scope)


def _due(rounds: int) -> CTE:
    shares = [_share_of(number).subquery() for number in range(rounds)]
    ids = union_all(*[select(one.c.id, one.c.suppressed_by) for one in shares])
    return ids.limit(bindparam("limit", type_=Integer())).cte("due")


def _share_of(number: int) -> Select[Any]:
    app_id = bindparam(f"app_{number}", type_=recipients.c.app_id.type)
    return (
        select(recipients.c.id, _suppressed_by_row().label("suppressed_by"))
        .where(recipients.c.app_id == app_id, *_may_go())
        .order_by(recipients.c.due_at, recipients.c.id)
        .limit(bindparam("share", type_=Integer()))
        .with_for_update(skip_locked=True, of=recipients)
    )


def _may_go() -> Iterator[ColumnElement[bool]]:
    """Email that is due and held by no circuit but the probed one; if that is of a sender or stream, only its email.

    Whether all email waits is asked once for all, and so is whether any may wait: not for each email of a long queue.
    """
    sender, stream = bindparam("probed_sender", type_=String()), bindparam("probed_stream", type_=String())
    yield from _DUE
    of_all = _ANOTHER_CIRCUIT.where(_concerns_the_lane(), _is_not_passed("passes_wide"))
    of_some = _ANOTHER_CIRCUIT.where(_concerns_the_email(), _is_not_passed("passes_narrow"))
    yield ~of_all.exists()
    yield or_(~_ANOTHER_CIRCUIT.exists(), ~of_some.exists())
    yield or_(sender == literal(""), recipients.c.sender_domain == sender)
    yield or_(stream == literal(""), recipients.c.scope == stream)


def _due_in_lane() -> tuple[ColumnElement[bool], ...]:
    # The states are literals, and for SQLite in the order of the partial index: only then can it be used.
    states = recipients.c.state.in_([literal(state.value, literal_execute=True) for state in _IN_ORDER_OF_INDEX])
    in_time = or_(recipients.c.expires_at.is_(None), recipients.c.expires_at > now())
    lane = bindparam("in_lane", type_=recipients.c.lane.type)
    return (recipients.c.lane == lane, states, recipients.c.due_at <= now(), in_time)


def _concerns_the_lane() -> ColumnElement[bool]:
    lane = bindparam("in_lane", type_=recipients.c.lane.type)
    return or_(circuits.c.scope.in_([*sorted(OF_EVERYBODY), _RECOVERY]), circuits.c.scope == literal(_LANE) + lane)


def _concerns_the_email() -> ColumnElement[bool]:
    return or_(
        circuits.c.scope == literal(_SENDER) + recipients.c.sender_domain,
        circuits.c.scope == literal(_STREAM) + recipients.c.scope,
    )


def _is_not_passed(passes: str) -> ColumnElement[bool]:
    """Circuits that the probe does not pass. No probe passes one that a person opened."""
    return or_(bindparam(passes, type_=Integer()) == literal(0), circuits.c.probe_at.is_(None))


def _open_attempts(connection: Connection, taken: list[Recipient]) -> tuple[OpenAttempt, ...]:
    attempt = tuple(OpenAttempt(row, new_id()) for row in taken)
    attempts.open_all(connection, {one.recipient.id: one.attempt_id for one in attempt})
    return attempt


_ANOTHER_CIRCUIT = (
    select(literal(1)).select_from(circuits).where(circuits.c.scope != bindparam("probe", type_=String()))
)
_DUE = _due_in_lane()
_ANY_DUE = _apps_with(*_DUE)
_APPS_THAT_MAY_GO = _apps_with(*_may_go()).add_columns(
    ANY_TO_BE_TRIED.label("probe_first"), IS_KNOWN.label("server_known")
)
