"""SES's own suppression list is read, and ours follows it: by steps of one call to SES, or two, and what they lead to.

It decides what is written when. No transaction is open during a call. Every step may be done twice, by two processes or
after a crash, with the same result. It touches no entry that anything but SES's list has put on ours.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import Connection

from app.aws.account import PageLost, SesAccount, SesRefused, Suppressed
from app.domain.address import Address, read_reported
from app.domain.ses_list import Evidence, Known, Standing, Verdict, judge, standing
from app.domain.suppression import EVERY_MAIL, Origin
from app.services.clear import clear
from app.services.sync_place import Place, Stage, Tally
from app.store import audit, incidents, ses_list, suppressions
from app.store.db import Database, clock
from app.store.positives import Positives
from app.store.pseudonyms import Pseudonyms
from app.store.ses_list import Mirrored
from app.store.suppressions import POSTERN, NewSuppression

log = structlog.get_logger()

SHRUNK: Final = "ses_list_shrunk"
LEFT: Final = "The address is not on the suppression list of the SES account any more."

_BATCH: Final = 200
_LONGEST_ADDRESS: Final = 320
_MOST_RESTARTS: Final = 5
_PART: Final = 1_000
_PARTS: Final = 50
# SES erases its list some time after an account was paused, and other credentials may lead to another account: a list
# that lost so many at once is not taken for the work of a person.
_MANY: Final = 1_000
_FEW: Final = 20


class Pull:
    """Reads a page, settles what contradicts a removal, lets go of those who left."""

    def __init__(
        self,
        *,
        database: Database,
        positives: Positives,
        pseudonyms: Pseudonyms,
        account: SesAccount,
        exempt_mailbox_simulator: bool,
    ) -> None:
        self._database = database
        self._positives = positives
        self._pseudonyms = pseudonyms
        self._account = account
        self._exempt = exempt_mailbox_simulator

    def read_page(self, place: Place, tally: Tally) -> Place:
        """The place after the next page of SES's list."""
        try:
            page = self._account.list_suppressed(place.token, since=place.since)
        except PageLost:
            if place.restarts >= _MOST_RESTARTS:
                raise
            tally.restarts += 1
            return place.anew(self._now())
        contested: list[str] = []
        for start in range(0, len(page.entries), _BATCH):
            contested += self._take_in(page.entries[start : start + _BATCH], tally, adds=place.order.adds)
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

    def stands(self, connection: Connection, entries: Sequence[Suppressed], names: dict[str, str]) -> list["Stands"]:
        """How entries of SES's list stand. `names` are the pseudonyms of their addresses (`pseudonyms_of`)."""
        known = _what_is_known(connection, names)
        return [self._stands(entry, read_reported(entry.address), known) for entry in entries]

    def pseudonyms_of(self, entries: Sequence[Suppressed]) -> dict[str, str]:
        """The pseudonyms of the addresses among these, by key. Made outside of a transaction, since it may open one."""
        addresses = (read_reported(entry.address) for entry in entries)
        return {one.key: self._pseudonyms(one.key) for one in addresses if one}

    def settle(self, spelling: str, tally: Tally) -> None:
        """Ask SES why it has an address that a person had removed here, and do what follows.

        Where the credentials may not, it stays as it is: not suppressed here, and counted as undecided.
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
        removed_at = self._still_removed(address)
        if address is None or removed_at is None:
            return
        entry = self._account.get_suppressed(spelling)
        if entry is None:
            self._drop(spelling)
            return
        match self._judge(entry, removed_at):
            case Verdict.REMOVE:
                self._account.remove_suppressed(spelling)
                self._drop(spelling)
                tally.removed_at_ses += 1
            case Verdict.SUPPRESS:
                with self._database.transaction() as connection:
                    tally.added += self._add(connection, [(entry, address)])
            case Verdict.WAIT:
                tally.undecided += 1

    def seek(self, place: Place, tally: Tally) -> Place:
        """The place after looking through a part of our list for entries that SES's list had and has not any more."""
        since = place.started_at or self._now()
        for _ in range(_PARTS):
            with self._database.reading() as connection:
                rows = ses_list.ours(connection, after=UUID(place.after) if place.after else None, limit=_PART)
                from_ses = [one for one in rows if ses_list.is_because_of_ses(one)]
                held = ses_list.held_since(connection, [one.key for one in from_ses], since=since)
            gone = tuple(str(one.id) for one in from_ses if one.key not in held)
            place = replace(
                place,
                after=str(rows[-1].id) if rows else "",
                leaving=place.leaving + gone,
                from_ses=place.from_ses + len(from_ses),
            )
            if not rows or len(place.leaving) > _MANY:
                return self._believe(place, tally)
        return place

    def let_go(self, place: Place, tally: Tally) -> Place:
        """The place after one who seems to have left SES's list: asked for by name, and lifted when not there.

        Where the credentials may not ask, nobody is lifted.
        """
        if not place.leaving:
            self._forget_unseen(place.started_at)
            return replace(place, stage=Stage.SEEKING) if place.after else place.departed()
        try:
            self._let_go(UUID(place.leaving[0]), tally)
        except SesRefused as error:
            if not error.denied:
                raise
            log.warning("ses_list_waits", stage=place.stage, reason=error.detail)
            return place.departed()
        return replace(place, leaving=place.leaving[1:])

    def _take_in(self, entries: Sequence[Suppressed], tally: Tally, *, adds: bool) -> list[str]:
        """Note entries of SES's list, add to ours what it lacks, and tell which ones contradict a removal."""
        names = self.pseudonyms_of(entries)
        with self._database.transaction() as connection:
            stands = self.stands(connection, entries, names)
            forgotten = [one.entry.address for one in stands if one.where is Standing.FORGOTTEN]
            ses_list.drop(connection, forgotten)
            ses_list.mirror(connection, _mirrored(one for one in stands if one.where is not Standing.FORGOTTEN))
            new = [(one.entry, one.address) for one in stands if one.where is Standing.ONLY_AT_SES and one.address]
            if adds:
                tally.added += self._add(connection, new)
        tally.forgotten += len(forgotten)
        contradict = {Standing.REMOVED_HERE, Standing.LISTED_AGAIN}
        return [one.entry.address for one in stands if one.where in contradict and adds]

    def _stands(self, entry: Suppressed, address: Address | None, known: dict[str, Known]) -> "Stands":
        of_it = known[address.key] if address else Known()
        return Stands(entry, address, standing(address, entry.reason, entry.updated_at, of_it, exempt=self._exempt))

    def _add(self, connection: Connection, entries: Sequence[tuple[Suppressed, Address]]) -> int:
        # Before the commit: once it is committed, acceptance finds it in Redis and asks SQL.
        self._positives.add([address.key for _, address in entries])
        return sum(suppressions.put(connection, _as_ours(entry, address))[1] for entry, address in entries)

    def _still_removed(self, address: Address | None) -> datetime | None:
        if address is None:
            return None
        names = {address.key: self._pseudonyms(address.key)}
        with self._database.reading() as connection:
            known = _what_is_known(connection, names)[address.key]
        return None if known.ours or known.forgotten else known.removed_at

    def _judge(self, entry: Suppressed, removed_at: datetime) -> Verdict:
        with self._database.reading() as connection:
            left_at = ses_list.mail_left_at(connection, entry.ses_message_id) if entry.ses_message_id else None
            now = clock(connection)
        by_mail = entry.ses_message_id is not None
        evidence = Evidence(updated_at=entry.updated_at, by_mail=by_mail, mail_left_at=left_at)
        return judge(removed_at, evidence, now=now)

    def _believe(self, place: Place, tally: Tally) -> Place:
        gone = len(place.leaving)
        few = gone <= _FEW or (gone <= _MANY and gone * 10 <= place.from_ses)
        if few or place.order.accept_departures:
            return replace(place, stage=Stage.LEAVING)
        detail = f"{gone} of {place.from_ses} entries have left SES's list at once; none was taken off ours for it."
        with self._database.transaction() as connection:
            incidents.note(connection, kind=SHRUNK, subject="account", detail=detail)
        tally.departed_unbelieved = gone
        return place.departed()

    def _let_go(self, entry_id: UUID, tally: Tally) -> None:
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
            # Locked: what a bounce has taken over meanwhile is not SES's word any more, and stays.
            bound = ses_list.lock_because_of_ses(connection, entry.key)
            lifted = suppressions.lift(connection, bound, actor=POSTERN, reason=LEFT, at_ses_too=False)
            for row in lifted:
                told = {"suppression_id": str(row.id), "scope": row.scope, "origin": row.origin}
                audit.write(connection, actor=POSTERN, action="unsuppress", key=row.key, reason=LEFT, data=told)
        tally.lifted += len(lifted)
        clear((one.key for one in lifted), database=self._database, positives=self._positives)

    def _forget_unseen(self, since: datetime | None) -> None:
        """Drop what a whole pass has not seen from the copy of SES's list."""
        gone = True
        while since is not None and gone:
            with self._database.transaction() as connection:
                gone = ses_list.drop_unseen(connection, since=since, limit=_PART)

    def _drop(self, spelling: str) -> None:
        with self._database.transaction() as connection:
            ses_list.drop(connection, [spelling])

    def _now(self) -> datetime:
        with self._database.reading() as connection:
            return clock(connection)


