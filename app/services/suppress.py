"""Step 6: what people do with the suppression list: add, lift, look up, page.

List, filter and audit change together.

What feedback does with it is in `app.services.conclude`. A lift needs an actor and a reason, stays as a tombstone, and
takes the address off SES's own list too: else the next mail would come back as `OnAccountSuppressionList`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Connection

from app.aws.account import SesAccount
from app.domain.address import Address, InvalidAddress, parse_address
from app.domain.callers import Caller, Scope
from app.domain.errors import Fault, NotFound, ServiceUnavailable, ValidationFailed
from app.domain.suppression import EVERY_MAIL, Origin, scope_of
from app.services.pages import Page, Paged, paged
from app.store import audit, recipients, suppression_pages, suppressions
from app.store.db import Database, clock
from app.store.positives import Positives
from app.store.suppression_pages import Filter
from app.store.suppressions import NewSuppression, Suppression

log = structlog.get_logger()

Json = dict[str, Any]
_LONGEST_REASON = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of the list as callers see it."""

    id: UUID
    email: str
    scope: str
    origin: str
    reason: str
    source: Json
    created_at: datetime
    expires_at: datetime | None
    removed_at: datetime | None
    removed_by: str | None
    removal_reason: str | None


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
    """The live entries of an address, the widest scope first, and those that are over, newest first."""

    entries: tuple[Entry, ...]
    history: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Removed:
    """What was lifted; and of SES's list: `removed`, `absent`, or `pending` until upkeep has done it."""

    entries: tuple[Entry, ...]
    ses_account: str


class Suppress:
    """The suppression list for people."""

    def __init__(self, *, database: Database, positives: Positives, account: SesAccount) -> None:
        self._database = database
        self._positives = positives
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
        """Suppress an address. An existing entry is returned as it is. Raises `ValidationFailed`."""
        caller.require(Scope.SUPPRESSIONS_WRITE)
        address = _address(email, "/email")
        _check_scope(caller, scope)
        with self._database.transaction() as connection:
            if expires_at is not None and expires_at <= clock(connection):
                raise _invalid("/expires_at", "in_the_past", "The entry would be over before it began.")
            self._positives.add([address.key])
            entry, created = suppressions.put(
                connection,
                NewSuppression(
                    key=address.key,
                    scope=scope,
                    address=address.email,
                    origin=Origin.MANUAL,
                    reason=_reason(reason) or "Added by hand.",
                    actor=caller.actor,
                    source={"actor": caller.actor},
                    expires_at=expires_at,
                ),
            )
            if created:
                _audit(connection, caller, "suppress", entry, reason)
            flying = recipients.in_flight(connection, address.key, app_id=None if caller.is_admin else caller.app_id)
        return Added(_entry(entry), created, tuple(InFlight(one.email_id, one.id, one.state) for one in flying))

    def find(self, caller: Caller, id_or_email: str, *, over_too: bool = False) -> Found:
        """The entries of an address, or of the address of an entry.

        Raises `NotFound` when nothing live is there; with `over_too`, when there never was anything.
        """
        caller.require(Scope.SUPPRESSIONS_READ)
        with self._database.reading() as connection:
            key = _key_of(connection, caller, id_or_email)
            live = _visible(caller, suppressions.live(connection, key))
            over = _visible(caller, suppressions.history(connection, key))
        if not live and not (over_too and over):
            raise NotFound("This address is not suppressed.")
        return Found(tuple(map(_entry, live)), tuple(map(_entry, over)))

    def page(self, caller: Caller, *, origin: str | None, q: str | None, scope: str | None, page: Page) -> Paged[Entry]:
        """Live entries, newest first. `q` is the beginning of an address."""
        caller.require(Scope.SUPPRESSIONS_READ)
        own = None if caller.is_admin else caller.app
        wanted = Filter(origin=origin, prefix=q.lower() if q else None, scope=scope, app=own)
        with self._database.reading() as connection:
            rows = suppression_pages.page(
                connection, wanted, limit=page.limit + 1, after=page.after, before=page.before
            )
        return paged(tuple(map(_entry, rows)), page)

    def remove(
        self,
        caller: Caller,
        id_or_email: str,
        *,
        scope: str | None = None,
        reason: str | None,
        wait_for_ses: bool = True,
    ) -> Removed:
        """Unsuppress an address, in one scope or in all. Raises `NotFound`, and `ValidationFailed` without a reason.

        `wait_for_ses` False leaves SES's own list to upkeep at once, where one address must not wait for the second of
        another.
        """
        caller.require(Scope.SUPPRESSIONS_WRITE)
        why = _reason(reason)
        if not why and not caller.reason_optional:
            raise _invalid("/reason", "required", "An unsuppression needs a reason; it is kept in the audit.")
        with self._database.transaction() as connection:
            lifted = [one for one in _live_of(connection, caller, id_or_email) if scope is None or one.scope == scope]
            if not lifted:
                raise NotFound("This address is not suppressed.")
            suppressions.lift(
                connection, [one.id for one in lifted], actor=caller.actor, reason=why or "No reason was given."
            )
            for one in lifted:
                _audit(connection, caller, "unsuppress", one, why)
            still_live = suppressions.live(connection, lifted[0].key)
        if not still_live:
            self._forget(lifted[0].key)
        at_ses = self.remove_at_ses(lifted) if wait_for_ses else "pending"
        with self._database.reading() as connection:
            removed = [suppressions.by_id(connection, one.id) for one in lifted]
        return Removed(tuple(_entry(one) for one in removed if one), at_ses)

    def _forget(self, key: str) -> None:
        """Clear Redis of an address, unless it was suppressed again meanwhile: a last look must not miss that."""
        self._positives.remove([key])
        try:
            with self._database.reading() as connection:
                again = bool(suppressions.live(connection, key))
        except ServiceUnavailable:
            again = True
        if again:
            self._positives.add([key])

    def remove_at_ses(self, entries: list[Suppression] | tuple[Suppression, ...]) -> str:
        """Take the addresses of these tombstones off SES's account list, in each spelling that is known of them."""
        spellings = {one.address for one in entries} | {one.key for one in entries}
        try:
            found = [self._account.remove_suppressed(address) for address in sorted(spellings)]
        except ServiceUnavailable as error:
            log.warning("ses_removal_pending", entries=len(entries), reason=error.detail)
            return "pending"
        with self._database.transaction() as connection:
            suppressions.note_ses_removal(connection, [one.id for one in entries])
        return "removed" if any(found) else "absent"


