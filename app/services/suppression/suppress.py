"""Step 6: what people do with the suppression list: add an entry, look it up, page through all.

List, filter and audit change together. What events do with the list is in `app.services.feedback.apply`; entries come
off it in `app.services.suppression.unsuppress`.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import NotFound
from app.domain.suppression.rules import EVERY_EMAIL, Origin
from app.services.paging import Page, Paged, paged
from app.services.suppression.disclosure import disclosed
from app.services.suppression.entries import (
    Entry,
    check_reason,
    check_scope,
    check_target,
    invalid,
    note_in_audit,
    visible,
)
from app.services.suppression.list_writer import ListWriter
from app.services.suppression.resolve import Naming, around, own, visible_entry
from app.store.engine.database import Database, clock
from app.store.sending import recipients
from app.store.suppression import changes, pages, suppressions
from app.store.suppression.changes import SuppressionEvent
from app.store.suppression.pages import Filter
from app.store.suppression.suppressions import POSTERN, NewSuppression

log = structlog.get_logger()

__all__ = ["Added", "Found", "InFlight", "Suppress", "SuppressionEvent"]


@dataclass(frozen=True, slots=True)
class InFlight:
    """An email to the address that may be on its way to SES, too late to be stopped."""

    email_id: UUID
    recipient_id: UUID
    state: str


@dataclass(frozen=True, slots=True)
class Added:
    """The entry, whether it is new, and the emails that are already in flight to the address."""

    entry: Entry
    created: bool
    in_flight: tuple[InFlight, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What the list knows about an address.

    `entries`: the live ones, the widest scope first. `history`: those that are over. `changes`: what happened to all of
    them, newest first.
    """

    entries: tuple[Entry, ...]
    history: tuple[Entry, ...]
    changes: tuple[SuppressionEvent, ...] = ()

    @property
    def removed_by_a_person(self) -> bool:
        """Whether a person unsuppressed one of them, which `Undo` may put back."""
        return any(one.removed_by not in {None, POSTERN} for one in self.history)


class Suppress:
    """The suppression list for people."""

    def __init__(self, *, database: Database, writer: ListWriter, naming: Naming) -> None:
        self._database = database
        self._writer = writer
        self._naming = naming

    def add(
        self,
        caller: Caller,
        email: str,
        *,
        scope: str = EVERY_EMAIL,
        reason: str | None = None,
        expires_at: datetime | None = None,
    ) -> Added:
        """Suppress an address, or all addresses `@example.org`. An entry that exists already is returned as it is.

        Raises `ValidationFailed`, and `RestrictedApiKey` for a whole domain without `admin`.
        """
        caller.require(Scope.SUPPRESSIONS_WRITE)
        target = check_target(caller, email, "/email")
        check_scope(caller, scope)
        new = NewSuppression(
            key=target.key,
            scope=scope,
            address=target.email,
            origin=Origin.MANUAL,
            reason=check_reason(reason) or "Added by hand.",
            actor=caller.actor,
            source={"actor": caller.actor},
            expires_at=expires_at,
        )
        with self._database.transaction() as connection:
            if expires_at is not None and expires_at <= clock(connection):
                raise invalid("/expires_at", "in_the_past", "The entry would end before it began.")
            entry, created = self._writer.put(connection, new)
            if created:
                note_in_audit(connection, caller, "suppress", entry, reason)
            [shown] = disclosed(connection, caller, (entry,))
            in_flight = recipients.in_flight(connection, target.key, app_id=None if caller.is_admin else caller.app_id)
        return Added(Entry.of(shown), created, tuple(InFlight(one.email_id, one.id, one.state) for one in in_flight))

    def find(self, caller: Caller, id_or_email: str, *, over_too: bool = False) -> Found:
        """The entries that cover an address: its own, that of its whole domain, and that under its pseudonym.

        Raises `NotFound` when none is live; with `over_too`, when there has never been one.
        """
        found = self.look(caller, id_or_email)
        if not found.entries and not (over_too and found.history):
            raise NotFound("This address is not suppressed.")
        return found

    def look(self, caller: Caller, id_or_email: str) -> Found:
        """As `find`, of an address that need not be on the list."""
        caller.require(Scope.SUPPRESSIONS_READ)
        named = self._naming(id_or_email)
        with self._database.reading() as connection:
            keys = named.keys or around(visible_entry(connection, caller, named).key)
            live = disclosed(connection, caller, visible(caller, suppressions.live(connection, *keys)))
            over = disclosed(connection, caller, visible(caller, suppressions.history(connection, *own(keys))))
            noted = changes.of_keys(connection, own(keys)) if caller.is_admin else ()
        live = tuple(sorted(live, key=lambda one: (one.scope != EVERY_EMAIL, "/" in one.scope, keys.index(one.key))))
        return Found(tuple(map(Entry.of, live)), tuple(Entry.of(one, over=True) for one in over), noted)

    def page(
        self,
        caller: Caller,
        *,
        origin: str | None,
        q: str | None,
        scope: str | None,
        page: Page,
        under_review: bool = False,
    ) -> Paged[Entry]:
        """Live entries, newest first; with `q`, the beginning of an address, in the order of the addresses.

        `@example.org` finds the entry of a whole domain.
        """
        caller.require(Scope.SUPPRESSIONS_READ)
        own = None if caller.is_admin else caller.app
        wanted = Filter(origin=origin, prefix=q.lower() if q else None, scope=scope, app=own, under_review=under_review)
        with self._database.reading() as connection:
            found = pages.page(connection, wanted, limit=page.limit + 1, after=page.after, before=page.before)
            rows = disclosed(connection, caller, found)
        return paged(tuple(map(Entry.of, rows)), page)
