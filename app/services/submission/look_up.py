"""Look up emails: one with its content, a page of many, the timeline of one. It changes nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Fault, NotFound, ValidationFailed
from app.domain.message.mailboxes import written
from app.domain.message.raw.display import Shown, ShownFile
from app.domain.reporting.outcomes import Outcome
from app.domain.sending.last_event import LAST_EVENTS, Behind, Seen, behind, last_event
from app.domain.sending.state_machine import CLAIMABLE, State
from app.domain.sending.wire_message_id import wire_message_id
from app.queue import Lane
from app.services.list_filters import app_filter, key_filter, owner, provider_filter, seen_by
from app.services.paging import Page, Paged, every_page, paged
from app.services.reporting.outcomes import outcome_of_recipient
from app.services.submission.content import content_of, without_content
from app.services.submission.timeline import TimelineEntry, timeline
from app.store.engine.database import Database
from app.store.feedback import events
from app.store.feedback.events import StoredEvent
from app.store.sending import attempts, circuits, recipients
from app.store.sending.circuits import Circuit
from app.store.sending.recipients import Recipient
from app.store.submission import email_pages, emails
from app.store.submission.email_filter import Filter
from app.store.submission.emails import Email
from app.store.submission.sealing import KeyRing

_PIECE: Final = 500
"""Emails that are read in one short transaction for a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientView:
    """One recipient as callers see it. `kind` is `to`, `cc` or `bcc`; `message_id` is the Message-ID on the wire."""

    id: UUID
    email: str
    name: str | None
    kind: str
    state: str
    reason: str | None
    cause: str | None
    ses_message_id: str | None
    message_id: str | None
    attempts: int
    due_at: datetime
    possible_duplicate: bool
    outcome: Outcome
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailView:
    """One email as callers see it. Addresses are `Name <addr>`.

    `text`, `html` and `files` are missing in lists, and once the content is `erased`, which no list tells. `erased_at`
    is None also for what an earlier version erased.
    """

    id: UUID
    app: str
    stream: str
    lane: str
    sender: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    bcc: tuple[str, ...]
    reply_to: tuple[str, ...]
    subject: str | None
    text: str | None
    html: str | None
    files: tuple[ShownFile, ...]
    erased: bool
    erased_at: datetime | None
    headers: tuple[tuple[str, str], ...]
    tags: tuple[tuple[str, str], ...]
    actor: str | None
    reference: str | None
    supersedes: str | None
    request_id: UUID | None
    scheduled_at: datetime | None
    expires_at: datetime | None
    created_at: datetime
    last_event: str
    recipients: tuple[RecipientView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailFilter:
    """Which emails to list. A field that is None or empty does not filter.

    An email has one of `last_events`, a recipient in one of `states`, one that bounced for one of `causes`, one at the
    mailbox `provider`, and all of `tags`. `is_due`: a recipient waits, and its time has come. `app` is the name of an
    application, for callers who see more than one.
    """

    to: str | None = None
    last_events: tuple[str, ...] = ()
    states: tuple[State, ...] = ()
    causes: tuple[str, ...] = ()
    provider: str | None = None
    is_due: bool = False
    tags: tuple[tuple[str, str], ...] = ()
    actor: str | None = None
    reference: str | None = None
    supersedes: str | None = None
    request_id: UUID | None = None
    app: str | None = None
    stream: str | None = None
    lane: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class LookUp:
    """Looks up emails."""

    def __init__(self, *, database: Database, key_ring: KeyRing, region: str) -> None:
        self._region = region
        self._database = database
        self._key_ring = key_ring

    def email(self, caller: Caller, email_id: UUID) -> EmailView:
        """One email with its content and recipients. Raises `NotFound`, also for another application's email."""
        caller.require(Scope.EMAILS_READ)
        with self._database.reading() as connection:
            email = _found(connection, caller, email_id)
            named = recipients.of_emails(connection, [email_id])[email_id]
            waiting = circuits.all_open(connection)
        explained = tuple(_explained(one, waiting) for one in named)
        whole = _view(email, explained, content_of(email, self._key_ring), region=self._region)
        return replace(whole, erased=email.body is None)

    def emails(self, caller: Caller, wanted: EmailFilter, page: Page) -> Paged[EmailView]:
        """Emails without their content, newest first. Raises `ValidationFailed`."""
        caller.require(Scope.EMAILS_READ)
        with self._database.reading() as connection:
            every = replace(_filter(wanted), app_id=app_filter(connection, caller, wanted.app))
            alternatives = _alternatives(seen_by(connection, caller, every), wanted)
            rows = email_pages.page(
                connection, alternatives, limit=page.limit + 1, after=page.after, before=page.before
            )
            named = recipients.of_emails(connection, [row.id for row in rows])
            waiting = circuits.all_open(connection)
        explained = {row.id: tuple(_explained(one, waiting) for one in named[row.id]) for row in rows}
        views = (_view(row, explained[row.id], without_content(row), region=self._region) for row in rows)
        return paged(tuple(views), page)

    def pieces(self, caller: Caller, wanted: EmailFilter) -> Iterator[tuple[EmailView, ...]]:
        """All of these emails in the same order, in constant memory, however many they are.

        Raises `ValidationFailed` and `ServiceUnavailable` at once; `ServiceUnavailable` also later.
        """
        return every_page(lambda page: self.emails(caller, wanted, page), lambda email: email.id, size=_PIECE)

    def timeline(self, caller: Caller, email_id: UUID) -> tuple[TimelineEntry, ...]:
        """Everything that happened to an email, per recipient, oldest first. Raises `NotFound`."""
        caller.require(Scope.EMAILS_READ)
        with self._database.reading() as connection:
            email = _found(connection, caller, email_id)
            named = recipients.of_emails(connection, [email_id])[email_id]
            ids = [one.id for one in named]
            calls, reported = attempts.of_recipients(connection, ids), events.of_recipients(connection, ids)
        return timeline(email, named, calls, reported)

    def events_of(self, caller: Caller, email: str) -> tuple[StoredEvent, ...]:
        """The events that SES reported of an address, newest first, of any application. Raises `ValidationFailed`."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            return events.of_address(connection, key_filter(email, "/to"))


def _explained(recipient: Recipient, waiting: tuple[Circuit, ...]) -> Recipient:
    """The recipient with the reason why its email is held back, if a circuit holds it."""
    if recipient.state not in CLAIMABLE:
        return recipient
    lane, sender_domain, stream = recipient.lane, recipient.sender_domain, recipient.scope
    concerning = (one for one in waiting if one.concerns(lane=lane, sender_domain=sender_domain, stream=stream))
    return next((replace(recipient, reason=f"Held back: {one.reason}") for one in concerning), recipient)


def _found(connection: Connection, caller: Caller, email_id: UUID) -> Email:
    email = emails.find(connection, email_id, app_id=owner(caller))
    if email is None or not caller.sees(email.lane):
        raise NotFound("There is no such email.")
    return email


def _filter(wanted: EmailFilter) -> Filter:
    """The filter of the store, but for the last event."""
    return Filter(
        key=key_filter(wanted.to, "/to") if wanted.to else None,
        states=_states(wanted),
        causes=frozenset(wanted.causes),
        provider=provider_filter(wanted.provider),
        due_in=_due_in(wanted),
        tags=wanted.tags,
        actor=wanted.actor,
        reference=wanted.reference,
        supersedes=wanted.supersedes,
        request_id=wanted.request_id,
        stream=wanted.stream,
        lane=wanted.lane,
        since=wanted.since,
        until=wanted.until,
    )


def _alternatives(every: Filter, wanted: EmailFilter) -> tuple[Filter, ...]:
    """The filters of the store: an email passes if it passes one of them. Each last event has one of its own."""
    if not wanted.last_events:
        return (every,)
    return tuple(_with(every, _behind(word)) for word in dict.fromkeys(wanted.last_events))


def _states(wanted: EmailFilter) -> frozenset[State] | None:
    """The states that are wanted; only one that waits can be due."""
    states = frozenset(wanted.states)
    if wanted.is_due:
        return CLAIMABLE & states if states else CLAIMABLE
    return states or None


def _due_in(wanted: EmailFilter) -> tuple[str, ...]:
    """The lanes in which what is due is wanted."""
    if not wanted.is_due:
        return ()
    return tuple(Lane) if wanted.lane is None else (wanted.lane,)


def _with(every: Filter, word: Behind) -> Filter:
    states = word.states if every.states is None else word.states & every.states
    return replace(every, states=states, without=word.without, opened=word.opened, clicked=word.clicked)


def _behind(word: str) -> Behind:
    if word not in LAST_EVENTS:
        rule = f"One of {', '.join(sorted(LAST_EVENTS))}."
        raise ValidationFailed(rule, faults=(Fault("/last_event", "unknown", rule),))
    return behind(word)


def _view(email: Email, named: tuple[Recipient, ...], content: Shown, *, region: str) -> EmailView:
    seen = (
        Seen(state=one.state, opened=one.opened_at is not None, clicked=one.clicked_at is not None) for one in named
    )
    return EmailView(
        id=email.id,
        app=email.app,
        stream=email.stream,
        lane=email.lane,
        sender=written(email.sender_name, email.sender),
        to=_of_kind(named, "to"),
        cc=_of_kind(named, "cc"),
        bcc=_of_kind(named, "bcc"),
        reply_to=tuple(written(name, address) for name, address in email.reply_to),
        subject=email.subject,
        text=content.text,
        html=content.html,
        files=content.files,
        erased=False,
        erased_at=email.erased_at,
        headers=content.headers,
        tags=email.tags,
        actor=email.actor,
        reference=email.reference,
        supersedes=email.supersedes,
        request_id=email.request_id,
        scheduled_at=email.scheduled_at,
        expires_at=email.expires_at,
        created_at=email.created_at,
        last_event=last_event(seen),
        recipients=tuple(_recipient(one, region) for one in named),
    )


def _recipient(row: Recipient, region: str) -> RecipientView:
    return RecipientView(
        id=row.id,
        email=row.address,
        name=row.name,
        kind=row.kind,
        state=row.state,
        reason=row.reason,
        cause=row.cause,
        ses_message_id=row.ses_message_id,
        message_id=wire_message_id(row.ses_message_id, region) if row.ses_message_id else None,
        attempts=row.attempts,
        due_at=row.due_at,
        possible_duplicate=row.possible_duplicate,
        outcome=outcome_of_recipient(row),
        updated_at=row.updated_at,
    )


def _of_kind(named: tuple[Recipient, ...], kind: str) -> tuple[str, ...]:
    return tuple(written(one.name, one.address) for one in named if one.kind == kind)
