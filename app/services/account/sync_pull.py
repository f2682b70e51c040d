"""Read SES's own suppression list and let ours follow it, in steps of one or two calls to SES each.

This module decides what is written when. No transaction is open during a call. Every step may be done twice, by two
processes or after a crash, with the same result. Only entries that came from SES's list are changed.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import Connection

from app.aws.ses.account import PageLost, SesAccount, SesRefused, Suppressed
from app.domain.account.list_comparison import Known, ListingFate, Standing, judge, standing
from app.domain.account.sync_progress import Stage, SyncPosition, Tally
from app.domain.message.address import Address, read_reported
from app.services.account.listing_evidence import CauseOf, listing_reason, what_is_known
from app.services.account.sync_entries import Stands, as_ours, mirrored, storable
from app.services.isolation import together_or_apart
from app.services.suppression.list_writer import ListWriter
from app.store.account import ses_list
from app.store.account.ses_list import Mirrored
from app.store.engine.database import Database, clock
from app.store.operating import audit, incidents
from app.store.privacy.pseudonyms import Pseudonyms
from app.store.suppression import suppressions
from app.store.suppression.suppressions import POSTERN

log = structlog.get_logger()

SHRUNK: Final = "ses_list_shrunk"
LEFT: Final = "The address is not on the suppression list of the SES account any more."
BLAMELESS: Final = "The bounce for which SES listed the address does not show that the mailbox is gone."
CONTESTED: Final = frozenset({Standing.REMOVED_HERE, Standing.LISTED_AGAIN, Standing.DISPUTED})
"""Where a removal or a bounce that we know speaks against an entry of SES's list."""

_BATCH: Final = 200
_MOST_RESTARTS: Final = 5
PART: Final = 1_000
_PARTS: Final = 50
# SES erases its list some time after an account was paused, and other credentials may lead to another account: when a
# list loses so many entries at once, that is not taken for the work of a person.
MANY: Final = 1_000
_FEW: Final = 20


