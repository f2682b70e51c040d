"""Work that no request triggers: ring bells again, end leases, expire emails, and run the sweeps of other services.

Each sweep is small and safe to run twice and at the same time as any other; each notes when it last succeeded. A sweep
never sends an email and never moves one from `sending` back to the queue on time alone.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import Connection

from app.domain.sending.state_machine import CLAIMABLE, Event, State, TransitionFacts
from app.domain.sending.trying import TEST_LANE
from app.queue import SETTLE, WEBHOOKS, Bells, Lane, deliver_bell
from app.services.account.sync_list import Sync
from app.services.apps.watch_budgets import WatchBudgets
from app.services.isolation import each_apart, save_isolated
from app.services.moves import moves_of, note_moves
from app.services.operating.alerts.silence import Silence
from app.services.operating.alerts.smtp_silence import SmtpSilence
from app.services.operating.alerts.watch import WatchAlerts
from app.services.operating.canary.watch import Canary
from app.services.operating.refusals import Refusals
from app.services.operating.retention import EmailRetention, Retention
from app.services.operating.sweeps import Sweep
from app.services.reporting.fold_counts import FoldCounts
from app.services.sending.transition import advance
from app.services.sending.unconfirmed import Reconcile
from app.services.suppression.review_bounces import Reviews
from app.services.suppression.unsuppress import Unsuppress
from app.store.engine.database import Database, clock
from app.store.feedback import notifications
from app.store.operating import heartbeats
from app.store.sending import attempts, due_email, recipients
from app.store.sending.recipients import Recipient
from app.store.suppression import pages, ses_removals
from app.store.suppression.positive_cache import Positives
from app.store.suppression.suppressions import POSTERN, Suppression
from app.store.webhooks import endpoints

log = structlog.get_logger()

BATCH: Final = 200
_BATCHES: Final = 100
_KEYS: Final = 5_000
_MAY_EXPIRE: Final = CLAIMABLE | {State.HELD}
_QUIET: Final = {Sweep.BELLS, Sweep.COUNTS}


class Upkeep:
    """Runs sweeps."""

    def __init__(
        self,
        *,
        database: Database,
        positives: Positives,
        bells: Bells,
        unsuppress: Unsuppress,
        sync: Sync,
        reconcile: Reconcile,
        reviews: Reviews,
        refusals: Refusals,
        silence: Silence,
        smtp_silence: SmtpSilence,
        alerts: WatchAlerts,
        fold_counts: FoldCounts,
        watch_budgets: WatchBudgets,
        canary: Canary,
        retention: Retention,
        email_retention: EmailRetention,
    ) -> None:
        self._database = database
        self._positives = positives
        self._bells = bells
        self._unsuppress = unsuppress
        self._sync = sync
        self._sweeps: Mapping[Sweep, Callable[[], int]] = {
            Sweep.BELLS: self.ring_bells,
            Sweep.LEASES: self.end_leases,
            Sweep.EXPIRY: self.expire,
            Sweep.UNCONFIRMED: reconcile.sweep,
            Sweep.POSITIVES: self.warm_positives,
            Sweep.SES_REMOVALS: self.remove_at_ses,
            Sweep.REVIEWS: reviews.sweep,
            Sweep.REFUSALS: refusals.sweep,
            Sweep.SILENCE: lambda: silence.sweep() + smtp_silence.sweep(),
            Sweep.ALERTS: alerts.sweep,
            Sweep.SUPPRESSIONS: unsuppress.expire,
            Sweep.SES_LIST: sync.sweep,
            Sweep.RETENTION: retention.sweep,
            Sweep.OLD_EMAILS: email_retention.sweep,
            Sweep.CANARY: canary.sweep,
            Sweep.COUNTS: fold_counts.sweep,
            Sweep.BUDGETS: watch_budgets.sweep,
        }

    def run(self, sweep: Sweep) -> int:
        """Run one sweep and note that it succeeded. How many rows it changed."""
        moved = self._sweeps[sweep]()
        with self._database.transaction() as connection:
            heartbeats.beat(connection, f"sweep:{sweep}", kind=heartbeats.SWEEPER)
        if moved and sweep not in _QUIET:
            log.info("swept", sweep=sweep, moved=moved)
        return moved

    def stand_in(self, sweep: Sweep, *, silent_for: timedelta) -> int:
        """Run a sweep that no process has run for `silent_for`: the broker is away, or its queues are too long.

        Only one of all processes does. How many rows it changed.
        """
        with self._database.transaction() as connection:
            is_due = heartbeats.take_over(connection, f"sweep:{sweep}", silent_for=silent_for)
        return self.run(sweep) if is_due else 0

    def ring_bells(self) -> int:
        """Ring for lanes with due email, due notifications and due webhooks, also those that were put off."""
        with self._database.reading() as connection:
            lanes = [lane for lane in (*Lane, TEST_LANE) if due_email.has_due_email(connection, lane)]
            notifications_wait = notifications.has_due(connection)
            events_wait = endpoints.has_due(connection)
        bells = list(dict.fromkeys(map(deliver_bell, lanes)))
        bells += [SETTLE] if notifications_wait else []
        bells += [WEBHOOKS] if events_wait else []
        return sum(self._bells.ring(bell) for bell in bells)

    def end_leases(self) -> int:
        """Move emails whose worker never reported to `unconfirmed`: they may have been sent. One batch per run."""
        with self._database.transaction() as connection:
            now = clock(connection)
            lapsed = recipients.lock_lapsed(connection, limit=BATCH)
            reason = "The worker did not report in time; the email may have been sent."
            moved = [
                advance(row, Event.LEASE_EXPIRED, TransitionFacts(), now=now, reason=reason) for row in lapsed.values()
            ]
            saved = save_isolated(connection, [row for row in moved if row is not None])
            attempts.close_calling(connection, lapsed, reason=reason)
            note_moves(connection, moves_of(lapsed, saved))
        return len(lapsed)

    def expire(self) -> int:
        """Expire emails that may no longer be sent, unless a call may have sent them: many batches, each committed.

        Claims look past every email that has expired, so after a long outage they must not stay in the queue for long.
        """
        expired, stuck = 0, set[UUID]()
        for _ in range(_BATCHES):
            with self._database.transaction() as connection:
                late = recipients.lock_expired(connection, states=_MAY_EXPIRE, without=stuck, limit=BATCH)
                ended = self._end_expired(connection, late)
            expired += ended
            if not late:
                break
            if ended < len(late):
                stuck |= late.keys()
        return expired

    def _end_expired(self, connection: Connection, late: Mapping[UUID, Recipient]) -> int:
        now = clock(connection)
        flying = attempts.still_open(connection, late)
        reason = "The email expired before it could be sent."
        moved = [
            advance(row, Event.EXPIRE, TransitionFacts(attempt_open=row.id in flying), now=now, reason=reason)
            for row in late.values()
        ]
        saved = save_isolated(connection, [row for row in moved if row is not None])
        note_moves(connection, moves_of(late, saved))
        return len(saved)

    def warm_positives(self) -> int:
        """Refill Redis from SQL when it lost the positives. Until then every look-up asks SQL."""
        if self._positives.look_up(["postern"]) is not None:
            return 0
        return int(self._positives.rebuild(self._live_keys_twice()))

    def _live_keys_twice(self) -> Iterator[str]:
        """Read the keys twice: keys committed during the first pass are only in the second.

        It reads a page at a time, so no transaction lasts as long as Redis takes for the whole list.
        """
        for _ in range(2):
            after = ""
            while keys := self._live_keys(after):
                yield from keys
                after = keys[-1]

    def _live_keys(self, after: str) -> tuple[str, ...]:
        with self._database.reading() as connection:
            return pages.live_keys(connection, after=after, limit=_KEYS)

    def remove_at_ses(self) -> int:
        """Remove addresses from SES's account list where that could not be done at once."""
        with self._database.reading() as connection:
            pending = ses_removals.pending(connection, limit=20)
        return each_apart(
            self._database,
            Sweep.SES_REMOVALS,
            pending,
            self._remove_at_ses,
            name=lambda entry: str(entry.id),
        )

    def _remove_at_ses(self, entry: Suppression) -> bool:
        if entry.removed_by == POSTERN:
            return self._sync.remove_ended(entry)
        return self._unsuppress.remove_at_ses([entry]) != "pending"
