"""Make, list and revoke links to pages of outcomes. Whoever has a link sees what it shows, without a login."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Fault, NotFound, ValidationFailed
from app.domain.message.text_rules import broken_text_rule
from app.domain.reporting.outcome_links import LONGEST, PURPOSE, USUAL, LinkKind, link
from app.domain.signed_links import may_lead_to, read_token, write_token
from app.services.list_filters import app_filter, owner
from app.services.paging import Page, Paged, paged
from app.store.engine.database import Database, clock
from app.store.operating import audit
from app.store.reporting import outcome_links
from app.store.reporting.outcome_links import NewLink, OutcomeLink

RULE = (
    "Links need a PUBLIC_URL that begins with https:// and has only letters, digits and - . _ ~ / "
    "(http:// is for this machine only)."
)

_LONGEST_TITLE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkWish:
    """A link as an application asks for it. Without `expires_at` and `expires_in` it lasts for thirty days.

    `app` names another application than the caller's own; only administrators may.
    """

    kind: LinkKind
    value: str
    app: str | None = None
    masked: bool = False
    title: str | None = None
    expires_at: datetime | None = None
    expires_in: timedelta | None = None


@dataclass(frozen=True, slots=True)
class LinkView:
    """A link and its URL, which is None while PUBLIC_URL is not fit for links."""

    link: OutcomeLink
    url: str | None


class OutcomeLinks:
    """Makes links below the public URL `base`; None when it is not configured.

    `keys` by their ids: the first signs links, and each of them can verify one.
    """

    def __init__(self, *, database: Database, base: str | None, keys: Mapping[bytes, bytes]) -> None:
        self._database = database
        self._base = base if base is not None and may_lead_to(base) else None
        self._keys = keys

    def create(self, caller: Caller, wish: LinkWish, *, reason: str | None = None) -> LinkView:
        """A new link to outcomes of one application. `reason` is for the audit.

        Raises `ValidationFailed`, and `RestrictedApiKey` for the name of another's application.
        """
        caller.require(Scope.EMAILS_READ)
        caller.require_live()
        if self._base is None:
            raise _invalid("", "public_url", RULE)
        if wish.title is not None and (not 0 < len(wish.title) <= _LONGEST_TITLE or broken_text_rule(wish.title)):
            raise _invalid("/title", "title", f"A title is one line of 1 to {_LONGEST_TITLE} characters.")
        with self._database.transaction() as connection:
            now = clock(connection)
            new = NewLink(
                app_id=_app_of(connection, caller, wish),
                kind=wish.kind,
                value=wish.value,
                title=wish.title,
                masked=wish.masked,
                created_by=caller.actor,
                created_at=now,
                expires_at=_end(wish, now),
            )
            link_id = outcome_links.add(connection, new)
            _note(connection, caller, "outcome_link_create", link_id, reason)
            made = _found(connection, caller, link_id)
        return self._view(made)

    def all(self, caller: Caller, page: Page) -> Paged[LinkView]:
        """The links, newest first, also those that have ended."""
        caller.require(Scope.EMAILS_READ)
        caller.require_live()
        with self._database.reading() as connection:
            rows = outcome_links.page(
                connection, app_id=owner(caller), limit=page.limit + 1, after=page.after, before=page.before
            )
        return paged(tuple(map(self._view, rows)), page)

    def find(self, caller: Caller, link_id: UUID) -> LinkView:
        """One link. Raises `NotFound`, also for another application's."""
        caller.require(Scope.EMAILS_READ)
        caller.require_live()
        with self._database.reading() as connection:
            return self._view(_found(connection, caller, link_id))

    def revoke(self, caller: Caller, link_id: UUID, *, reason: str | None = None) -> LinkView:
        """End a link for good; one that was revoked stays so. Raises `NotFound`."""
        caller.require(Scope.EMAILS_READ)
        caller.require_live()
        with self._database.transaction() as connection:
            if _found(connection, caller, link_id).revoked_at is None:
                outcome_links.revoke(connection, link_id)
                _note(connection, caller, "outcome_link_revoke", link_id, reason)
            return self._view(_found(connection, caller, link_id))

    def behind(self, token: str) -> OutcomeLink | None:
        """The link that a token names, whether or not it still works; None when it is not one of ours."""
        link_id = read_token(PURPOSE, token, self._keys)
        if link_id is None:
            return None
        with self._database.reading() as connection:
            return outcome_links.find(connection, link_id, app_id=None)

    def _view(self, row: OutcomeLink) -> LinkView:
        return LinkView(row, link(self._base, write_token(PURPOSE, row.id, self._keys)) if self._base else None)


def _found(connection: Connection, caller: Caller, link_id: UUID) -> OutcomeLink:
    row = outcome_links.find(connection, link_id, app_id=owner(caller))
    if row is None:
        raise NotFound("There is no such link.")
    return row


def _app_of(connection: Connection, caller: Caller, wish: LinkWish) -> UUID:
    named = app_filter(connection, caller, wish.app) if wish.app is not None else None
    return named or caller.app_id


def _note(connection: Connection, caller: Caller, action: str, link_id: UUID, reason: str | None) -> None:
    audit.write(connection, actor=caller.actor, action=action, key=None, reason=reason, data={"link": str(link_id)})


def _end(wish: LinkWish, now: datetime) -> datetime:
    """When the link expires. Raises `ValidationFailed`."""
    pointer = "/expires_at" if wish.expires_at else "/expires_in"
    end = wish.expires_at or now + (wish.expires_in or USUAL)
    if not now < end <= now + LONGEST:
        raise _invalid(pointer, "out_of_range", f"A link ends in the future, within {LONGEST.days} days.")
    return end


def _invalid(pointer: str, code: str, rule: str) -> ValidationFailed:
    return ValidationFailed(rule, faults=(Fault(pointer, code, rule),))
