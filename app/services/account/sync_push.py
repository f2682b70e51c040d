"""Put our bounces and complaints on SES's own suppression list, in steps of one or a few calls to SES each.

This module decides what is put there: entries of a single address that apply to every email, have no end and are not
under review; and only those that SES's list, which was read as a whole before, does not have. When a person
unsuppresses one meanwhile, it is taken off SES's list again.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.aws.ses.account import SesAccount, SesRefused
from app.domain.account.list_comparison import REASON_OF
from app.domain.account.sync_progress import SyncPosition, Tally
from app.domain.message.address import is_mailbox_simulator, read_reported
from app.domain.suppression.rules import EVERY_EMAIL, Origin
from app.store.account import ses_list
from app.store.account.ses_list import Mirrored
from app.store.engine.database import Database, clock
from app.store.suppression import suppressions
from app.store.suppression.suppressions import Suppression

SANDBOX: Final = (
    "The SES account is in the sandbox, where nothing can be put on its suppression list: ask for production access."
)

LOOK_AT: Final = 1_000
_MOST_REFUSED: Final = 5
_RESTS: Final = timedelta(days=1)

Keep = Callable[[SyncPosition], None]


class Push:
    """Puts our entries on SES's list, one after another."""

    def __init__(self, *, database: Database, account: SesAccount, exempt_mailbox_simulator: bool) -> None:
        self._database = database
        self._account = account
        self._exempt = exempt_mailbox_simulator

    def put_next(self, place: SyncPosition, tally: Tally, keep: Keep) -> SyncPosition:
        """Put the next entry that SES does not have; return the position after it.

        `keep` saves which entry is about to be put.
        """
        if not place.order.origins:
            return place.done()
        if not place.after and not place.putting and not self._account.quota().production:
            return self._rest(place, tally, SANDBOX)
        if place.putting:
            self._take_back(UUID(place.putting), tally)
            place = replace(place, putting="")
        wanted, last = self._next(place)
        if wanted is None:
            return replace(place, after=str(last)) if last else place.done()
        keep(replace(place, putting=str(wanted.id)))
        try:
            self._put(wanted, tally)
        except SesRefused as error:
            if not error.denied and error.code != "BadRequestException":
                raise
            tally.refused_by_ses += 1
            if error.denied or tally.refused_by_ses >= _MOST_REFUSED > tally.put_at_ses:
                return self._rest(place, tally, error.detail)
        return replace(place, after=str(wanted.id))

    def count(self, place: SyncPosition) -> int:
        """How many entries there are to put from this position on. It makes no call to SES."""
        number, after = 0, place.after
        while place.order.origins:
            chosen, last = self._part(replace(place, after=after))
            number += len(chosen)
            if last is None:
                break
            after = str(last)
        return number

    def for_ses(
        self, connection: Connection, rows: Sequence[Suppression], origins: Sequence[Origin]
    ) -> tuple[Suppression, ...]:
        """Those of these entries that may be put on SES's list."""
        allowed = ses_list.for_ses(connection, origins, ids=[one.id for one in rows])
        return tuple(one for one in rows if one.id in allowed and self._spelling(one))

    def _next(self, place: SyncPosition) -> tuple[Suppression | None, UUID | None]:
        """The next entry to put, and the last one that was looked at; None at the end of our list."""
        chosen, last = self._part(place)
        return chosen[0] if chosen else None, last

    def _part(self, place: SyncPosition) -> tuple[list[Suppression], UUID | None]:
        """The entries to put among the next of ours, and the last one that was looked at."""
        with self._database.reading() as connection:
            rows = ses_list.ours(connection, after=UUID(place.after) if place.after else None, limit=LOOK_AT)
            chosen = self.for_ses(connection, rows, place.order.origins)
            listed = ses_list.listed_since(connection, [one.key for one in chosen], since=place.mirrored_at)
        return [one for one in chosen if one.key not in listed], rows[-1].id if rows else None

    def _put(self, entry: Suppression, tally: Tally) -> None:
        spelling = self._spelling(entry) or entry.address
        reason = REASON_OF[Origin(entry.origin)]
        self._account.put_suppressed(spelling, reason)
        with self._database.transaction() as connection:
            now = clock(connection)
            ses_list.mirror(connection, [Mirrored(address=spelling, key=entry.key, reason=reason, updated_at=now)])
        tally.put_at_ses += 1
        self._take_back(entry.id, tally, spelling=spelling)

    def _take_back(self, entry_id: UUID, tally: Tally, *, spelling: str | None = None) -> None:
        """Take an address off SES's list that was put there although a person unsuppressed it here meanwhile."""
        with self._database.reading() as connection:
            entry = suppressions.by_id(connection, entry_id)
            live = entry and suppressions.live_among(connection, [entry.key], scopes=[EVERY_EMAIL])
        if entry is None or live:
            return
        spelling = spelling or self._spelling(entry) or entry.address
        try:
            self._account.remove_suppressed(spelling)
        except SesRefused as error:
            # SES does not take it as an address: then it cannot be on its list either.
            if error.code != "BadRequestException":
                raise
            return
        with self._database.transaction() as connection:
            ses_list.drop(connection, [spelling])
        tally.removed_at_ses += 1

    def _rest(self, place: SyncPosition, tally: Tally, why: str) -> SyncPosition:
        tally.push_refused = why
        with self._database.reading() as connection:
            return replace(place.done(), push_rests_until=clock(connection) + _RESTS)

    def _spelling(self, entry: Suppression) -> str | None:
        """The address as SES gets it, in ASCII; None for a text that is no address, and for SES's mailbox simulator."""
        address = read_reported(entry.address)
        if address is None or (self._exempt and is_mailbox_simulator(address)):
            return None
        return address.envelope
