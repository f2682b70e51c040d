"""The claim: one statement that takes due mail, refuses suppressed addresses, and leases the rest to one worker.

This is where promise 3 is kept: whether an address is suppressed is read in the statement that makes the mail the
worker's. Nothing read before it, and nothing in Redis, counts.
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

from app.domain.delivery import CLAIMABLE, State
from app.store import attempts
from app.store.bulk import Among
from app.store.circuits import ANY_TO_BE_TRIED
from app.store.db import ahead, now
from app.store.ids import new_id
from app.store.models import apps, circuits, recipients
from app.store.models import attempts as attempt_rows
from app.store.recipients import COLUMNS, Recipient, read
from app.store.verdicts import suppressed_by, why

_IN_ORDER_OF_INDEX = (State.SCHEDULED, State.QUEUED, State.RETRY_WAIT)
_LANE, _SENDER, _ACCOUNT, _RECOVERY = "lane:", "sender:", "account", "recovery"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to claim: up to `limit` due mails of a lane, under a token that is known before the claim is made.

    `probe` is the scope of a circuit that these mails may pass. With `yields_to_probes` nothing is taken while a
    circuit may be tried, since its probe comes first.
    """

    lane: str
    limit: int
    lease: timedelta
    probe: str | None = None
    yields_to_probes: bool = False
    token: UUID = field(default_factory=new_id)


@dataclass(frozen=True, slots=True)
class Mine:
    """One claimed recipient and the attempt that was opened for it."""

    recipient: Recipient
    attempt_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one claim brought: the mails to send, and how many were found suppressed instead.

    `dry` says that it left nothing, of what is due and may go, but what others were claiming at that moment.
    """

    token: UUID
    mails: tuple[Mine, ...] = ()
    suppressed: int = 0
    dry: bool = True

    @property
    def size(self) -> int:
        """How many rows left the queue."""
        return len(self.mails) + self.suppressed


NOTHING = Claim(token=UUID(int=0))
PROBE_FIRST = replace(NOTHING, dry=False)
"""What is claimed by who yields to a probe."""


def claim(connection: Connection, wanted: Wanted) -> Claim:
    """Take due mail.

    Within a lane no application starves another: each with due mail gets an equal share of the batch.
    """
    probe = wanted.probe or ""
    sender = probe.removeprefix(_SENDER) if probe.startswith(_SENDER) else ""
    asked: dict[str, Any] = {"in_lane": wanted.lane, "probe": probe, "probed_sender": sender}
    found = connection.execute(_APPS_THAT_MAY_GO, asked).all()[: wanted.limit]
    if not found:
        return NOTHING
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
        mails=_open_attempts(connection, taken),
        suppressed=len(rows) - len(taken),
        dry=all(count < share for count in Counter(row.app_id for row in rows).values()),
    )


@cache
def _take(rounds: int) -> ReturningUpdate[Any]:
    """The claim itself, of so many applications. Built once: that costs more than to run it."""
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
    query = (
        select(*COLUMNS, attempt_rows.c.id.label("attempt_id"))
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
    rows = _leases()(connection, [one.recipient.id for one in mails]).all()
    found = {row[0]: row for row in rows}
    return [_look(one, found.get(one.recipient.id)) for one in mails]


def _look(mine: Mine, row: Sequence[Any] | None) -> Look:
    if row is None:
        return Look(holds=False)
    _, lease_token, is_held, origin = row
    if not is_held or lease_token != mine.recipient.lease_token:
        return Look(holds=False)
    return Look(holds=True, suppressed_by=origin)


@cache
def _leases() -> Among:
    # What the row holds is compared in the columns, not in the conditions: the index of leases is no way to these rows.
    is_held = and_(recipients.c.state == State.SENDING, recipients.c.lease_until > now())
    origin = _suppressed_by_row()
    columns = (recipients.c.id, recipients.c.lease_token, is_held.label("is_held"), origin.label("suppressed_by"))
    return Among(select(*columns), recipients.c.id)


def has_due_mail(connection: Connection, lane: str) -> bool:
    """Whether any mail is due in this lane, even if a circuit holds it: whoever answers the bell takes the probe."""
    return connection.scalars(_ANY_DUE, {"in_lane": lane}).first() is not None


def _apps_with(*conditions: ColumnElement[bool]) -> Select[tuple[UUID]]:
    """The applications that have such mail, those first whose mail has waited longest."""
    oldest = (
        select(recipients.c.due_at)
        .where(recipients.c.app_id == apps.c.id, *conditions)
        .order_by(recipients.c.due_at)
        .limit(1)
        .scalar_subquery()
    )
    candidates = select(apps.c.id, oldest.label("oldest")).subquery()
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
    """Due, and held by no circuit but the one that is probed; where that is a sender's, of this sender."""
    sender = bindparam("probed_sender", type_=String())
    yield from _DUE
    # As a rule no circuit is open, which is asked once for all: then it is not asked for each mail.
    yield or_(~_ANOTHER_CIRCUIT.exists(), ~_waits_for_a_circuit())
    yield or_(sender == literal(""), recipients.c.sender_domain == sender)


def _due_in_lane() -> tuple[ColumnElement[bool], ...]:
    # The states are spelled out, not bound, and for SQLite in the order of the partial index: only then can it be used.
    states = recipients.c.state.in_([literal(state.value, literal_execute=True) for state in _IN_ORDER_OF_INDEX])
    in_time = or_(recipients.c.expires_at.is_(None), recipients.c.expires_at > now())
    lane = bindparam("in_lane", type_=recipients.c.lane.type)
    return (recipients.c.lane == lane, states, recipients.c.due_at <= now(), in_time)


def _waits_for_a_circuit() -> ColumnElement[bool]:
    concerned = or_(
        circuits.c.scope.in_([_ACCOUNT, _RECOVERY]),
        circuits.c.scope == literal(_LANE) + recipients.c.lane,
        circuits.c.scope == literal(_SENDER) + recipients.c.sender_domain,
    )
    return _ANOTHER_CIRCUIT.where(concerned).exists()


def _open_attempts(connection: Connection, taken: list[Recipient]) -> tuple[Mine, ...]:
    mine = tuple(Mine(row, new_id()) for row in taken)
    attempts.open_all(connection, {one.recipient.id: one.attempt_id for one in mine})
    return mine


_ANOTHER_CIRCUIT = (
    select(literal(1)).select_from(circuits).where(circuits.c.scope != bindparam("probe", type_=String()))
)
_DUE = _due_in_lane()
_ANY_DUE = _apps_with(*_DUE)
_APPS_THAT_MAY_GO = _apps_with(*_may_go()).add_columns(ANY_TO_BE_TRIED.label("probe_first"))
