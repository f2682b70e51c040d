"""Synchronise SES's own suppression list with ours: by schedule, a few calls at a time, or by a person in one run.

Only one process works at a time, as long as its lease runs. So there is at most one call a second, and each process
continues where the last one stopped. What follows from the two lists is decided in `app.services.account.sync_pull`
and `app.services.account.sync_push`.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID

import structlog

from app.aws.ses.account import PAGE_SIZE, PageLost, SesAccount, SesRefused, Suppressed
from app.domain.account.sync_progress import Order, Stage, SyncPosition, Tally
from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Conflict, ServiceUnavailable
from app.domain.suppression.rules import Origin
from app.services.account.listing_evidence import CauseOf
from app.services.account.sync_drift import Compare, Drift
from app.services.account.sync_pull import Pull
from app.services.account.sync_push import Push
from app.services.suppression.list_writer import ListWriter
from app.store.account import ses_list
from app.store.account.ses_list import CURSOR
from app.store.engine.database import Database, clock
from app.store.engine.ids import new_id
from app.store.operating import audit, job_cursors
from app.store.privacy.pseudonyms import Pseudonyms
from app.store.suppression.suppressions import Suppression
from config import SesListSync

log = structlog.get_logger()

ALWAYS_PUT: Final = (Origin.BOUNCE, Origin.COMPLAINT)

_LEASE: Final = timedelta(seconds=90)
_STEPS: Final = 4
_SLICE_S: Final = 6.0
_RESTS: Final = timedelta(minutes=15)
_WAIT_FOR_OTHERS_S: Final = 120
_MOST_THROTTLED: Final = 8

Progress = Callable[[SyncPosition, Tally], None]
T = TypeVar("T")


class Overtaken(Conflict):
    """Another process continued the work, since this one did not report for longer than its lease."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """What was done, how the two lists differ after it, and for which reasons SES's list is switched off."""

    tally: Tally
    drift: Drift
    switched_off: tuple[str, ...]


