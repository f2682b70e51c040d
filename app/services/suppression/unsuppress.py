"""Step 6: take entries off the suppression list: by a person, with a reason, or because their time is over.

List, filter and audit change together. Unsuppressing needs an actor and a reason, leaves a tombstone, and takes the
address off SES's own list too: otherwise the next email would come back as `OnAccountSuppressionList`. A complaint or
an erasure is only unsuppressed with `force`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import Connection

from app.aws.ses.account import SesAccount, SesRefused
from app.domain.apps.callers import Caller, Scope
from app.domain.errors import NotFound, ServiceUnavailable
from app.domain.suppression.rules import EVERY_EMAIL, TERMS, Origin
from app.queue import SES_REMOVALS, Bells
from app.services.suppression.disclosure import disclosed
from app.services.suppression.entries import Entry, check_why, invalid, note_in_audit
from app.services.suppression.list_writer import ListWriter
from app.services.suppression.resolve import Named, Naming, around, live_entries
from app.store.account import ses_list
from app.store.engine.database import Database
from app.store.suppression import suppressions
from app.store.suppression.suppressions import Suppression, is_address

log = structlog.get_logger()

_EXPIRE_AT_ONCE: Final = 500
_FORCED: Final = {
    Origin.COMPLAINT: "The recipient reported an email as spam; further emails harm every sender here.",
    Origin.ERASURE: "The person asked to be forgotten and to receive no more emails.",
}


@dataclass(frozen=True, slots=True)
class Removed:
    """The entries that were unsuppressed, and what became of the address on SES's own list.

    `ses_account` is `removed`, `absent`, `pending` until upkeep has done it, or `kept`. It is `kept` when no entry was
    unsuppressed that applies to every email to one address. `uncovered` are unsubscriptions that now stand in the place
    of the unsuppressed entries.
    """

    entries: tuple[Entry, ...]
    ses_account: str
    uncovered: tuple[Entry, ...] = ()


class Unsuppress:
    """Takes entries off the list."""

    def __init__(
        self, *, database: Database, writer: ListWriter, naming: Naming, account: SesAccount, bells: Bells
    ) -> None:
        self._database = database
        self._bells = bells
        self._writer = writer
        self._naming = naming
        self._account = account

    def __call__(
        self,
        caller: Caller,
        id_or_email: str,
        *,
        scope: str | None = None,
        reason: str | None,
        force: bool = False,
        wait_for_ses: bool = False,
    ) -> Removed:
        """Unsuppress an address or a whole domain, in one scope or in all.

        Raises `NotFound`, and `ValidationFailed` without a reason, or without `force` where it is needed.
        Without `wait_for_ses`, SES's own list is left to upkeep, which is notified: a request does not wait for the
        one call a second that SES allows.
        """
        caller.require(Scope.SUPPRESSIONS_WRITE)
        why = check_why(caller, reason)
        named = self._naming(id_or_email, changing=caller)
        with self._database.transaction() as connection:
            listed = [one for one in live_entries(connection, caller, named) if scope is None or one.scope == scope]
            if not listed:
                raise NotFound(_not_listed(connection, named))
            # Read again under the lock: an entry that was a bounce may have become a complaint.
            listed = list(suppressions.lock(connection, [one.id for one in listed]))
            if not listed:
                raise NotFound(_not_listed(connection, named))
            check_force(listed, force=force)
            unsuppressed = self._writer.unsuppress(
                connection, [one.id for one in listed], actor=caller.actor, reason=why
            )
            for one in unsuppressed:
                note_in_audit(connection, caller, "unsuppress", one, why)
            shown = disclosed(connection, caller, unsuppressed)
            uncovered = disclosed(connection, caller, _in_place_of(connection, unsuppressed))
        self._writer.evict(one.key for one in unsuppressed)
        at_ses = self.remove_at_ses(unsuppressed) if wait_for_ses else self._leave_to_upkeep(unsuppressed)
        return Removed(tuple(map(Entry.of, shown)), at_ses, tuple(map(Entry.of, uncovered)))

    def check(self, caller: Caller, names: Sequence[str], *, reason: str | None, force: bool) -> None:
        """Raise what a call would raise for any of these names, except that it is not suppressed."""
        caller.require(Scope.SUPPRESSIONS_WRITE)
        check_why(caller, reason)
        for name in names:
            named = self._naming(name, changing=caller)
            with self._database.reading() as connection:
                check_force(live_entries(connection, caller, named), force=force)

    def remove_at_ses(self, entries: Sequence[Suppression]) -> str:
        """Take the addresses of these tombstones off SES's account list, in every known spelling.

        Returns `removed`, `absent`, `pending` or `kept`, as in `Removed`.
        """
        concerned = _at_ses(entries)
        keys = {one.key for one in concerned}
        try:
            with self._database.reading() as connection:
                spellings = keys.union(ses_list.spellings(connection, keys), [one.address for one in concerned])
            found = [self._is_removed(address) for address in sorted(spellings)]
        except ServiceUnavailable as error:
            log.warning("ses_removal_pending", entries=len(entries), reason=error.detail)
            return "pending"
        with self._database.transaction() as connection:
            self._writer.note_ses_removal(connection, [one.id for one in concerned])
            ses_list.drop(connection, sorted(spellings))
        if not concerned:
            return "kept"
        return "removed" if any(found) else "absent"

    def _leave_to_upkeep(self, unsuppressed: Sequence[Suppression]) -> str:
        if not _at_ses(unsuppressed):
            return "kept"
        self._bells.ring(SES_REMOVALS)
        return "pending"

    def _is_removed(self, spelling: str) -> bool:
        """Take it off SES's list; whether it was there. A text that SES does not take as an address cannot be there."""
        try:
            return self._account.remove_suppressed(spelling)
        except SesRefused as error:
            if error.code != "BadRequestException":
                raise
            log.warning("ses_removal_refused", reason=error.detail)
            return False

    def expire(self) -> int:
        """Turn some expired entries into tombstones and remove them from Redis; return how many."""
        with self._database.transaction() as connection:
            over = self._writer.expire(connection, limit=_EXPIRE_AT_ONCE)
        self._writer.evict(one.key for one in over)
        return len(over)


def _at_ses(entries: Sequence[Suppression]) -> list[Suppression]:
    """The entries whose address may be on the list of the SES account, which has addresses but no scopes."""
    return [one for one in entries if one.scope == EVERY_EMAIL and is_address(one.key)]


def check_force(entries: Sequence[Suppression], *, force: bool) -> None:
    """Raise `ValidationFailed` when any of these entries needs `force` to be unsuppressed, and `force` is not set."""
    reasons = {why for one in entries if (why := why_forced(one.origin))}
    if reasons and not force:
        raise invalid("/force", "required", f"{' '.join(sorted(reasons))} If they want emails again, use force.")


def why_forced(origin: str) -> str | None:
    """Why an entry of this origin is unsuppressed only with `force`; None where it needs none."""
    return _FORCED[Origin(origin)] if TERMS[Origin(origin)].forced else None


def _in_place_of(connection: Connection, unsuppressed: Sequence[Suppression]) -> tuple[Suppression, ...]:
    places = {(one.key, one.scope) for one in unsuppressed}
    live = suppressions.live(connection, *{one.key for one in unsuppressed})
    return tuple(one for one in live if (one.key, one.scope) in places)


def _not_listed(connection: Connection, named: Named) -> str:
    for key in named.keys[:1]:
        if is_address(key) and suppressions.live(connection, around(key)[-1]):
            return "This address is not suppressed by itself but with its whole domain: unsuppress `@` and the domain."
    return "This address is not suppressed."
