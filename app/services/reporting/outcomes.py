"""What became of the emails that pass a filter, recipient by recipient: in pages, as a file, and in numbers.

It is that of live email, for administrators too; a test key asks what became of test email.
A page takes its recipients from a page of emails. What a condition of SQL cannot tell, such as a mistyped address, is
decided by the fate of each recipient. It changes nothing.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Fault, ValidationFailed
from app.domain.feedback.bounce_causes import BounceCause
from app.domain.message.domain_typos import meant
from app.domain.privacy.pseudonym import is_pseudonym
from app.domain.reporting.outcome_words import OutcomeCause
from app.domain.reporting.outcomes import (
    KIND_OF,
    SUPERSEDING,
    Fate,
    Outcome,
    OutcomeKind,
    behind,
    outcome_of,
    refusal_of,
)
from app.domain.sending.state_machine import State
from app.domain.suppression.rules import Origin
from app.services.list_filters import app_filter, key_filter, of_mode, owner
from app.services.paging import Page, Paged, paged
from app.store.engine.database import Database
from app.store.reporting import outcome_pages
from app.store.reporting.outcome_pages import FateRow, Sent
from app.store.sending.recipients import Recipient
from app.store.submission import email_pages
from app.store.submission.email_filter import Filter
from app.store.submission.emails import Email
from app.store.suppression.gate_sql import origin_of

PIECE: Final = 500
"""Emails that are read in one short transaction for a file."""

MOST_COUNTED: Final = 10_000
"""The most emails that one request counts, from the newest."""

_MOST_READ: Final = 5_000
"""The most emails that one request reads for a page of a cause that conditions of SQL do not tell."""

_TOO_RARE: Final = "Too few of many emails have this cause. Narrow the list: by actor, reference, stream, tag or time."
_MAY_BE_MISTYPED: Final = frozenset({State.BOUNCED, State.SUPPRESSED, State.FAILED})
_meant = lru_cache(maxsize=4_096)(meant)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeFilter:
    """Which outcomes to list: with one of `kinds` and one of `causes`. A field that is None or empty does not filter.

    `email` is the address of the recipient. `app` names an application, for callers who see more than one.
    """

    kinds: tuple[OutcomeKind, ...] = ()
    causes: tuple[OutcomeCause, ...] = ()
    actor: str | None = None
    reference: str | None = None
    stream: str | None = None
    tag: tuple[str, str] | None = None
    email: str | None = None
    app: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeView:
    """What became of one email for one recipient. `subject` is None once it is erased."""

    recipient_id: UUID
    email_id: UUID
    email: str
    outcome: Outcome
    app: str
    stream: str
    actor: str | None
    reference: str | None
    subject: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeCounts:
    """How many recipients have each outcome, of the newest `emails`; `complete` unless there are older ones."""

    counts: dict[OutcomeKind, int]
    emails: int
    complete: bool


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A filter as the store takes it, and the outcomes that remain for a look at each recipient."""

    filters: tuple[Filter, ...]
    key: str | None
    kinds: frozenset[OutcomeKind]
    causes: frozenset[OutcomeCause]

    def shown(self, sent: Sent) -> Iterator[OutcomeView]:
        """The outcomes of the recipients of an email that pass."""
        for recipient in sent.recipients:
            if (outcome := self.passing(recipient)) is not None:
                yield _view(sent.email, recipient, outcome)

    def passing(self, recipient: Recipient | FateRow) -> Outcome | None:
        """The outcome of the recipient, if it passes."""
        if self.key is not None and recipient.key != self.key:
            return None
        outcome = outcome_of_recipient(recipient)
        passes = (not self.kinds or outcome.kind in self.kinds) and (not self.causes or outcome.cause in self.causes)
        return outcome if passes else None


@dataclass(frozen=True, slots=True)
class _Emails:
    """The ids of emails that pass the conditions of SQL, the nearest to the start of the page first.

    `passing` are those of them that are shown, newest first.
    """

    ids: Sequence[UUID]
    passing: tuple[Sent, ...]


