"""The claim: one statement that takes due email, refuses suppressed addresses, and leases the rest.

This is where promise 3 is kept: whether an address is suppressed is read in the same statement that gives the email to
the worker. Nothing read before it, and nothing in Redis, counts.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import CTE, Connection, Float, and_, bindparam, case, null, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from app.domain.sending.state_machine import CLAIMABLE, State
from app.store.engine.bulk_statements import Among
from app.store.engine.database import ahead, now
from app.store.engine.ids import new_id
from app.store.operating.server_timeline import OnUnknownServer
from app.store.sending import attempts
from app.store.sending.due_email import APPS_THAT_MAY_GO, shares, suppressed_by_row, values_of
from app.store.sending.recipients import COLUMNS, Recipient, read
from app.store.suppression.gate_sql import why
from app.store.tables.core import attempts as attempt_rows
from app.store.tables.core import recipients


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
    asked = values_of(lane=wanted.lane, probe=wanted.probe or "", passes_others=wanted.passes_others)
    found = connection.execute(APPS_THAT_MAY_GO, asked).all()[: wanted.limit]
    if not found:
        return NOTHING
    if not found[0].server_known:
        raise OnUnknownServer
    if wanted.yields_to_probes and found[0].probe_first:
        return PROBE_FIRST
    waiting = [row.id for row in found]
    share = -(-wanted.limit // len(waiting))
    due, values = shares(connection, waiting, share=share, limit=wanted.limit)
    asked |= values | {"token": wanted.token, "lease_s": wanted.lease.total_seconds()}
    rows = [read(row) for row in connection.execute(_take(due), asked).all()]
    taken = sorted((row for row in rows if row.state is State.SENDING), key=lambda row: (row.due_at, row.id))
    return Claim(
        token=wanted.token,
        emails=_open_attempts(connection, taken),
        suppressed=tuple(row for row in rows if row.state is not State.SENDING),
        dry=all(count < share for count in Counter(row.app_id for row in rows).values()),
    )


@cache
def _take(due: CTE) -> ReturningUpdate[Any]:
    """The claim of this due email. It is built once: that costs more than to run it."""
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
    origin = suppressed_by_row()
    columns = (recipients.c.id, recipients.c.lease_token, is_leased.label("is_held"), origin.label("suppressed_by"))
    return Among(select(*columns), recipients.c.id)


def _open_attempts(connection: Connection, taken: list[Recipient]) -> tuple[OpenAttempt, ...]:
    attempt = tuple(OpenAttempt(row, new_id()) for row in taken)
    attempts.open_all(connection, {one.recipient.id: one.attempt_id for one in attempt})
    return attempt
