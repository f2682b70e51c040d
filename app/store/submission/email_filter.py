"""Which emails a list asks for, as SQL: the conditions on an email, and on one recipient of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, literal, select

from app.domain.sending.state_machine import State
from app.store.engine.database import now
from app.store.submission.tags import has_tag
from app.store.tables.core import recipients

_USUAL: Final = frozenset({State.SENT, State.DELIVERED})
"""The states in which most emails end. A stream or a tag is more selective than these, and less than other states."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which emails to list.

    `key` is a suppression key. `states`: some recipient is in one of them. `without`: no recipient is in one of these.
    `opened`, `clicked` and `provider` apply to that same recipient; None does not filter. `causes`: that recipient has
    one of them, if there are any. `due_in`: that recipient is due in one of these lanes; it goes with states of those
    that wait. An email has all of `tags`, and is not in `without_lane`.
    """

    app_id: UUID | None = None
    key: str | None = None
    states: frozenset[State] | None = None
    without: frozenset[State] = frozenset()
    opened: bool | None = None
    clicked: bool | None = None
    causes: frozenset[str] = frozenset()
    provider: str | None = None
    due_in: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    actor: str | None = None
    reference: str | None = None
    supersedes: str | None = None
    request_id: UUID | None = None
    stream: str | None = None
    lane: str | None = None
    without_lane: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def acts(self) -> bool:
        """Whether the emails have an actor, a reference or a request in common."""
        return any(one is not None for one in (self.actor, self.reference, self.request_id))

    @property
    def is_by_email(self) -> bool:
        """Whether a column of the email tells most: a reference more than an address, an actor less."""
        return self.reference is not None or (self.actor is not None and self.key is None)

    @property
    def is_rare(self) -> bool:
        """Whether few recipients are in a wanted state, or have a wanted cause."""
        return bool(self.causes) or not (self.states or _USUAL) & _USUAL


def own_words(rows: FromClause) -> tuple[ColumnElement[str], ...]:
    """The columns that hold a word as the application gave it. `Filter` calls them by the same names."""
    return rows.c.stream, rows.c.lane, rows.c.actor, rows.c.reference, rows.c.supersedes


def email_conditions(rows: FromClause, wanted: Filter) -> list[ColumnElement[bool]]:
    """The conditions on an email, without those on its recipients."""
    words = ((column, getattr(wanted, column.name)) for column in own_words(rows))
    conditions = [column == word for column, word in words if word is not None]
    if wanted.request_id is not None:
        conditions.append(rows.c.request_id == wanted.request_id)
    if wanted.since is not None:
        conditions.append(rows.c.created_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(rows.c.created_at < wanted.until)
    return [*conditions, *(has_tag(rows.c.tags, tag) for tag in wanted.tags)]


def recipient_conditions(rows: FromClause, wanted: Filter) -> list[ColumnElement[bool]]:
    """The conditions on one recipient, except its state."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.key is not None:
        conditions.append(rows.c.key == wanted.key)
        if wanted.states is not None:
            conditions.append(rows.c.state.in_(sorted(wanted.states)))
    if wanted.provider is not None:
        conditions.append(rows.c.mailbox_provider == wanted.provider)
    if wanted.due_in:
        conditions += [rows.c.lane.in_(wanted.due_in), rows.c.due_at <= now()]
    if wanted.causes:
        conditions.append(rows.c.cause.in_(sorted(wanted.causes)))
    for column, asked in ((rows.c.opened_at, wanted.opened), (rows.c.clicked_at, wanted.clicked)):
        if asked is not None:
            conditions.append(column.is_not(None) if asked else column.is_(None))
    return conditions


def of_same(email_id: ColumnElement[UUID], wanted: Filter) -> ColumnElement[bool]:
    """Whether a recipient of the same email is in a state of `without`."""
    other = recipients.alias()
    worse: Sequence[State] = sorted(wanted.without)
    return select(literal(1)).where(other.c.email_id == email_id, other.c.state.in_(worse)).exists()