class Pull:
    """Reads pages, settles entries that contradict a removal here, and unsuppresses those that have left SES's list."""

    def __init__(
        self,
        *,
        database: Database,
        writer: ListWriter,
        pseudonyms: Pseudonyms,
        account: SesAccount,
        cause_of: CauseOf,
        exempt_mailbox_simulator: bool,
    ) -> None:
        self._database = database
        self._writer = writer
        self._pseudonyms = pseudonyms
        self._account = account
        self._cause_of = cause_of
        self._exempt = exempt_mailbox_simulator

    def read_page(self, place: SyncPosition, tally: Tally) -> SyncPosition:
        """Read the next page of SES's list; return the position after it."""
        try:
            page = self._account.list_suppressed(place.token, since=place.since)
        except PageLost:
            if place.restarts >= _MOST_RESTARTS:
                raise
            tally.restarts += 1
            return place.anew(self._now())
        contested: list[str] = []
        entries = list(storable(page.entries))
        for start in range(0, len(entries), _BATCH):
            contested += self._take_in_apart(entries[start : start + _BATCH], tally, adds=place.order.adds)
        tally.pages += 1
        tally.entries += len(page.entries)
        read = replace(
            place,
            token=page.next_page,
            pages=place.pages + 1,
            entries=place.entries + len(page.entries),
            contested=tuple(contested),
        )
        return read.listed() if page.next_page is None else read

    def stands(self, connection: Connection, entries: Sequence[Suppressed], names: dict[str, str]) -> list[Stands]:
        """How entries of SES's list compare with ours. `names` are their pseudonyms by key (`pseudonyms_of`)."""
        known = what_is_known(connection, names, self._cause_of)
        return [self._stands(entry, read_reported(entry.address), known) for entry in entries]

    def pseudonyms_of(self, entries: Sequence[Suppressed]) -> dict[str, str]:
        """The pseudonyms of the readable addresses, by key. Call it outside a transaction: it may open one."""
        addresses = (read_reported(entry.address) for entry in entries)
        return {one.key: self._pseudonyms(one.key) for one in addresses if one}

    def settle(self, spelling: str, tally: Tally) -> None:
        """Ask SES why it lists an address that we have reason not to suppress, and do what follows from that.

        Where the credentials may not ask, our list stays as it is and the address counts as undecided.
        """
        try:
            self._settle(spelling, tally)
        except SesRefused as error:
            if not error.denied and error.code != "BadRequestException":
                raise
            tally.undecided += 1
            log.warning("ses_list_waits", stage="contested", reason=error.detail)

    def _settle(self, spelling: str, tally: Tally) -> None:
        address = read_reported(spelling)
        if address is None or not self._is_contested(address):
            return
        entry = self._account.get_suppressed(spelling)
        if entry is None:
            self._drop(spelling)
            return
        match self._judge(entry, address):
            case ListingFate.REMOVE:
                self._account.remove_suppressed(spelling)
                with self._database.transaction() as connection:
                    ses_list.drop(connection, [spelling])
                    unsuppressed = self._unsuppress(connection, address.key, BLAMELESS)
                tally.unsuppressed += len(unsuppressed)
                tally.removed_at_ses += 1
                self._writer.evict(unsuppressed)
            case ListingFate.SUPPRESS:
                with self._database.transaction() as connection:
                    tally.added += self._add(connection, [(entry, address)])
            case ListingFate.WAIT:
                tally.undecided += 1

    def seek(self, place: SyncPosition, tally: Tally) -> SyncPosition:
        """Search a part of our list for entries that came from SES's and have left it; return the position after it."""
        since = place.started_at or self._now()
        for _ in range(_PARTS):
            with self._database.reading() as connection:
                rows = ses_list.ours(connection, after=UUID(place.after) if place.after else None, limit=PART)
                from_ses = [one for one in rows if ses_list.is_because_of_ses(one)]
                listed = ses_list.listed_since(connection, [one.key for one in from_ses], since=since)
            gone = tuple(str(one.id) for one in from_ses if one.key not in listed)
            place = replace(
                place,
                after=str(rows[-1].id) if rows else "",
                leaving=place.leaving + gone,
                from_ses=place.from_ses + len(from_ses),
            )
            if not rows or len(place.leaving) > MANY:
                return self._believe(place, tally)
        return place

    def unsuppress_absent(self, place: SyncPosition, tally: Tally) -> SyncPosition:
        """Ask SES for one address that seems to have left its list, and unsuppress it when it is not there.

        Returns the position after it. Where the credentials may not ask, no address is unsuppressed.
        """
        if not place.leaving:
            self._forget_unseen(place.started_at)
            return replace(place, stage=Stage.SEEKING) if place.after else place.departed()
        try:
            self._unsuppress_one(UUID(place.leaving[0]), tally)
        except SesRefused as error:
            if error.code == "BadRequestException":
                tally.undecided += 1
                return replace(place, leaving=place.leaving[1:])
            if not error.denied:
                raise
            log.warning("ses_list_waits", stage=place.stage, reason=error.detail)
            return place.departed()
        return replace(place, leaving=place.leaving[1:])

    def _take_in_apart(self, entries: Sequence[Suppressed], tally: Tally, *, adds: bool) -> list[str]:
        """As `_take_in`, but when an entry makes it fail, take the entries in one by one, without those that fail."""
        contested: list[str] = []

        def take_in(some: Sequence[Suppressed]) -> int:
            contested.extend(self._take_in(some, tally, adds=adds))
            return len(some)

        together_or_apart(self._database, "ses_list", entries, take_in, name=lambda _: "an entry of SES's list")
        return contested

    def _take_in(self, entries: Sequence[Suppressed], tally: Tally, *, adds: bool) -> list[str]:
        """Copy entries of SES's list, add those that ours lacks, and return those that contradict a removal here."""
        names = self.pseudonyms_of(entries)
        with self._database.transaction() as connection:
            stands = self.stands(connection, entries, names)
            forgotten = [one.entry.address for one in stands if one.where is Standing.FORGOTTEN]
            ses_list.drop(connection, forgotten)
            ses_list.mirror(connection, mirrored(one for one in stands if one.where is not Standing.FORGOTTEN))
            new = [(one.entry, one.address) for one in stands if one.where is Standing.ONLY_AT_SES and one.address]
            if adds:
                tally.added += self._add(connection, new)
        tally.forgotten += len(forgotten)
        return [one.entry.address for one in stands if one.where in CONTESTED and adds]

    def _stands(self, entry: Suppressed, address: Address | None, known: dict[str, Known]) -> Stands:
        of_it = known[address.key] if address else Known()
        return Stands(entry, address, standing(address, entry.reason, entry.updated_at, of_it, exempt=self._exempt))

    def _add(self, connection: Connection, entries: Sequence[tuple[Suppressed, Address]]) -> int:
        put = self._writer.put_each(connection, [as_ours(entry, address) for entry, address in entries])
        return sum(created for _, created in put)

    def _is_contested(self, address: Address) -> bool:
        """Whether a removal or a bounce that we know still speaks against an entry of SES's list."""
        known = self._known(address)
        if known.forgotten or (known.ours is not None and not known.because_of_ses):
            return False
        return known.bounced_blameless or (known.removed_at is not None and known.ours is None)

    def _judge(self, entry: Suppressed, address: Address) -> ListingFate:
        removed_at = self._known(address).removed_at
        with self._database.reading() as connection:
            reason = listing_reason(connection, entry, address.key, self._cause_of)
            return judge(removed_at, reason, now=clock(connection))

    def _known(self, address: Address) -> Known:
        names = {address.key: self._pseudonyms(address.key)}
        with self._database.reading() as connection:
            return what_is_known(connection, names, self._cause_of)[address.key]

    def _believe(self, place: SyncPosition, tally: Tally) -> SyncPosition:
        gone = len(place.leaving)
        few = gone <= _FEW or (gone <= MANY and gone * 10 <= place.from_ses)
        if few or place.order.accept_departures:
            return replace(place, stage=Stage.LEAVING)
        detail = f"{gone} of {place.from_ses} entries have left SES's list at once; none was unsuppressed here."
        with self._database.transaction() as connection:
            incidents.note(connection, kind=SHRUNK, subject="account", detail=detail)
        tally.departed_unbelieved = gone
        return place.departed()

    def _unsuppress_one(self, entry_id: UUID, tally: Tally) -> None:
        with self._database.reading() as connection:
            entry = suppressions.by_id(connection, entry_id)
            spellings = {*ses_list.spellings(connection, [entry.key]), entry.address, entry.key} if entry else set()
        if entry is None or entry.removed_at is not None:
            return
        found = next((one for name in sorted(spellings) if (one := self._account.get_suppressed(name))), None)
        with self._database.transaction() as connection:
            if found is not None:
                kept = Mirrored(address=found.address, key=entry.key, reason=found.reason, updated_at=found.updated_at)
                ses_list.mirror(connection, [kept])
                return
            ses_list.forget(connection, entry.key)
            unsuppressed = self._unsuppress(connection, entry.key, LEFT)
        tally.unsuppressed += len(unsuppressed)
        self._writer.evict(unsuppressed)

    def _unsuppress(self, connection: Connection, key: str, reason: str) -> list[str]:
        """Unsuppress the address if SES's list was the only reason; return its key if so. Evict it after the commit."""
        # Under the lock: an entry that a bounce took over meanwhile no longer comes from SES's list, and stays.
        bound = ses_list.lock_because_of_ses(connection, key)
        unsuppressed = self._writer.unsuppress(connection, bound, actor=POSTERN, reason=reason, at_ses_too=False)
        for row in unsuppressed:
            details = {"suppression_id": str(row.id), "scope": row.scope, "origin": row.origin}
            audit.write(connection, actor=POSTERN, action="unsuppress", key=row.key, reason=reason, data=details)
        return [row.key for row in unsuppressed]

    def _forget_unseen(self, since: datetime | None) -> None:
        """Drop entries from our copy of SES's list that a whole pass has not seen."""
        gone = True
        while since is not None and gone:
            with self._database.transaction() as connection:
                gone = ses_list.drop_unseen(connection, since=since, limit=PART)

    def _drop(self, spelling: str) -> None:
        with self._database.transaction() as connection:
            ses_list.drop(connection, [spelling])

    def _now(self) -> datetime:
        with self._database.reading() as connection:
            return clock(connection)