class Outcomes:
    """Lists and counts outcomes."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def page(self, caller: Caller, wanted: OutcomeFilter, page: Page) -> Paged[OutcomeView]:
        """Outcomes by email, the newest first, and within one in the order of its recipients.

        `page` names a recipient to start after or before. Raises `RestrictedApiKey` and `ValidationFailed`.
        """
        caller.require(Scope.EMAILS_READ)
        with self._database.reading() as connection:
            asked = _wanted(connection, caller, wanted)
            near = _near(connection, caller, page)
            rows = _rows(connection, asked, page, near)
        return paged(rows, page)

    def pieces(self, caller: Caller, wanted: OutcomeFilter) -> Iterator[tuple[OutcomeView, ...]]:
        """All outcomes in the same order, in constant memory, however many they are.

        Raises `RestrictedApiKey`, `ValidationFailed` and `ServiceUnavailable` at once; `ServiceUnavailable` also later.
        """
        caller.require(Scope.EMAILS_READ)
        with self._database.reading() as connection:
            asked = _wanted(connection, caller, wanted)
            first = _emails(connection, asked, limit=PIECE)
        return self._rest(asked, first)

    def _rest(self, asked: _Wanted, found: _Emails) -> Iterator[tuple[OutcomeView, ...]]:
        while True:
            yield tuple(row for sent in found.passing for row in asked.shown(sent))
            if len(found.ids) < PIECE:
                return
            with self._database.reading() as connection:
                found = _emails(connection, asked, limit=PIECE, after=found.ids[-1])

    def counts(self, caller: Caller, wanted: OutcomeFilter, *, most: int = MOST_COUNTED) -> OutcomeCounts:
        """How many recipients of the newest `most` emails have each outcome, whatever `kinds` and `causes` say.

        Raises `RestrictedApiKey` and `ValidationFailed`.
        """
        caller.require(Scope.EMAILS_READ)
        with self._database.reading() as connection:
            asked = _wanted(connection, caller, replace(wanted, kinds=(), causes=()))
            ids = email_pages.ids(connection, asked.filters, limit=most + 1)
            states = outcome_pages.count_states(connection, ids[:most], key=asked.key)
        counts = Counter(dict.fromkeys(OutcomeKind, 0))
        for state, number in states.items():
            counts[KIND_OF[state]] += number
        return OutcomeCounts(counts=dict(counts), emails=min(len(ids), most), complete=len(ids) <= most)


def _wanted(connection: Connection, caller: Caller, wanted: OutcomeFilter) -> _Wanted:
    key = key_filter(wanted.email, "/email") if wanted.email else None
    asked = Filter(
        app_id=app_filter(connection, caller, wanted.app),
        key=key,
        actor=wanted.actor,
        reference=wanted.reference,
        stream=wanted.stream,
        tags=(wanted.tag,) if wanted.tag else (),
        since=wanted.since,
        until=wanted.until,
    )
    every = of_mode(connection, caller, asked)
    if wanted.kinds or wanted.causes:
        conditions = behind(wanted.kinds, wanted.causes)
        filters = tuple(replace(every, states=one.states, causes=frozenset(one.bounces)) for one in conditions)
    else:
        filters = (every,)
    return _Wanted(filters, key, frozenset(wanted.kinds), frozenset(wanted.causes))


def _near(connection: Connection, caller: Caller, page: Page) -> UUID | None:
    """The email of the recipient at which the page starts. Raises `ValidationFailed`."""
    start = page.after or page.before
    if start is None:
        return None
    email_id = outcome_pages.email_of(connection, start, app_id=owner(caller))
    if email_id is None:
        pointer, rule = "/after" if page.after else "/before", "Give the recipient_id of an outcome."
        raise ValidationFailed(rule, faults=(Fault(pointer, "unknown", rule),))
    return email_id


def _rows(connection: Connection, asked: _Wanted, page: Page, near: UUID | None) -> tuple[OutcomeView, ...]:
    """Up to one outcome more than the page has, from its start in its direction, the newest first."""
    newer, rows, read, limit = page.before is not None, list[OutcomeView](), 0, page.limit + 1
    # The email of the start is read once more, for the recipients beyond the start.
    at = None if near is None else UUID(int=near.int + (-1 if newer else 1))
    while True:
        place = {"before": at} if newer else {"after": at}
        found = _emails(connection, asked, limit=limit, **place)
        fresh = [row for sent in found.passing for row in asked.shown(_beyond(sent, page))]
        rows = fresh + rows if newer else rows + fresh
        if len(found.ids) < limit or len(rows) > page.limit:
            return tuple(rows[-page.limit - 1 :] if newer else rows[: page.limit + 1])
        read += len(found.ids)
        if read >= _MOST_READ:
            raise ValidationFailed(_TOO_RARE, faults=(Fault("/cause", "too_rare", _TOO_RARE),))
        at, limit = found.ids[-1], PIECE


def _emails(
    connection: Connection, asked: _Wanted, *, limit: int, after: UUID | None = None, before: UUID | None = None
) -> _Emails:
    """The next emails that pass the conditions of SQL. With `causes` only those of which a recipient passes are read.

    Few may: the conditions do not tell every cause. The fates of the others are read, an eighth of the cost.
    """
    ids = email_pages.ids(connection, asked.filters, limit=limit, after=after, before=before) if asked.filters else ()
    if not asked.causes:
        return _Emails(ids, outcome_pages.sent(connection, ids))
    passing = {row.email_id for row in outcome_pages.fates(connection, ids) if asked.passing(row) is not None}
    return _Emails(ids, outcome_pages.sent(connection, [one for one in ids if one in passing]))


def _beyond(sent: Sent, page: Page) -> Sent:
    """The email with those of its recipients that are beyond the start of the page, in its direction."""
    ids, start = [one.id for one in sent.recipients], page.after or page.before
    if start not in ids:
        return sent
    place = ids.index(start)
    return replace(sent, recipients=sent.recipients[place + 1 :] if page.after else sent.recipients[:place])


def outcome_of_recipient(recipient: Recipient | FateRow) -> Outcome:
    """What became of the email for this recipient."""
    return outcome_of(_fate(recipient))


def _fate(recipient: Recipient | FateRow) -> Fate:
    state = recipient.state
    _, at, domain = recipient.key.rpartition("@")
    forgotten = is_pseudonym(recipient.key)
    return Fate(
        state=state,
        bounce=BounceCause(recipient.cause) if recipient.cause else None,
        origin=Origin.ERASURE if forgotten else origin_of(recipient.reason),
        refusal=refusal_of(recipient.reason),
        superseded=recipient.reason == SUPERSEDING,
        opened=bool(recipient.opened_at or recipient.clicked_at),
        forgotten=forgotten,
        meant=_meant(domain) if at and state in _MAY_BE_MISTYPED else None,
    )


def _view(email: Email, recipient: Recipient, outcome: Outcome) -> OutcomeView:
    return OutcomeView(
        recipient_id=recipient.id,
        email_id=email.id,
        email=recipient.address,
        outcome=outcome,
        app=email.app,
        stream=email.stream,
        actor=email.actor,
        reference=email.reference,
        subject=email.subject,
        created_at=email.created_at,
        updated_at=recipient.updated_at,
    )