@dataclass(frozen=True, slots=True)
class Stands:
    """An entry of SES's list, the address that it is, and how it stands."""

    entry: Suppressed
    address: Address | None
    where: Standing


def _what_is_known(connection: Connection, pseudonyms: dict[str, str]) -> dict[str, Known]:
    ours = suppressions.live_among(connection, [*pseudonyms, *pseudonyms.values()], scopes=[EVERY_MAIL])
    removed = ses_list.removals(connection, [*pseudonyms, *pseudonyms.values()])
    return {
        key: Known(
            ours=ours.get((key, EVERY_MAIL)),
            removed_at=max((removed[one] for one in (key, name) if one in removed), default=None),
            forgotten=(name, EVERY_MAIL) in ours,
        )
        for key, name in pseudonyms.items()
    }


def _mirrored(stands: Iterable[Stands]) -> Iterator[Mirrored]:
    """Entries of SES's list as they are kept. What no column can hold is left out."""
    for one in stands:
        entry = one.entry
        if len(entry.address) <= _LONGEST_ADDRESS and "\0" not in entry.address:
            key = one.address.key if one.address else ses_list.NO_KEY
            yield Mirrored(address=entry.address, key=key, reason=entry.reason[:16], updated_at=entry.updated_at)


def _as_ours(entry: Suppressed, address: Address) -> NewSuppression:
    since = f"{entry.updated_at:%Y-%m-%d}"
    return NewSuppression(
        key=address.key,
        scope=EVERY_MAIL,
        address=entry.address,
        origin=Origin.SES_ACCOUNT,
        reason=f"On the suppression list of the SES account since {since}, as a {entry.reason.lower()}.",
        actor=POSTERN,
        source={ses_list.SOURCE: {"reason": entry.reason, "updated_at": entry.updated_at.isoformat()}},
    )
