"""What has to happen although nobody asks: bells rung again, leases ended, mails expired, old bodies erased.

Each sweep is small, safe to run twice and at the same time as any other; each notes when it last succeeded. A sweep
never sends a mail and never moves one from `sending` back to the queue on time alone.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final

import structlog

from app.domain.delivery import CLAIMABLE, Event, Facts, State
from app.queue import DELIVER, SETTLE, Bells, Lane
from app.services.advance import advance
from app.services.isolate import save_isolated
from app.services.reconcile import Reconcile
from app.services.reviews import Reviews
from app.services.suppress import Suppress
from app.services.sync import Sync
from app.store import attempts, claims, emails, heartbeats, inbox, keys, recipients, suppression_pages, suppressions
from app.store.db import Database, clock
from app.store.positives import Positives

log = structlog.get_logger()

_BATCH: Final = 200
_KEYS: Final = 5_000
_MAY_EXPIRE: Final = CLAIMABLE | {State.HELD}


class Sweep(StrEnum):
    """The sweeps, by name."""

    BELLS = "bells"
    LEASES = "leases"
    EXPIRY = "expiry"
    UNCONFIRMED = "unconfirmed"
    POSITIVES = "positives"
    SES_REMOVALS = "ses_removals"
    REVIEWS = "reviews"
    SUPPRESSIONS = "suppressions"
    SES_LIST = "ses_list"
    RETENTION = "retention"


class Upkeep:
    """Runs sweeps."""

    def __init__(
        self,
        *,
        database: Database,
        positives: Positives,
        bells: Bells,
        suppress: Suppress,
        sync: Sync,
        reconcile: Reconcile,
        reviews: Reviews,
        body_lasts: timedelta,
        feedback_lasts: timedelta,
    ) -> None:
        self._database = database
        self._positives = positives
        self._bells = bells
        self._suppress = suppress
        self._body_lasts = body_lasts
        self._feedback_lasts = feedback_lasts
        self._sweeps: Mapping[Sweep, Callable[[], int]] = {
            Sweep.BELLS: self.ring_bells,
            Sweep.LEASES: self.end_leases,
            Sweep.EXPIRY: self.expire,
            Sweep.UNCONFIRMED: reconcile.sweep,
            Sweep.POSITIVES: self.warm_positives,
            Sweep.SES_REMOVALS: self.remove_at_ses,
            Sweep.REVIEWS: reviews.sweep,
            Sweep.SUPPRESSIONS: suppress.expire,
            Sweep.SES_LIST: sync.sweep,
            Sweep.RETENTION: self.erase,
        }

    def run(self, sweep: Sweep) -> int:
        """Run one sweep and note that it succeeded; how many rows it moved."""
        moved = self._sweeps[sweep]()
        with self._database.transaction() as connection:
            heartbeats.beat(connection, f"sweep:{sweep}", kind=heartbeats.SWEEPER)
        if moved and sweep is not Sweep.BELLS:
            log.info("swept", sweep=sweep, moved=moved)
        return moved

    def stand_in(self, sweep: Sweep, *, silent_for: timedelta) -> int:
        """Run a sweep that nobody has run for so long: the broker is away, or its queues are longer than its patience.

        One of all processes does. How many rows it moved.
        """
        with self._database.transaction() as connection:
            mine = heartbeats.take_over(connection, f"sweep:{sweep}", silent_for=silent_for)
        return self.run(sweep) if mine else 0

    def ring_bells(self) -> int:
        """Ring for lanes with due mail and for due feedback: what a lost broker or worker has left waiting."""
        with self._database.reading() as connection:
            lanes = [lane for lane in Lane if claims.has_due_mail(connection, lane)]
            feedback_waits = inbox.has_due(connection)
        bells = [DELIVER[lane] for lane in lanes] + ([SETTLE] if feedback_waits else [])
        return sum(self._bells.ring(bell) for bell in bells)

    def end_leases(self) -> int:
        """Mails whose worker never reported become `unconfirmed`: they may have been sent."""
        with self._database.transaction() as connection:
            now = clock(connection)
            lapsed = recipients.lock_lapsed(connection, limit=_BATCH)
            reason = "The worker did not report in time; the mail may have been sent."
            moved = [advance(row, Event.LEASE_EXPIRED, Facts(), now=now, reason=reason) for row in lapsed.values()]
            save_isolated(connection, [row for row in moved if row is not None])
            attempts.close_calling(connection, lapsed, reason=reason)
        return len(lapsed)

    def expire(self) -> int:
        """Mails that may no longer be sent end as `expired`, unless a call may have sent them."""
        with self._database.transaction() as connection:
            now = clock(connection)
            late = recipients.lock_expired(connection, states=_MAY_EXPIRE, limit=_BATCH)
            flying = attempts.still_open(connection, late)
            reason = "The mail expired before it could be sent."
            moved = [
                advance(row, Event.EXPIRE, Facts(attempt_open=row.id in flying), now=now, reason=reason)
                for row in late.values()
            ]
            return save_isolated(connection, [row for row in moved if row is not None])

    def warm_positives(self) -> int:
        """Refill Redis from SQL when it lost the positives; until then every look-up asks SQL."""
        if self._positives.look_up(["postern"]) is not None:
            return 0
        return int(self._positives.rebuild(self._live_keys_twice()))

    def _live_keys_twice(self) -> Iterator[str]:
        """Read twice, since what is committed during the first pass is only in the second.

        A page at a time: no transaction is as long as Redis takes for the whole list.
        """
        for _ in range(2):
            after = ""
            while keys := self._live_keys(after):
                yield from keys
                after = keys[-1]

    def _live_keys(self, after: str) -> tuple[str, ...]:
        with self._database.reading() as connection:
            return suppression_pages.live_keys(connection, after=after, limit=_KEYS)

    def remove_at_ses(self) -> int:
        """Take addresses off SES's account list where that could not be done at once."""
        with self._database.reading() as connection:
            pending = suppressions.pending_ses_removals(connection, limit=20)
        return sum(self._suppress.remove_at_ses([entry]) != "pending" for entry in pending)

    def erase(self) -> int:
        """Erase bodies, notifications and idempotency keys past their retention: all there are, a batch at a time."""
        erased = 0
        while more := self._erase_some():
            erased += more
        return erased

    def _erase_some(self) -> int:
        with self._database.transaction() as connection:
            now = clock(connection)
            bodies = emails.erase_bodies(connection, ended_before=now - self._body_lasts, limit=_BATCH)
            raw = inbox.erase(connection, received_before=now - self._feedback_lasts, limit=_BATCH)
            heartbeats.forget(connection, before=now - timedelta(days=1))
            return bodies + raw + keys.forget_expired(connection)
