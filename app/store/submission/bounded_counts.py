"""Whether few or many emails meet a condition: counted by an index, up to a bound.

The planner only guesses how many there are, and where its guess is wrong a page of a list takes seconds. So a list
counts what it could start from, in some milliseconds. Only indexes answer: no transaction that counts here may read a
whole table afterwards.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, func, literal, literal_column, select

from app.domain.sending.state_machine import CLAIMABLE, State
from app.store.sending.recipients import is_in
from app.store.submission.email_filter import Filter, email_conditions, recipient_conditions
from app.store.submission.tags import has_tag_by_index
from app.store.tables.core import apps, emails, recipients

_SORTED: Final = 100_000
"""Up to this many emails of one tag are sorted for a page. With more, a page is soon found among the newest."""

_DUE_SORTED: Final = 10_000
"""The same for recipients that are due: as many as the overview counts."""

_ALWAYS_LOOKED_THROUGH: Final = 5_000
"""Up to this many emails of one actor, reference or address are looked through for a rare state or cause."""

_LOOKED_THROUGH: Final = 100_000
"""The same where more than `_RARE` recipients have the state or the cause."""

_RARE: Final = 10_000
"""A state or a cause is rare if at most this many recipients have it."""

LISTED: Final = recipients.c.position >= literal(0, literal_execute=True)
"""True for every recipient. It allows the index that is for lists alone."""


def is_rare_among_many(connection: Connection, wanted: Filter) -> bool:
    """Whether a wanted state or cause is better looked for among all emails than among those of an owner.

    The owner is the actor, the reference or the address that the filter has.
    """
    if not wanted.is_rare or _owner_has_at_most(connection, wanted, _ALWAYS_LOOKED_THROUGH):
        return False
    return _few_have(connection, wanted) or not _owner_has_at_most(connection, wanted, _LOOKED_THROUGH)


def _owner_has_at_most(connection: Connection, wanted: Filter, most: int) -> bool:
    if wanted.is_by_email:
        of_these = email_conditions(emails, Filter(actor=wanted.actor, reference=wanted.reference))
        query = select(literal(1)).where(_of_app(emails.c.app_id, wanted), *of_these)
    else:
        query = select(literal(1)).where(_of_app(recipients.c.app_id, wanted), recipients.c.key == wanted.key)
    return _at_most(connection, query, most)


def _few_have(connection: Connection, wanted: Filter) -> bool:
    of_app = select(literal(1)).where(_of_app(recipients.c.app_id, wanted))
    if wanted.causes:
        return _at_most(connection, of_app.where(recipients.c.cause.in_(sorted(wanted.causes))), _RARE)
    states = (wanted.states or frozenset()) - {State.SENDING}  # there is little of it, and another index
    return not states or _at_most(connection, of_app.where(is_in(states), LISTED), _RARE)


def few_are_due(connection: Connection, wanted: Filter) -> bool:
    """Whether few enough recipients are due to sort them. Where many are, they are soon found among what waits."""
    return _at_most(connection, due_recipients(wanted), _DUE_SORTED)


def due_recipients(wanted: Filter) -> Select[tuple[UUID]]:
    """The recipients that are due in the lanes, by the index of the claim."""
    is_due = recipient_conditions(recipients, Filter(due_in=wanted.due_in))
    is_waiting = is_in(wanted.states or CLAIMABLE)
    return select(recipients.c.id).where(_of_app(recipients.c.app_id, wanted), is_waiting, *is_due)


def with_few(connection: Connection, tags: Sequence[tuple[str, str]]) -> tuple[str, str] | None:
    """The first of the tags that has few enough emails to sort them."""
    tagged = {tag: select(literal(1)).select_from(emails).where(*has_tag(tag)) for tag in tags}
    return next((tag for tag, query in tagged.items() if _at_most(connection, query, _SORTED)), None)


def has_tag(tag: tuple[str, str]) -> list[ColumnElement[bool]]:
    """SQL: the condition of the index, which leaves out emails without tags."""
    return [emails.c.tags != literal_column("'{}'"), has_tag_by_index(emails.c.tags, tag)]


def _of_app(owner: ColumnElement[UUID], wanted: Filter) -> ColumnElement[bool]:
    return owner.in_(select(apps.c.id)) if wanted.app_id is None else owner == wanted.app_id


def _at_most(connection: Connection, query: Select[Any], most: int) -> bool:
    """Whether the query has at most so many rows. The planner may read no whole table until the transaction ends.

    SQLite has no such choice.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL enable_seqscan TO off")
    some = query.limit(most + 1).subquery()
    return (connection.scalar(select(func.count()).select_from(some)) or 0) <= most