def _live_of(connection: Connection, caller: Caller, id_or_email: str) -> tuple[Suppression, ...]:
    entry_id = _uuid(id_or_email)
    if entry_id is None:
        return _visible(caller, suppressions.live(connection, _address(id_or_email, "/email").key))
    entry = suppressions.by_id(connection, entry_id)
    return _visible(caller, (entry,)) if entry is not None and entry.removed_at is None else ()


def _key_of(connection: Connection, caller: Caller, id_or_email: str) -> str:
    entry_id = _uuid(id_or_email)
    if entry_id is None:
        return _address(id_or_email, "/email").key
    entry = suppressions.by_id(connection, entry_id)
    if entry is None or not _visible(caller, (entry,)):
        raise NotFound("There is no such suppression.")
    return entry.key


def _visible(caller: Caller, entries: tuple[Suppression, ...]) -> tuple[Suppression, ...]:
    """What concerns the caller: entries for every mail and for the caller's own streams; for an admin, all."""
    own = scope_of(caller.app, "")
    return tuple(one for one in entries if caller.is_admin or one.scope == EVERY_MAIL or one.scope.startswith(own))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _address(text: str, pointer: str) -> Address:
    try:
        return parse_address(text)
    except InvalidAddress as error:
        raise _invalid(pointer, error.code, str(error)) from error


def _check_scope(caller: Caller, scope: str) -> None:
    """An application may speak for its own streams and for every mail; an admin for any stream."""
    app, separator, stream = scope.partition("/")
    if scope == EVERY_MAIL or (separator and stream and app and (caller.is_admin or app == caller.app)):
        return
    raise _invalid("/scope", "grammar", "The scope is `*`, or `app/stream` of the own application.")


def _reason(reason: str | None) -> str | None:
    text = (reason or "").strip()
    if len(text) > _LONGEST_REASON or any(character < " " for character in text):
        raise _invalid("/reason", "grammar", f"A reason is one line of at most {_LONGEST_REASON} characters.")
    return text or None


def _invalid(pointer: str, code: str, rule: str) -> ValidationFailed:
    return ValidationFailed(rule, faults=(Fault(pointer, code, rule),))


def _audit(connection: Connection, caller: Caller, action: str, entry: Suppression, reason: str | None) -> None:
    audit.write(
        connection,
        actor=caller.actor,
        action=action,
        key=entry.key,
        reason=reason,
        data={"suppression_id": str(entry.id), "scope": entry.scope, "origin": entry.origin},
    )


def _entry(row: Suppression) -> Entry:
    return Entry(
        id=row.id,
        email=row.address,
        scope=row.scope,
        origin=row.origin,
        reason=row.reason,
        source=row.source,
        created_at=row.created_at,
        expires_at=row.expires_at,
        removed_at=row.removed_at,
        removed_by=row.removed_by,
        removal_reason=row.removal_reason,
    )
