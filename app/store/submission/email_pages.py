"""Pages of emails by filter, newest first. Each filter leads to an index that has its emails in that order.

A page has to be as quick with ten million emails as with ten, and when nothing passes the filter. The planner cannot
know that matches are rare or lie far back: it would read all emails to find a page of them. So a query starts from the
most selective condition (its request, what it is about, an address, a person, a tag, what is due, a mailbox provider, a
rare state, a stream, a lane), and checks the rest on what that finds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, FromClause, Select, false, literal, select, true, union_all

from app.domain.sending.state_machine import State
from app.store.engine.ids import CLOCKS_DIFFER_BY, first_id_of
from app.store.sending.recipients import is_in
from app.store.submission.bounded_counts import (
    LISTED,
    due_recipients,
    few_are_due,
    has_tag,
    is_rare_among_many,
    with_few,
)
from app.store.submission.email_filter import Filter, email_conditions, of_same, own_words, recipient_conditions
from app.store.submission.emails import Email, of_ids
from app.store.tables.core import apps, emails, recipients


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
    if wanted.request_id is not None or wanted.supersedes is not None:
        return _by_email(wanted, place, in_each_app=in_each_app)
    if not wanted.is_by_email and wanted.key is None:
        return _by_property(connection, wanted, place, in_each_app=in_each_app)
    if is_rare_among_many(connection, wanted):
        by_what_is_rare = _with_causes if wanted.causes else _in_states
        return by_what_is_rare(wanted, place, in_each_app=in_each_app, one_by_one=on_postgres)
    by_owner = _by_email if wanted.is_by_email else _by_key
    return by_owner(wanted, place, in_each_app=in_each_app)


def _by_property(connection: Connection, wanted: Filter, place: _Place, *, in_each_app: bool) -> Select[Any]:
    """The first emails by an index of a property that the emails of many people have."""
    on_postgres = connection.dialect.name == "postgresql"
    if wanted.tags and on_postgres and (rare := with_few(connection, wanted.tags)) is not None:
        return _tagged(wanted, place, rare)
    if wanted.due_in and few_are_due(connection, wanted):
        return _due(wanted, place)
    if wanted.provider is not None and not (wanted.opened or wanted.clicked):
        return _in_states(wanted, place, in_each_app=in_each_app)
    if wanted.causes:
        return _with_causes(wanted, place, in_each_app=in_each_app)
    tells_most = wanted.opened or wanted.clicked or wanted.is_rare
    if wanted.states is not None and (tells_most or (wanted.stream is None and not wanted.tags)):
        return _in_states(wanted, place, in_each_app=in_each_app)
    has_index_of_app = wanted.stream is not None or wanted.lane is not None
    return _by_email(wanted, place, in_each_app=in_each_app and has_index_of_app)


def _by_key(wanted: Filter, place: _Place, *, in_each_app: bool) -> Select[Any]:
    """The first emails to an address."""
    query = _of_recipients(wanted, place)
    if in_each_app:
        return _in_each_app(query, recipients.c.app_id, recipients.c.email_id, place)
    return place.first(query, recipients.c.email_id)


def _by_email(wanted: Filter, place: _Place, *, in_each_app: bool) -> Select[Any]:
    """The first emails by an index of theirs."""
    query = _of_emails(emails, wanted, place)
    if in_each_app:
        return _in_each_app(query, emails.c.app_id, emails.c.id, place)
    return place.first(query, emails.c.id)


def _in_states(wanted: Filter, place: _Place, *, in_each_app: bool, one_by_one: bool = False) -> Select[Any]:
    """The first emails with a recipient in one of the wanted states, merged from the first of each state.

    Those that were opened or clicked are found by their own indexes, whatever their state.
    """
    states = wanted.states or frozenset(State)
    read = bool(wanted.opened or wanted.clicked)
    column = recipients.c.email_id
    parts = []
    for among in [states] if read else [{state} for state in sorted(states)]:
        part = _of_recipients(wanted, place, one_by_one=one_by_one).where(is_in(among), LISTED)
        # Few emails are being sent, and their index knows no application.
        of_each = in_each_app and among != {State.SENDING}
        first = _in_each_app(part, recipients.c.app_id, column, place) if of_each else place.first(part, column)
        parts.append(first)
    return _merged(parts, place)


def _due(wanted: Filter, place: _Place) -> Select[Any]:
    """The first emails of recipients that are due, sorted: their index has them in another order."""
    found = due_recipients(wanted).cte("due").prefix_with("MATERIALIZED")
    chosen = _of_recipients(replace(wanted, due_in=()), place).where(recipients.c.id.in_(select(found.c.id)))
    return place.first(chosen, recipients.c.email_id)


def _with_causes(wanted: Filter, place: _Place, *, in_each_app: bool, one_by_one: bool = False) -> Select[Any]:
    """The first emails with a recipient that has one of some causes, merged from the first of each cause."""
    column = recipients.c.email_id
    parts = []
    for cause in sorted(wanted.causes):
        of_any = _of_recipients(replace(wanted, causes=frozenset()), place, one_by_one=one_by_one)
        of_one = of_any.where(recipients.c.cause == cause)
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


def _of_recipients(wanted: Filter, place: _Place, *, one_by_one: bool = False) -> Select[Any]:
    """The emails of recipients that pass all of the filter, each once.

    `one_by_one`: each recipient that the caller's condition finds is looked at alone, and so is its email. The planner
    might begin with all emails of the address, or join all emails that pass.
    """
    column = recipients.c.email_id
    of_row = replace(wanted, key=None) if one_by_one else wanted
    query = select(column).where(*place.bounds(column, wanted), *recipient_conditions(recipients, of_row)).distinct()
    if of_row.key != wanted.key:
        query = query.where(recipients.c.key.concat("") == wanted.key)  # an expression, for which there is no index
    if wanted.app_id is not None:
        query = query.where(recipients.c.app_id == wanted.app_id)
    if wanted.without_lane is not None:
        query = query.where(recipients.c.lane != wanted.without_lane)
    if conditions := email_conditions(emails, wanted):
        passing = select(literal(1)).where(emails.c.id == column, *conditions)
        query = query.where((passing.offset(0) if one_by_one else passing).exists())
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


def _tagged(wanted: Filter, place: _Place, tag: tuple[str, str]) -> Select[Any]:
    tagged = (
        select(emails.c.id, emails.c.app_id, emails.c.tags, emails.c.created_at, *own_words(emails))
        .where(*has_tag(tag))
        .cte("tagged")
        .prefix_with("MATERIALIZED")
    )
    return place.first(_of_emails(tagged, wanted, place), tagged.c.id)
