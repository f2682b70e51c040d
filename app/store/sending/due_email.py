"""SQL: the email of a lane that is due and may go, by application, and the share of each application in a claim.

No application starves another: the claim takes an equal share of each one that has due email, those whose email has
waited longest first. `app.store.sending.claims` makes the claim of it.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Integer,
    Select,
    String,
    bindparam,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.domain.sending.state_machine import State
from app.store.apps.app_pauses import goes_on
from app.store.engine.database import now
from app.store.operating.server_timeline import IS_KNOWN
from app.store.sending.circuits import ANY_TO_BE_TRIED, OF_EVERYBODY
from app.store.suppression.gate_sql import suppressed_by
from app.store.tables.core import apps, circuits, recipients

_IN_ORDER_OF_INDEX = (State.SCHEDULED, State.QUEUED, State.RETRY_WAIT)
_LANE, _SENDER, _STREAM, _RECOVERY = "lane:", "sender:", "stream:", "recovery"


def values_of(*, lane: str, probe: str, passes_others: bool) -> dict[str, Any]:
    """The values of the parameters of `APPS_THAT_MAY_GO`, which the shares have too."""
    return {
        "in_lane": lane,
        "probe": probe,
        "passes_wide": int(passes_others and probe in OF_EVERYBODY),
        "passes_narrow": int(passes_others),
        "probed_sender": _named(probe, _SENDER),
        "probed_stream": _named(probe, _STREAM),
    }


def shares(connection: Connection, waiting: Sequence[UUID], *, share: int, limit: int) -> tuple[CTE, dict[str, Any]]:
    """The due email of these applications, up to `share` of each and `limit` in all, and its parameters' values.

    It has the columns `id` and `suppressed_by`, and locks the rows. It is built once, which costs more than to run it.
    """
    values: dict[str, Any] = {"share": share, "limit": limit}
    if connection.dialect.name == "postgresql" and len(waiting) > 1:
        return _of_several(), values | {"waiting": waiting}
    return _of_each(len(waiting)), values | {f"app_{number}": app_id for number, app_id in enumerate(waiting)}


def has_due_email(connection: Connection, lane: str) -> bool:
    """Whether any email is due in this lane, even if a circuit holds it: the woken worker takes the probe."""
    return connection.scalars(_ANY_DUE, {"in_lane": lane}).first() is not None


def suppressed_by_row() -> ColumnElement[str | None]:
    """SQL: the origin of the entry that suppresses the address of a recipient, null if none does."""
    return suppressed_by(recipients.c.key, recipients.c.pseudonym, recipients.c.scope)


@cache
def _of_several() -> CTE:
    """One statement for any number of applications. A statement with a part for each takes longer with every one.

    PostgreSQL plans a statement with an array anew each time, so one application has the other form.
    """
    app_id = recipients.c.app_id.type
    waiting = select(func.unnest(bindparam("waiting", type_=ARRAY(app_id))).label("app_id")).subquery("waiting")
    share = _share_of(waiting.c.app_id).lateral("share")
    query = select(share.c.id, share.c.suppressed_by).select_from(waiting.join(share, true()))
    return query.limit(bindparam("limit", type_=Integer())).cte("due")


@cache
def _of_each(rounds: int) -> CTE:
    """A part for each application: for one, and for SQLite, which has no lateral join."""
    app_ids = [bindparam(f"app_{number}", type_=recipients.c.app_id.type) for number in range(rounds)]
    parts = [_share_of(app_id).subquery() for app_id in app_ids]
    query = union_all(*[select(part.c.id, part.c.suppressed_by) for part in parts])
    return query.limit(bindparam("limit", type_=Integer())).cte("due")


def _share_of(app_id: ColumnElement[UUID]) -> Select[Any]:
    return (
        select(recipients.c.id, suppressed_by_row().label("suppressed_by"))
        .where(recipients.c.app_id == app_id, *_may_go())
        .order_by(recipients.c.due_at, recipients.c.id)
        .limit(bindparam("share", type_=Integer()))
        .with_for_update(skip_locked=True, of=recipients)
    )


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


def _named(probe: str, kind: str) -> str:
    """The sender or stream that a circuit of this kind concerns; empty for another kind."""
    return probe.removeprefix(kind) if probe.startswith(kind) else ""


_ANOTHER_CIRCUIT = (
    select(literal(1)).select_from(circuits).where(circuits.c.scope != bindparam("probe", type_=String()))
)
_DUE = _due_in_lane()
_ANY_DUE = _apps_with(*_DUE)
APPS_THAT_MAY_GO = _apps_with(*_may_go()).add_columns(
    ANY_TO_BE_TRIED.label("probe_first"), IS_KNOWN.label("server_known")
)
