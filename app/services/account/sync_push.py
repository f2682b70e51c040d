"""What we know to bounce or complain is put on SES's own suppression list: by steps of one call to SES, or few.

It decides who is put there: entries for every mail, for good, of one address, that nobody has put in question; and only
those that SES's list, read whole before, has not. What a person removes meanwhile is taken back.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.aws.account import SesAccount, SesRefused
from app.domain.address import is_mailbox_simulator, read_reported
from app.domain.ses_list import REASON_OF
from app.domain.suppression import EVERY_MAIL, Origin
from app.services.sync_place import Place, Tally
from app.store import ses_list, suppressions
from app.store.db import Database, clock
from app.store.ses_list import Mirrored
from app.store.suppressions import Suppression

SANDBOX: Final = (
    "The SES account is in the sandbox, where nothing can be put on its suppression list: ask for production access."
)

_LOOK_AT: Final = 1_000
_MOST_REFUSED: Final = 5
_RESTS: Final = timedelta(days=1)

Keep = Callable[[Place], None]


class Push:
    """Puts one entry after another on SES's list."""

    def __init__(self, *, database: Database, account: SesAccount, exempt_mailbox_simulator: bool) -> None:
        self._database = database
        self._account = account
        self._exempt = exempt_mailbox_simulator

    def put_next(self, place: Place, tally: Tally, keep: Keep) -> Place:
        """The place after the next entry that SES has not. `keep` notes which one is about to be put."""
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

    def count(self, place: Place) -> int:
        """How many there are to put from this place on. It makes no call."""
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
        """Those of these entries that SES may be told."""
        allowed = ses_list.for_ses(connection, origins, ids=[one.id for one in rows])
        return tuple(one for one in rows if one.id in allowed and self._spelling(one))

    def _next(self, place: Place) -> tuple[Suppression | None, UUID | None]:
        """The next entry to put, and the last one that was looked at; None at the end of our list."""
        chosen, last = self._part(place)
        return chosen[0] if chosen else None, last

    def _part(self, place: Place) -> tuple[list[Suppression], UUID | None]:
        """Those to put among the next of our entries, and the last one that was looked at."""
        with self._database.reading() as connection:
            rows = ses_list.ours(connection, after=UUID(place.after) if place.after else None, limit=_LOOK_AT)
            chosen = self.for_ses(connection, rows, place.order.origins)
            held = ses_list.held_since(connection, [one.key for one in chosen], since=place.mirrored_at)
        return [one for one in chosen if one.key not in held], rows[-1].id if rows else None

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
        """Take off SES's list what was put there although a person removed it here meanwhile."""
        with self._database.reading() as connection:
            entry = suppressions.by_id(connection, entry_id)
            live = entry and suppressions.live_among(connection, [entry.key], scopes=[EVERY_MAIL])
        if entry is None or live:
            return
        spelling = spelling or self._spelling(entry) or entry.address
        self._account.remove_suppressed(spelling)
        with self._database.transaction() as connection:
            ses_list.drop(connection, [spelling])
        tally.removed_at_ses += 1

    def _rest(self, place: Place, tally: Tally, why: str) -> Place:
        tally.push_refused = why
        with self._database.reading() as connection:
            return replace(place.done(), push_rests_until=clock(connection) + _RESTS)

    def _spelling(self, entry: Suppression) -> str | None:
        """How SES is told an address, in ASCII; None for what is none, and for SES's own simulator."""
        address = read_reported(entry.address)
        if address is None or (self._exempt and is_mailbox_simulator(address)):
            return None
        return address.envelope