class Sync:
    """Synchronises the two lists. `monotonic` counts seconds and never goes back."""

    def __init__(
        self,
        *,
        database: Database,
        writer: ListWriter,
        pseudonyms: Pseudonyms,
        account: SesAccount,
        cause_of: CauseOf,
        exempt_mailbox_simulator: bool,
        mode: SesListSync,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._database = database
        self._writer = writer
        self._account = account
        exempt = exempt_mailbox_simulator
        self._pull = Pull(
            database=database,
            writer=writer,
            pseudonyms=pseudonyms,
            account=account,
            cause_of=cause_of,
            exempt_mailbox_simulator=exempt,
        )
        self._push = Push(database=database, account=account, exempt_mailbox_simulator=exempt)
        self._compare = Compare(database=database, pull=self._pull, push=self._push)
        self._mode = mode
        self._monotonic = monotonic
        self._sleep = sleep

    def sweep(self) -> int:
        """Make some calls to SES, if a pass is due and no other process works on it.

        Returns how many entries changed, on either list.
        """
        if self._mode is SesListSync.OFF:
            return 0
        with self._database.reading() as connection:
            place, now = SyncPosition.from_json(job_cursors.read(connection, CURSOR)), clock(connection)
        if not place.is_due(now):
            return 0
        with self._leased() as cursor:
            return self._slice(cursor) if cursor is not None else 0

    def position(self, caller: Caller) -> SyncPosition:
        """How far the synchronisation is, and what it found out about SES's list."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            return SyncPosition.from_json(job_cursors.read(connection, CURSOR))

    def run(self, caller: Caller, order: Order, *, show: Progress = lambda _place, _tally: None) -> Synced:
        """Carry out an order to its end. `show` is called with the progress after each call.

        Raises `Conflict` when another process stays busy with the list, and `SesRefused` when SES refuses a call. What
        was done stays done, and the next run continues from there.
        """
        caller.require(Scope.ADMIN)
        tally = Tally()
        with self._leased(wait_s=_WAIT_FOR_OTHERS_S) as cursor:
            if cursor is None:
                raise Conflict("Another process is busy with SES's list; try again in some minutes.")
            off = self._patiently(self._account.quota).switched_off
            place = cursor.place.take_up(order, cursor.now())
            cursor.keep(replace(place, push_rests_until=None, switched_off=off))
            while cursor.place.stage is not Stage.IDLE:
                before = cursor.place.stage
                self._patiently(lambda: self._step(cursor, tally))
                if before is not cursor.place.stage is Stage.PUSHING:
                    tally.to_put = self._push.count(cursor.place)
                show(cursor.place, tally)
        with self._database.transaction() as connection:
            counts = {
                "added": tally.added,
                "unsuppressed": tally.unsuppressed,
                "put": tally.put_at_ses,
                "removed": tally.removed_at_ses,
            }
            audit.write(connection, actor=caller.actor, action="ses_list_sync", key=None, reason=None, data=counts)
        drift = self._compare(self._last_read(), origins=order.origins or ALWAYS_PUT)
        return Synced(tally=tally, drift=drift, switched_off=off)

    def remove_ended(self, ended: Suppression) -> bool:
        """Take an address whose pause has ended off SES's list, if SES listed it for a bounce that does not suppress.

        Returns False when SES could not be asked; it is asked again later. Credentials that may not ask change nothing.
        """
        with self._database.reading() as connection:
            spellings = ses_list.spellings(connection, [ended.key])
        try:
            for spelling in spellings:
                self._pull.settle(spelling, Tally())
        except SesRefused as error:
            log.warning("ses_removal_pending", entries=1, reason=error.detail)
            return False
        with self._database.transaction() as connection:
            self._writer.note_ses_removal(connection, [ended.id])
        return True

    def look(self, caller: Caller, order: Order, *, show: Progress = lambda _place, _tally: None) -> Synced:
        """Show what `run` would do: read SES's whole list, and change nothing. Raises `SesRefused`."""
        caller.require(Scope.ADMIN)
        tally = Tally()
        off = self._patiently(self._account.quota).switched_off
        drift = self._compare(self._pages(tally, show), origins=order.origins or ALWAYS_PUT)
        return Synced(tally=tally, drift=drift, switched_off=off)

    def _slice(self, cursor: "CursorLease") -> int:
        tally, until = Tally(), self._monotonic() + _SLICE_S
        if cursor.place.stage is Stage.IDLE:
            cursor.keep(self._scheduled(cursor.place, cursor.now()))
        try:
            for _ in range(_STEPS):
                self._step(cursor, tally)
                if cursor.place.stage is Stage.IDLE or self._monotonic() >= until:
                    break
        except SesRefused as error:
            if not error.throttled:
                log.warning("ses_list_waits", stage=cursor.place.stage, reason=error.detail)
                cursor.keep(replace(cursor.place, rests_until=cursor.now() + _RESTS))
        if tally.push_refused:
            log.warning("ses_list_not_put", reason=tally.push_refused)
        if tally.departed_unbelieved:
            log.error("ses_list_shrunk", entries=tally.departed_unbelieved)
        return tally.moved

    def _scheduled(self, place: SyncPosition, now: datetime) -> SyncPosition:
        """The position of a pass that begins now. SES's list is read often, and ours is put there once a day.

        Once a day is enough, since SES itself lists at once the addresses that bounce through it.
        """
        begun = replace(place.begin(Order(), now), switched_off=self._now_switched_off(place))
        rests = place.push_rests_until is not None and now < place.push_rests_until
        pushes = self._mode is SesListSync.BOTH and begun.full and not rests
        return replace(begun, order=Order(origins=ALWAYS_PUT)) if pushes else begun

    def _now_switched_off(self, place: SyncPosition) -> tuple[str, ...]:
        """The reasons for which SES's list stops no email; those known before when SES does not say."""
        try:
            return self._account.quota().switched_off
        except ServiceUnavailable as error:
            log.warning("ses_list_reasons_unknown", reason=error.detail)
            return place.switched_off

    def _step(self, cursor: "CursorLease", tally: Tally) -> None:
        place = cursor.place
        try:
            if place.contested:
                self._pull.settle(place.contested[0], tally)
                cursor.keep(replace(place, contested=place.contested[1:]))
            elif place.stage is Stage.LISTING:
                cursor.keep(self._pull.read_page(place, tally))
            elif place.stage is Stage.SEEKING:
                cursor.keep(self._pull.seek(place, tally))
            elif place.stage is Stage.LEAVING:
                cursor.keep(self._pull.unsuppress_absent(place, tally))
            else:
                cursor.keep(self._push.put_next(place, tally, cursor.keep))
        except PageLost:
            cursor.keep(place.done())
            raise

    def _patiently(self, ask: Callable[[], T]) -> T:
        """Repeat the call with growing pauses while SES says that calls come too fast."""
        for throttled in range(_MOST_THROTTLED):
            try:
                return ask()
            except SesRefused as error:
                if not error.throttled:
                    raise
                self._sleep(min(2.0**throttled, 30.0))
        return ask()

    def _pages(self, tally: Tally, show: Progress) -> Iterator[Sequence[Suppressed]]:
        token: str | None = None
        while True:
            page = self._patiently(lambda: self._account.list_suppressed(token))  # noqa: B023 - called at once
            tally.pages += 1
            tally.entries += len(page.entries)
            show(SyncPosition(stage=Stage.LISTING, pages=tally.pages, entries=tally.entries), tally)
            yield page.entries
            token = page.next_page
            if token is None:
                return

    def _last_read(self) -> Iterator[Sequence[Suppressed]]:
        """SES's list as last read, without a call to SES."""
        after = ""
        while True:
            with self._database.reading() as connection:
                rows = ses_list.page(connection, after=after, limit=PAGE_SIZE)
            if not rows:
                return
            yield [Suppressed(address=one.address, reason=one.reason, updated_at=one.updated_at) for one in rows]
            after = rows[-1].address

    @contextmanager
    def _leased(self, *, wait_s: int = 0) -> Iterator["CursorLease | None"]:
        """Take the lease of the cursor. Gives None when another process still has it after about `wait_s` seconds."""
        holder, place = new_id(), None
        for _ in range(wait_s + 1):
            with self._database.transaction() as connection:
                state = job_cursors.take(connection, CURSOR, holder=holder, lease=_LEASE)
            if state is not None:
                place = SyncPosition.from_json(state)
                break
            if wait_s:
                self._sleep(1.0)
        if place is None:
            yield None
            return
        try:
            yield CursorLease(self._database, holder, place)
        finally:
            with self._database.transaction() as connection:
                job_cursors.free(connection, CURSOR, holder=holder)


class CursorLease:
    """The cursor while this process has its lease, and the position that was saved last."""

    def __init__(self, database: Database, holder: UUID, place: SyncPosition) -> None:
        self._database = database
        self._holder = holder
        self.place = place

    def keep(self, place: SyncPosition) -> None:
        """Save how far the work has got, and renew the lease. Raises `Overtaken`."""
        with self._database.transaction() as connection:
            if not job_cursors.keep(connection, CURSOR, place.to_json(), holder=self._holder, lease=_LEASE):
                raise Overtaken("Another process continued with SES's list; try again in some minutes.")
        self.place = place

    def now(self) -> datetime:
        """The database's clock."""
        with self._database.reading() as connection:
            return clock(connection)
