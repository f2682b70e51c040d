"""What became of a mail, and why: one mail, many mails, the timeline of one. It changes nothing."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from app.domain.address import InvalidAddress, parse_address
from app.domain.callers import Caller, Scope
from app.domain.delivery import CLAIMABLE, State
from app.domain.errors import Fault, NotFound, ValidationFailed
from app.domain.headline import LAST_EVENTS, Behind, Seen, behind, last_event
from app.services.pages import Page, Paged, paged
from app.services.timeline import TimelineEntry, timeline
from app.store import attempts, circuits, emails, events, recipients
from app.store.bodies import Body, unpack
from app.store.circuits import Circuit
from app.store.db import Database
from app.store.emails import Email, Filter
from app.store.events import StoredEvent
from app.store.recipients import Recipient
from app.store.sealing import KeyRing, Unsealable


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientView:
    """One recipient as callers see it. `kind` is `to`, `cc` or `bcc`."""

    id: UUID
    email: str
    name: str | None
    kind: str
    state: str
    reason: str | None
    ses_message_id: str | None
    attempts: int
    due_at: datetime
    possible_duplicate: bool
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailView:
    """One mail as callers see it. Addresses are `Name <addr>`; `text` and `html` are None in lists and once erased."""

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
    headers: tuple[tuple[str, str], ...]
    tags: tuple[tuple[str, str], ...]
    scheduled_at: datetime | None
    expires_at: datetime | None
    created_at: datetime
    last_event: str
    recipients: tuple[RecipientView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailFilter:
    """Which mails to list; all that is None does not ask."""

    to: str | None = None
    last_event: str | None = None
    state: State | None = None
    tag: tuple[str, str] | None = None
    stream: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class LookUp:
    """Answers questions about mails."""

    def __init__(self, *, database: Database, key_ring: KeyRing) -> None:
        self._database = database
        self._key_ring = key_ring

    def email(self, caller: Caller, email_id: UUID) -> EmailView:
        """One mail with its content and recipients. Raises `NotFound`, also when it is another application's."""
        caller.require(Scope.EMAILS_READ)
        with self._database.reading() as connection:
            email = emails.find(connection, email_id, app_id=_owner(caller))
            if email is None:
                raise NotFound("There is no such mail.")
            named = recipients.of_emails(connection, [email_id])[email_id]
            waiting = circuits.all_open(connection)
        return _view(email, tuple(_explained(one, waiting) for one in named), self._content(email))

    def emails(self, caller: Caller, wanted: EmailFilter, page: Page) -> Paged[EmailView]:
        """Mails without their content, newest first. Raises `ValidationFailed`."""
        caller.require(Scope.EMAILS_READ)
        with self._database.reading() as connection:
            rows = emails.page(
                connection, _filter(caller, wanted), limit=page.limit + 1, after=page.after, before=page.before
            )
            named = recipients.of_emails(connection, [row.id for row in rows])
        return paged(tuple(_view(row, named[row.id], Body(text=None, html=None)) for row in rows), page)

    def timeline(self, caller: Caller, email_id: UUID) -> tuple[TimelineEntry, ...]:
        """All that happened to a mail, per recipient, oldest first. Raises `NotFound`."""
        caller.require(Scope.EMAILS_READ)
        with self._database.reading() as connection:
            if emails.find(connection, email_id, app_id=_owner(caller)) is None:
                raise NotFound("There is no such mail.")
            named = recipients.of_emails(connection, [email_id])[email_id]
            ids = [one.id for one in named]
            return timeline(named, attempts.of_recipients(connection, ids), events.of_recipients(connection, ids))

    def news_of(self, caller: Caller, email: str) -> tuple[StoredEvent, ...]:
        """What SES has reported of an address, newest first, whoever sent the mail. Raises `ValidationFailed`."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            return events.of_address(connection, _key(email))

    def _content(self, email: Email) -> Body:
        if email.body is None:
            return Body(text=None, html=None)
        try:
            return unpack(self._key_ring.open(email.body, row_id=email.id))
        except Unsealable:
            return Body(text=None, html=None)


def _explained(recipient: Recipient, waiting: tuple[Circuit, ...]) -> Recipient:
    """A mail that is held back says by what, although nothing has been tried with it."""
    if recipient.state not in CLAIMABLE:
        return recipient
    mine = (one for one in waiting if one.concerns(lane=recipient.lane, sender_domain=recipient.sender_domain))
    return next((replace(recipient, reason=f"Held back: {one.reason}") for one in mine), recipient)


def _owner(caller: Caller) -> UUID | None:
    return None if caller.is_admin else caller.app_id


def _filter(caller: Caller, wanted: EmailFilter) -> Filter:
    word = _behind(wanted.last_event) if wanted.last_event else None
    return Filter(
        app_id=_owner(caller),
        key=_key(wanted.to) if wanted.to else None,
        states=_states(word, wanted.state),
        without=word.without if word else frozenset(),
        opened=word.opened if word else None,
        clicked=word.clicked if word else None,
        tag=wanted.tag,
        stream=wanted.stream,
        since=wanted.since,
        until=wanted.until,
    )


def _states(word: Behind | None, state: State | None) -> frozenset[State] | None:
    if state is None:
        return word.states if word else None
    return frozenset({state}) & word.states if word else frozenset({state})


def _behind(word: str) -> Behind:
    if word not in LAST_EVENTS:
        rule = f"One of {', '.join(sorted(LAST_EVENTS))}."
        raise ValidationFailed(rule, faults=(Fault("/last_event", "unknown", rule),))
    return behind(word)


def _key(email: str) -> str:
    try:
        return parse_address(email).key
    except InvalidAddress as error:
        raise ValidationFailed(str(error), faults=(Fault("/to", error.code, str(error)),)) from error


def _view(email: Email, named: tuple[Recipient, ...], content: Body) -> EmailView:
    seen = (
        Seen(state=one.state, opened=one.opened_at is not None, clicked=one.clicked_at is not None) for one in named
    )
    return EmailView(
        id=email.id,
        app=email.app,
        stream=email.stream,
        lane=email.lane,
        sender=_shown(email.sender_name, email.sender),
        to=_of_kind(named, "to"),
        cc=_of_kind(named, "cc"),
        bcc=_of_kind(named, "bcc"),
        reply_to=tuple(_shown(name, address) for name, address in email.reply_to),
        subject=email.subject,
        text=content.text,
        html=content.html,
        headers=email.headers,
        tags=email.tags,
        scheduled_at=email.scheduled_at,
        expires_at=email.expires_at,
        created_at=email.created_at,
        last_event=last_event(seen),
        recipients=tuple(map(_recipient, named)),
    )


def _recipient(row: Recipient) -> RecipientView:
    return RecipientView(
        id=row.id,
        email=row.address,
        name=row.name,
        kind=row.kind,
        state=row.state,
        reason=row.reason,
        ses_message_id=row.ses_message_id,
        attempts=row.attempts,
        due_at=row.due_at,
        possible_duplicate=row.possible_duplicate,
        updated_at=row.updated_at,
    )


def _of_kind(named: tuple[Recipient, ...], kind: str) -> tuple[str, ...]:
    return tuple(_shown(one.name, one.address) for one in named if one.kind == kind)


def _shown(name: str | None, address: str) -> str:
    return f"{name} <{address}>" if name else address
