"""Step 6: what people do with the suppression list: add, lift, look up, page.

List, filter and audit change together.

What feedback does with it is in `app.services.conclude`. A lift needs an actor and a reason, stays as a tombstone, and
takes the address off SES's own list too: else the next mail would come back as `OnAccountSuppressionList`. A complaint
or an erasure is lifted only by who says that it is meant.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import Connection

from app.aws.account import SesAccount
from app.domain.callers import Caller, Scope
from app.domain.errors import NotFound, ServiceUnavailable
from app.domain.suppression import EVERY_MAIL, TERMS, Origin
from app.services.clear import clear
from app.services.disclosure import disclosed
from app.services.entries import (
    Entry,
    check_reason,
    check_scope,
    check_whom,
    check_why,
    invalid,
    note_in_audit,
    visible,
)
from app.services.naming import Named, Naming, around, live_entries, own, visible_entry
from app.services.pages import Page, Paged, paged
from app.store import recipients, ses_list, suppression_events, suppression_pages, suppressions
from app.store.db import Database, clock
from app.store.positives import Positives
from app.store.suppression_events import SuppressionEvent
from app.store.suppression_pages import Filter
from app.store.suppressions import NewSuppression, Suppression, is_address

log = structlog.get_logger()

_EXPIRE_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class InFlight:
    """A mail to the address that may be on its way to SES, too late to be held back."""

    email_id: UUID
    recipient_id: UUID
    state: str


@dataclass(frozen=True, slots=True)
class Added:
    """The entry, whether it is new, and what is in flight to the address already."""

    entry: Entry
    created: bool
    in_flight: tuple[InFlight, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What concerns an address.

    The live entries, the widest scope first; those that are over, and what became of them all, newest first.
    """

    entries: tuple[Entry, ...]
    history: tuple[Entry, ...]
    changes: tuple[SuppressionEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Removed:
    """What was lifted; and of SES's list: `removed`, `absent`, `pending` until upkeep has done it, or `kept`.

    It is `kept` when nothing was lifted that holds for every mail of one address. `uncovered` are unsubscriptions that
    stand in the place of what was lifted.
    """

    entries: tuple[Entry, ...]
    ses_account: str
    uncovered: tuple[Entry, ...] = ()


class Suppress:
    """The suppression list for people."""

    def __init__(self, *, database: Database, positives: Positives, naming: Naming, account: SesAccount) -> None:
        self._database = database
        self._positives = positives
        self._naming = naming
        self._account = account

    def add(
        self,
        caller: Caller,
        email: str,
        *,
        scope: str = EVERY_MAIL,
        reason: str | None = None,
        expires_at: datetime | None = None,
    ) -> Added:
        """Suppress an address, or everybody `@example.org`. An entry that stands already is returned as it is.

        Raises `ValidationFailed`, and `RestrictedApiKey` for a whole domain without `admin`.
        """
        caller.require(Scope.SUPPRESSIONS_WRITE)
        whom = check_whom(caller, email, "/email")
        check_scope(caller, scope)
        new = NewSuppression(
            key=whom.key,
            scope=scope,
            address=whom.email,
            origin=Origin.MANUAL,
            reason=check_reason(reason) or "Added by hand.",
            actor=caller.actor,
            source={"actor": caller.actor},
            expires_at=expires_at,
        )
        with self._database.transaction() as connection:
            if expires_at is not None and expires_at <= clock(connection):
                raise invalid("/expires_at", "in_the_past", "The entry would be over before it began.")
            self._positives.add([whom.key])
            entry, created = suppressions.put(connection, new)
            if created:
                note_in_audit(connection, caller, "suppress", entry, reason)
            [entry] = disclosed(connection, caller, (entry,))
            flying = recipients.in_flight(connection, whom.key, app_id=None if caller.is_admin else caller.app_id)
        return Added(Entry.of(entry), created, tuple(InFlight(one.email_id, one.id, one.state) for one in flying))

    def find(self, caller: Caller, id_or_email: str, *, over_too: bool = False) -> Found:
        """The entries that catch an address: its own, that of its whole domain, and one under its pseudonym.

        Raises `NotFound` when nothing live is there; with `over_too`, when there never was anything.
        """
        caller.require(Scope.SUPPRESSIONS_READ)
        named = self._naming(id_or_email)
        with self._database.reading() as connection:
            keys = named.keys or around(visible_entry(connection, caller, named).key)
            live = disclosed(connection, caller, visible(caller, suppressions.live(connection, *keys)))
            over = disclosed(connection, caller, visible(caller, suppressions.history(connection, *own(keys))))
            changes = suppression_events.of_keys(connection, own(keys)) if caller.is_admin else ()
        if not live and not (over_too and over):
            raise NotFound("This address is not suppressed.")
        live = tuple(sorted(live, key=lambda one: (one.scope != EVERY_MAIL, "/" in one.scope, keys.index(one.key))))
        return Found(tuple(map(Entry.of, live)), tuple(Entry.of(one, over=True) for one in over), changes)

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
        """Live entries, newest first. `q` is the beginning of an address; `@example.org` finds whole domains."""
        caller.require(Scope.SUPPRESSIONS_READ)
        own = None if caller.is_admin else caller.app
        wanted = Filter(origin=origin, prefix=q.lower() if q else None, scope=scope, app=own, under_review=under_review)
        with self._database.reading() as connection:
            rows = suppression_pages.page(
                connection, wanted, limit=page.limit + 1, after=page.after, before=page.before
            )
            rows = disclosed(connection, caller, rows)
        return paged(tuple(map(Entry.of, rows)), page)

    def remove(
        self,
        caller: Caller,
        id_or_email: str,
        *,
        scope: str | None = None,
        reason: str | None,
        force: bool = False,
        wait_for_ses: bool = True,
    ) -> Removed:
        """Unsuppress an address or a whole domain, in one scope or in all.

        Raises `NotFound`, and `ValidationFailed` without a reason, or without `force` where it is needed.
        `wait_for_ses` False leaves SES's own list to upkeep at once, where one address must not wait for another's.
        """
        caller.require(Scope.SUPPRESSIONS_WRITE)
        why = check_why(caller, reason)
        named = self._naming(id_or_email, changing=caller)
        with self._database.transaction() as connection:
            listed = [one for one in live_entries(connection, caller, named) if scope is None or one.scope == scope]
            if not listed:
                raise NotFound(_not_listed(connection, named))
            check_force(listed, force=force)
            lifted = suppressions.lift(connection, [one.id for one in listed], actor=caller.actor, reason=why)
            for one in lifted:
                note_in_audit(connection, caller, "unsuppress", one, why)
            told = disclosed(connection, caller, lifted)
            uncovered = disclosed(connection, caller, _in_place_of(connection, lifted))
        clear((one.key for one in lifted), database=self._database, positives=self._positives)
        at_ses = self.remove_at_ses(lifted) if wait_for_ses else "pending"
        return Removed(tuple(map(Entry.of, told)), at_ses, tuple(map(Entry.of, uncovered)))

    def check_removals(self, caller: Caller, names: Sequence[str], *, reason: str | None, force: bool) -> None:
        """Raise what removing any of these would raise, except that it is not there."""
        caller.require(Scope.SUPPRESSIONS_WRITE)
        check_why(caller, reason)
        for name in names:
            named = self._naming(name, changing=caller)
            with self._database.reading() as connection:
                check_force(live_entries(connection, caller, named), force=force)

    def remove_at_ses(self, entries: Sequence[Suppression]) -> str:
        """Take the addresses of these tombstones off SES's account list, in each spelling that is known of them."""
        concerned = [one for one in entries if one.scope == EVERY_MAIL and is_address(one.key)]
        keys = {one.key for one in concerned}
        try:
            with self._database.reading() as connection:
                spellings = keys.union(ses_list.spellings(connection, keys), [one.address for one in concerned])
            found = [self._account.remove_suppressed(address) for address in sorted(spellings)]
        except ServiceUnavailable as error:
            log.warning("ses_removal_pending", entries=len(entries), reason=error.detail)
            return "pending"
        with self._database.transaction() as connection:
            suppressions.note_ses_removal(connection, [one.id for one in concerned])
            ses_list.drop(connection, sorted(spellings))
        if not concerned:
            return "kept"
        return "removed" if any(found) else "absent"

    def expire(self) -> int:
        """Make tombstones of entries that have run out, and clear Redis of them: some at a time; how many."""
        with self._database.transaction() as connection:
            over = suppressions.expire(connection, limit=_EXPIRE_AT_ONCE)
        clear((one.key for one in over), database=self._database, positives=self._positives)
        return len(over)


def check_force(entries: Sequence[Suppression], *, force: bool) -> None:
    """Raise `ValidationFailed` when any of these is lifted only by who says that it is meant."""
    forced = sorted({one.origin for one in entries if TERMS[Origin(one.origin)].forced})
    if forced and not force:
        why = {
            Origin.COMPLAINT: "The recipient reported our mail as spam; more of it harms every sender here.",
            Origin.ERASURE: "The person asked to be forgotten and not to be written to again.",
        }
        told = " ".join(why[Origin(origin)] for origin in forced)
        raise invalid("/force", "required", f"{told} If they want mail again, say so with force.")


def _in_place_of(connection: Connection, lifted: Sequence[Suppression]) -> tuple[Suppression, ...]:
    places = {(one.key, one.scope) for one in lifted}
    live = suppressions.live(connection, *{one.key for one in lifted})
    return tuple(one for one in live if (one.key, one.scope) in places)


def _not_listed(connection: Connection, named: Named) -> str:
    for key in named.keys[:1]:
        if is_address(key) and suppressions.live(connection, around(key)[-1]):
            return "This address is not suppressed by itself but with its whole domain: lift `@` and the domain."
    return "This address is not suppressed."
