"""SES's own suppression list and ours are kept in step: by the schedule, a few calls at a time, or by a person at once.

It decides who is at it: one process of all, for as long as its lease runs, so that calls come one a second and go on
where the last one stopped. What follows from the two lists is in `app.services.sync_pull` and `app.services.sync_push`.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID

import structlog

from app.aws.account import PAGE_SIZE, PageLost, SesAccount, SesRefused, Suppressed
from app.domain.callers import Caller, Scope
from app.domain.errors import Conflict
from app.domain.suppression import Origin
from app.services.sync_drift import Compare, Drift
from app.services.sync_place import Order, Place, Stage, Tally
from app.services.sync_pull import Pull
from app.services.sync_push import Push
from app.store import audit, cursors, ses_list
from app.store.db import Database, clock
from app.store.ids import new_id
from app.store.positives import Positives
from app.store.pseudonyms import Pseudonyms
from config import SesListSync

log = structlog.get_logger()

CURSOR: Final = "ses_list"
ALWAYS_PUT: Final = (Origin.BOUNCE, Origin.COMPLAINT)

_LEASE: Final = timedelta(seconds=90)
_STEPS: Final = 4
_SLICE_S: Final = 6.0
_RESTS: Final = timedelta(minutes=15)
_WAIT_FOR_OTHERS_S: Final = 120
_MOST_THROTTLED: Final = 8

Progress = Callable[[Place, Tally], None]
T = TypeVar("T")


class Overtaken(Conflict):
    """Another process went on with the work, since this one did not report for longer than its lease."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """What was done, and how the two lists stand after it; of the account, for which reasons its list has effect."""

    tally: Tally
    drift: Drift
    reasons: frozenset[str]


class Sync:
    """Keeps the two lists in step. `monotonic` counts seconds and never goes back."""

    def __init__(
        self,
        *,
        database: Database,
        positives: Positives,
        pseudonyms: Pseudonyms,
        account: SesAccount,
        exempt_mailbox_simulator: bool,
        mode: SesListSync,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._database = database
        self._account = account
        exempt = exempt_mailbox_simulator
        self._pull = Pull(
            database=database,
            positives=positives,
            pseudonyms=pseudonyms,
            account=account,
            exempt_mailbox_simulator=exempt,
        )
        self._push = Push(database=database, account=account, exempt_mailbox_simulator=exempt)
        self._compare = Compare(database=database, pull=self._pull, push=self._push)
        self._mode = mode
        self._monotonic = monotonic
        self._sleep = sleep

    def sweep(self) -> int:
        """Some calls to SES, if something is due and nobody is at it; how many entries changed, on either list."""
        if self._mode is SesListSync.OFF:
            return 0
        with self._database.reading() as connection:
            place, now = Place.from_json(cursors.read(connection, CURSOR)), clock(connection)
        if not place.is_due(now):
            return 0
        with self._held() as hold:
            return self._slice(hold) if hold is not None else 0

    def run(self, caller: Caller, order: Order, *, tell: Progress = lambda _place, _tally: None) -> Synced:
        """All that is ordered, to its end. `tell` hears after each call how far it is.

        Raises `Conflict` when another one is at it for long, `SesRefused` when SES does not let us: what was done stays
        done, and the next run goes on from there.
        """
        caller.require(Scope.ADMIN)
        tally = Tally()
        with self._held(wait_s=_WAIT_FOR_OTHERS_S) as hold:
            if hold is None:
                raise Conflict("Another process is busy with SES's list; look again in some minutes.")
            reasons = self._patiently(self._account.quota).suppressed_reasons
            hold.keep(replace(hold.place.take_up(order, hold.now()), push_rests_until=None))
            while hold.place.stage is not Stage.IDLE:
                before = hold.place.stage
                self._patiently(lambda: self._step(hold, tally))
                if before is not hold.place.stage is Stage.PUSHING:
                    tally.to_put = self._push.count(hold.place)
                tell(hold.place, tally)
        with self._database.transaction() as connection:
            told = {
                "added": tally.added,
                "lifted": tally.lifted,
                "put": tally.put_at_ses,
                "removed": tally.removed_at_ses,
            }
            audit.write(connection, actor=caller.actor, action="ses_list_sync", key=None, reason=None, data=told)
        drift = self._compare(self._last_read(), origins=order.origins or ALWAYS_PUT)
        return Synced(tally=tally, drift=drift, reasons=reasons)

    def look(self, caller: Caller, order: Order, *, tell: Progress = lambda _place, _tally: None) -> Synced:
        """What `run` would do: SES's whole list is read, and nothing is changed anywhere. Raises `SesRefused`."""
        caller.require(Scope.ADMIN)
        tally = Tally()
        reasons = self._patiently(self._account.quota).suppressed_reasons
        drift = self._compare(self._pages(tally, tell), origins=order.origins or ALWAYS_PUT)
        return Synced(tally=tally, drift=drift, reasons=reasons)

    def _slice(self, hold: "Hold") -> int:
        tally, until = Tally(), self._monotonic() + _SLICE_S
        if hold.place.stage is Stage.IDLE:
            hold.keep(self._scheduled(hold.place, hold.now()))
        try:
            for _ in range(_STEPS):
                self._step(hold, tally)
                if hold.place.stage is Stage.IDLE or self._monotonic() >= until:
                    break
        except SesRefused as error:
            if not error.throttled:
                log.warning("ses_list_waits", stage=hold.place.stage, reason=error.detail)
                hold.keep(replace(hold.place, rests_until=hold.now() + _RESTS))
        if tally.push_refused:
            log.warning("ses_list_not_put", reason=tally.push_refused)
        if tally.departed_unbelieved:
            log.error("ses_list_shrunk", entries=tally.departed_unbelieved)
        return tally.moved

    def _scheduled(self, place: Place, now: datetime) -> Place:
        """What is read often, ours is told once a day: SES itself lists at once what bounces through it."""
        begun = place.begin(Order(), now)
        rests = place.push_rests_until is not None and now < place.push_rests_until
        tells = self._mode is SesListSync.BOTH and begun.full and not rests
        return replace(begun, order=Order(origins=ALWAYS_PUT)) if tells else begun

    def _step(self, hold: "Hold", tally: Tally) -> None:
        place = hold.place
        try:
            if place.contested:
                self._pull.settle(place.contested[0], tally)
                hold.keep(replace(place, contested=place.contested[1:]))
            elif place.stage is Stage.LISTING:
                hold.keep(self._pull.read_page(place, tally))
            elif place.stage is Stage.SEEKING:
                hold.keep(self._pull.seek(place, tally))
            elif place.stage is Stage.LEAVING:
                hold.keep(self._pull.let_go(place, tally))
            else:
                hold.keep(self._push.put_next(place, tally, hold.keep))
        except PageLost:
            hold.keep(place.done())
            raise

    def _patiently(self, ask: Callable[[], T]) -> T:
        """Ask again, later and later, while SES says that calls come too fast."""
        for throttled in range(_MOST_THROTTLED):
            try:
                return ask()
            except SesRefused as error:
                if not error.throttled:
                    raise
                self._sleep(min(2.0**throttled, 30.0))
        return ask()

    def _pages(self, tally: Tally, tell: Progress) -> Iterator[Sequence[Suppressed]]:
        token: str | None = None
        while True:
            page = self._patiently(lambda: self._account.list_suppressed(token))  # noqa: B023 - called at once
            tally.pages += 1
            tally.entries += len(page.entries)
            tell(Place(stage=Stage.LISTING, pages=tally.pages, entries=tally.entries), tally)
            yield page.entries
            token = page.next_page
            if token is None:
                return

    def _last_read(self) -> Iterator[Sequence[Suppressed]]:
        """SES's list as last read, without a call."""
        after = ""
        while True:
            with self._database.reading() as connection:
                rows = ses_list.page(connection, after=after, limit=PAGE_SIZE)
            if not rows:
                return
            yield [Suppressed(address=one.address, reason=one.reason, updated_at=one.updated_at) for one in rows]
            after = rows[-1].address

    @contextmanager
    def _held(self, *, wait_s: int = 0) -> Iterator["Hold | None"]:
        """The cursor, held by nobody else; None when somebody else holds it for longer than that."""
        holder, place = new_id(), None
        for _ in range(wait_s + 1):
            with self._database.transaction() as connection:
                state = cursors.take(connection, CURSOR, holder=holder, lease=_LEASE)
            if state is not None:
                place = Place.from_json(state)
                break
            if wait_s:
                self._sleep(1.0)
        if place is None:
            yield None
            return
        try:
            yield Hold(self._database, holder, place)
        finally:
            with self._database.transaction() as connection:
                cursors.free(connection, CURSOR, holder=holder)


class Hold:
    """The cursor in the hands of one process, and the place that was kept last."""

    def __init__(self, database: Database, holder: UUID, place: Place) -> None:
        self._database = database
        self._holder = holder
        self.place = place

    def keep(self, place: Place) -> None:
        """Note where the work has got to, and hold on. Raises `Overtaken`."""
        with self._database.transaction() as connection:
            if not cursors.keep(connection, CURSOR, place.to_json(), holder=self._holder, lease=_LEASE):
                raise Overtaken("Another process went on with SES's list; look again in some minutes.")
        self.place = place

    def now(self) -> datetime:
        """The database's clock."""
        with self._database.reading() as connection:
            return clock(connection)
