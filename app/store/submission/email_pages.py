"""Pages of emails by filter, newest first. Each filter leads to an index that has its emails in that order.

A page has to be as quick with ten million emails as with ten, and when nothing passes the filter. The planner cannot
know that matches are rare or lie far back: it would read all emails to find a page of them. So a query starts from the
most selective condition (its request, what it is about, an address, a person, a tag, what is due, a mailbox provider, a
rare state, a stream, a lane), and checks the rest on what that finds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    false,
    func,
    literal,
    literal_column,
    select,
    true,
    union_all,
)

from app.domain.sending.state_machine import CLAIMABLE, State
from app.store.engine.ids import CLOCKS_DIFFER_BY, first_id_of
from app.store.sending.recipients import is_in
from app.store.submission.email_filter import Filter, email_conditions, of_same, own_words, recipient_conditions
from app.store.submission.emails import Email, of_ids
from app.store.submission.tags import has_tag_by_index
from app.store.tables.core import apps, emails, recipients

_LISTED: Final = recipients.c.position >= literal(0, literal_execute=True)
"""True for every recipient. It allows the index that is for lists alone."""

_SORTED: Final = 100_000
"""Up to this many emails of one tag are sorted for a page. With more, a page is soon found among the newest."""

_DUE_SORTED: Final = 10_000
"""The same for recipients that are due: as many as the overview counts."""

_LOOKED_THROUGH: Final = 5_000
"""Up to this many emails of one actor or reference are looked through for a rare state or cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Which part of the list: a number of ids, beyond one of them in one direction."""

    limit: int
    after: UUID | None
    before: UUID | None

    def first(self, query: Select[Any], column: ColumnElement[UUID]) -> Select[Any]:
        """The query for the first ones in this direction."""
        return query.order_by(column if self.before is not None else column.desc()).limit(self.limit)

    def bounds(self, column: ColumnElement[UUID], wanted: Filter) -> list[ColumnElement[bool]]:
        """SQL: the range of ids of the page. An id contains its time, so a time bounds the ids too."""
        found: list[ColumnElement[bool]] = []
        if self.after is not None:
            found.append(column < self.after)
        if self.before is not None:
            found.append(column > self.before)
        if wanted.since is not None:
            found.append(column >= first_id_of(wanted.since - CLOCKS_DIFFER_BY))
        if wanted.until is not None:
            found.append(column < first_id_of(wanted.until + CLOCKS_DIFFER_BY))
        return found


def page(
    connection: Connection, alternatives: Sequence[Filter], *, limit: int, after: UUID | None, before: UUID | None
) -> tuple[Email, ...]:
    """Up to `limit` emails, newest first: those older than `after`, or the nearest ones newer than `before`.

    An email passes if it passes one of the `alternatives`, of which there is at least one.
    """
    return of_ids(connection, ids(connection, alternatives, limit=limit, after=after, before=before))


def ids(
    connection: Connection,
    alternatives: Sequence[Filter],
    *,
    limit: int,
    after: UUID | None = None,
    before: UUID | None = None,
) -> Sequence[UUID]:
    """The ids of the emails of the same page, those nearest to where it starts first."""
    place = _Place(limit=limit, after=after, before=before)
    first = [_query(connection, wanted, place) for wanted in alternatives]
    query = first[0] if len(first) == 1 else _merged(first, place)
    return connection.scalars(query).all()


def _query(connection: Connection, wanted: Filter, place: _Place) -> Select[Any]:
    if wanted.states is not None and not wanted.states:
        return select(emails.c.id).where(false())
    on_postgres = connection.dialect.name == "postgresql"
    in_each_app = on_postgres and wanted.app_id is None and wanted.request_id is None
    named = wanted.reference is not None or (wanted.actor is not None and wanted.key is None)
    is_one = wanted.request_id is not None or wanted.supersedes is not None
    if is_one or (named and not (wanted.is_rare and _are_many(connection, wanted))):
        return _by_email(wanted, place, in_each_app=in_each_app)
    if wanted.key is not None:
        query = _of_recipients(wanted, place)
        if in_each_app:
            return _in_each_app(query, recipients.c.app_id, recipients.c.email_id, place)
        return place.first(query, recipients.c.email_id)
    if wanted.tags and on_postgres and (rare := _with_few(connection, wanted.tags)) is not None:
        return _tagged(wanted, place, rare)
    if wanted.due_in and _few_are_due(connection, wanted):
        return _due(wanted, place)
    if wanted.provider is not None and not (wanted.opened or wanted.clicked):
        return _in_states(wanted, place, wanted.states or frozenset(State), in_each_app=in_each_app)
    if wanted.causes:
        return _with_causes(wanted, place, in_each_app=in_each_app)
    tells_most = wanted.opened or wanted.clicked or wanted.is_rare
    if wanted.states is not None and (tells_most or (wanted.stream is None and not wanted.tags)):
        return _in_states(wanted, place, wanted.states, in_each_app=in_each_app)
    has_index_of_app = wanted.stream is not None or wanted.lane is not None
    return _by_email(wanted, place, in_each_app=in_each_app and has_index_of_app)


def _by_email(wanted: Filter, place: _Place, *, in_each_app: bool) -> Select[Any]:
    """The first emails by an index of theirs."""
    query = _of_emails(emails, wanted, place)
    if in_each_app:
        return _in_each_app(query, emails.c.app_id, emails.c.id, place)
    return place.first(query, emails.c.id)


def _in_states(wanted: Filter, place: _Place, states: frozenset[State], *, in_each_app: bool) -> Select[Any]:
    """The first emails with a recipient in one of some states, merged from the first of each state.

    Those that were opened or clicked are found by their own indexes, whatever their state.
    """
    read = bool(wanted.opened or wanted.clicked)
    column = recipients.c.email_id
    parts = []
    for among in [states] if read else [{state} for state in sorted(states)]:
        part = _of_recipients(wanted, place).where(is_in(among), _LISTED)
        # Few emails are being sent, and their index knows no application.
        of_each = in_each_app and among != {State.SENDING}
        first = _in_each_app(part, recipients.c.app_id, column, place) if of_each else place.first(part, column)
        parts.append(first)
    return _merged(parts, place)


def _few_are_due(connection: Connection, wanted: Filter) -> bool:
    """Whether few enough recipients are due to sort them. Where many are, they are soon found among what waits."""
    _forbid_scans(connection)
    some = _due_recipients(wanted).limit(_DUE_SORTED + 1).subquery()
    return (connection.scalar(select(func.count()).select_from(some)) or 0) <= _DUE_SORTED


def _due(wanted: Filter, place: _Place) -> Select[Any]:
    """The first emails of recipients that are due, sorted: their index has them in another order."""
    found = _due_recipients(wanted).cte("due").prefix_with("MATERIALIZED")
    chosen = _of_recipients(replace(wanted, due_in=()), place).where(recipients.c.id.in_(select(found.c.id)))
    return place.first(chosen, recipients.c.email_id)


def _due_recipients(wanted: Filter) -> Select[Any]:
    """The recipients that are due in the lanes, by the index of the claim."""
    owner = recipients.c.app_id
    of_app = owner.in_(select(apps.c.id)) if wanted.app_id is None else owner == wanted.app_id
    is_due = recipient_conditions(recipients, Filter(due_in=wanted.due_in))
    return select(recipients.c.id).where(of_app, is_in(wanted.states or CLAIMABLE), *is_due)


def _with_causes(wanted: Filter, place: _Place, *, in_each_app: bool) -> Select[Any]:
    """The first emails with a recipient that has one of some causes, merged from the first of each cause."""
    column = recipients.c.email_id
    parts = []
    for cause in sorted(wanted.causes):
        of_one = _of_recipients(replace(wanted, causes=frozenset()), place).where(recipients.c.cause == cause)
        if wanted.states is not None:
            of_one = of_one.where(is_in(wanted.states))
        parts.append(
            _in_each_app(of_one, recipients.c.app_id, column, place) if in_each_app else place.first(of_one, column)
        )
    return _merged(parts, place)


def _merged(parts: Sequence[Select[Any]], place: _Place) -> Select[Any]:
    """The first ids over all parts, of which each gives its own first ones."""
    found = union_all(*(select(part.subquery().c[0].label("email_id")) for part in parts)).subquery()
    return place.first(select(found.c.email_id).distinct(), found.c.email_id)


def _in_each_app(
    query: Select[Any], owner: ColumnElement[UUID], column: ColumnElement[UUID], place: _Place
) -> Select[Any]:
    """The first rows over all applications, merged from each: only within one does the index have them in order."""
    first = place.first(query.where(owner == apps.c.id).correlate(apps), column).lateral()
    found = first.c[column.name]
    return place.first(select(found).select_from(apps.join(first, true())), found)


def _of_recipients(wanted: Filter, place: _Place) -> Select[Any]:
    """The emails of recipients that pass all of the filter, each once."""
    column = recipients.c.email_id
    query = select(column).where(*place.bounds(column, wanted), *recipient_conditions(recipients, wanted)).distinct()
    if wanted.app_id is not None:
        query = query.where(recipients.c.app_id == wanted.app_id)
    if wanted.without_lane is not None:
        query = query.where(recipients.c.lane != wanted.without_lane)
    if conditions := email_conditions(emails, wanted):
        query = query.where(select(literal(1)).where(emails.c.id == column, *conditions).exists())
    return query.where(~of_same(column, wanted)) if wanted.without else query


def _of_emails(rows: FromClause, wanted: Filter, place: _Place) -> Select[Any]:
    """The emails among these rows that pass all of the filter."""
    query = select(rows.c.id).where(*place.bounds(rows.c.id, wanted), *email_conditions(rows, wanted))
    if wanted.app_id is not None:
        query = query.where(rows.c.app_id == wanted.app_id)
    if wanted.without_lane is not None:
        query = query.where(rows.c.lane != wanted.without_lane)
    one = recipients.alias()
    conditions = recipient_conditions(one, wanted)
    if wanted.states is not None:
        conditions.append(one.c.state.in_(sorted(wanted.states)))
    if conditions:
        passing = select(literal(1)).where(one.c.email_id == rows.c.id, *conditions)
        # With an offset PostgreSQL looks at the recipients of each email, and never joins all recipients.
        query = query.where((passing.offset(0) if wanted.acts else passing).exists())
    return query.where(~of_same(rows.c.id, wanted)) if wanted.without else query


def _are_many(connection: Connection, wanted: Filter) -> bool:
    """Whether the actor or the reference has too many emails to look through them."""
    owner = emails.c.app_id.in_(select(apps.c.id)) if wanted.app_id is None else emails.c.app_id == wanted.app_id
    of_these = Filter(actor=wanted.actor, reference=wanted.reference)
    some = select(literal(1)).where(owner, *email_conditions(emails, of_these)).limit(_LOOKED_THROUGH + 1).subquery()
    return (connection.scalar(select(func.count()).select_from(some)) or 0) > _LOOKED_THROUGH


def _with_few(connection: Connection, tags: Sequence[tuple[str, str]]) -> tuple[str, str] | None:
    """The first of the tags that has few enough emails to sort them."""
    return next((tag for tag in tags if _are_few(connection, tag)), None)


def _are_few(connection: Connection, tag: tuple[str, str]) -> bool:
    """Whether the tag has few enough emails to sort them.

    The planner guesses how many have it, and reads all emails if it guesses many. This transaction does not allow that.
    """
    _forbid_scans(connection)
    some = select(literal(1)).select_from(emails).where(*_has_tag(tag)).limit(_SORTED + 1).subquery()
    return (connection.scalar(select(func.count()).select_from(some)) or 0) <= _SORTED


def _forbid_scans(connection: Connection) -> None:
    """Have the planner read no whole table until the transaction ends. SQLite has no such choice."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL enable_seqscan TO off")


def _tagged(wanted: Filter, place: _Place, tag: tuple[str, str]) -> Select[Any]:
    tagged = (
        select(emails.c.id, emails.c.app_id, emails.c.tags, emails.c.created_at, *own_words(emails))
        .where(*_has_tag(tag))
        .cte("tagged")
        .prefix_with("MATERIALIZED")
    )
    return place.first(_of_emails(tagged, wanted, place), tagged.c.id)


def _has_tag(tag: tuple[str, str]) -> list[ColumnElement[bool]]:
    """The condition of the index, which leaves out emails without tags."""
    return [
        emails.c.tags != literal_column("'{}'"),
        has_tag_by_index(emails.c.tags, tag),
    ]
