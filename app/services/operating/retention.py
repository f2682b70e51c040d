"""Erase what is past its retention: bodies, notifications, webhooks, links, sign-ins, secrets of keys, emails.

Idempotency keys are forgotten too.

Bodies last for a time after their email has ended, notifications after they came, events for endpoints after they
occurred, links to outcomes after they expired, emails after they were accepted. Each kind is erased by itself.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import Connection

from app.domain.suppression.evidence import PastEvent, is_needed
from app.store.apps import keys
from app.store.engine.database import Database, clock
from app.store.feedback import notifications, refused_messages
from app.store.operating import heartbeats, job_cursors
from app.store.reporting import outcome_links
from app.store.submission import emails, idempotency_keys, old_emails
from app.store.users import sign_in_failures, sign_in_links, user_sessions
from app.store.webhooks import outbox

log = structlog.get_logger()

_BATCH: Final = 200
_MOST_A_RUN: Final = 10_000
_FAILURES_LAST: Final = timedelta(days=1)
EVENTS_CURSOR: Final = "old_events"


class Retention:
    """Erases what is past its retention, `batch` rows in a transaction."""

    def __init__(
        self, *, database: Database, body_lasts: timedelta, notifications_last: timedelta, batch: int = _BATCH
    ) -> None:
        self._database = database
        self._body_lasts = body_lasts
        self._notifications_last = notifications_last
        self._batch = batch

    def sweep(self) -> int:
        """Erase all that is past its retention, a batch at a time.

        Each batch of each kind is a transaction, so a slow or failed one undoes nothing of the others. Raises the error
        of the first kind that failed, once the others were erased.
        """
        kinds = (
            self._erase_bodies,
            self._erase_notifications,
            self._erase_webhooks,
            self._erase_outcome_links,
            self._erase_sign_ins,
            self._erase_secrets,
            self._erase_idempotency_keys,
            self._erase_heartbeats,
        )
        erased, failures = 0, []
        for kind in kinds:
            try:
                erased += kind()
            except Exception as error:  # noqa: BLE001 - raised below, once the other kinds had their turn
                # Without the text of the error, which may hold what should be erased.
                fields = {"kind": kind.__name__.removeprefix("_erase_"), "error": type(error).__name__}
                log.error("retention_failed", **fields)  # noqa: TRY400
                failures.append(error)
        if failures:
            raise failures[0]
        return erased

    def _erase_bodies(self) -> int:
        erased, after = 0, None
        while True:
            with self._database.transaction() as connection:
                before = clock(connection) - self._body_lasts
                batch = emails.erase_bodies(connection, ended_before=before, after=after, limit=self._batch)
            erased, after = erased + batch.erased, batch.last
            if after is None:
                return erased

    def _erase_notifications(self) -> int:
        def batch(connection: Connection) -> int:
            before = clock(connection) - self._notifications_last
            erased = notifications.erase(connection, received_before=before, limit=self._batch)
            return erased + refused_messages.erase(connection, refused_before=before, limit=self._batch)

        return self._until_none(batch)

    def _erase_webhooks(self) -> int:
        def batch(connection: Connection) -> int:
            before = clock(connection) - self._notifications_last
            return outbox.erase(connection, occurred_before=before, limit=self._batch)

        return self._until_none(batch)

    def _erase_outcome_links(self) -> int:
        def batch(connection: Connection) -> int:
            before = clock(connection) - self._notifications_last
            return outcome_links.erase(connection, expired_before=before, limit=self._batch)

        return self._until_none(batch)

    def _erase_sign_ins(self) -> int:
        def batch(connection: Connection) -> int:
            sessions = user_sessions.erase(connection, limit=self._batch)
            links = sign_in_links.erase(connection, limit=self._batch)
            return sessions + links + sign_in_failures.erase(connection, lasts=_FAILURES_LAST, limit=self._batch)

        return self._until_none(batch)

    def _erase_secrets(self) -> int:
        with self._database.transaction() as connection:
            return keys.erase_expired_secrets(connection)

    def _erase_idempotency_keys(self) -> int:
        return self._until_none(lambda connection: idempotency_keys.forget_expired(connection, limit=self._batch))

    def _erase_heartbeats(self) -> int:
        with self._database.transaction() as connection:
            heartbeats.forget(connection, before=clock(connection) - timedelta(days=1))
        return 0

    def _until_none(self, batch: Callable[[Connection], int]) -> int:
        """Run batches, one transaction each, until one erases nothing. How many rows they erased."""
        erased = 0
        while True:
            with self._database.transaction() as connection:
                found = batch(connection)
            if not found:
                return erased
            erased += found


class EmailRetention:
    """Deletes emails that were accepted longer than `lasts` ago, with their recipients, attempts and events.

    Events about email that is not known here are deleted once they are as old. Events that the suppression list needs
    stay.
    """

    def __init__(self, *, database: Database, lasts: timedelta | None, batch: int = _BATCH) -> None:
        """`lasts` None keeps everything."""
        self._database = database
        self._lasts = lasts
        self._batch = batch

    def sweep(self) -> int:
        """Delete some thousand emails and events at most, a batch in a transaction. How many; the next run goes on."""
        if self._lasts is None:
            return 0
        return self._delete_emails(self._lasts) + self._delete_events(self._lasts)

    def _delete_emails(self, lasts: timedelta) -> int:
        deleted, after = 0, None
        while deleted < _MOST_A_RUN:
            with self._database.transaction() as connection:
                before = clock(connection) - lasts
                old = old_emails.lock(connection, accepted_before=before, after=after, limit=self._batch)
                if old is None:
                    break
                told = old_emails.events_by_address(connection, old.recipients)
                kept = needed(connection, told)
                deleted += old_emails.delete_all(connection, old, keep_events=kept)
                after = old.last
        return deleted

    def _delete_events(self, lasts: timedelta) -> int:
        """Events of no email. Each is looked at once: those that stay are behind the cursor from then on."""
        deleted, looked_at = 0, 0
        while looked_at < _MOST_A_RUN:
            with self._database.transaction() as connection:
                place = job_cursors.lock(connection, EVENTS_CURSOR)
                after = UUID(place["after"]) if place else None
                before = clock(connection) - lasts
                old = old_emails.events_of_none(connection, recorded_before=before, after=after, limit=self._batch)
                if old is None:
                    break
                about = {one.id for of_key in old.by_address.values() for one in of_key}
                going = about.difference(needed(connection, old.by_address)).union(old.others)
                deleted += old_emails.delete_events(connection, going)
                job_cursors.write(connection, EVENTS_CURSOR, {"after": str(old.last)})
                looked_at += self._batch
        return deleted


def needed(connection: Connection, told: Mapping[str, Sequence[PastEvent]]) -> list[UUID]:
    """Those of these events, by address, that the suppression list still needs."""
    pasts = old_emails.pasts(connection, told) if told else {}
    return [one.id for key, of_key in told.items() for one in of_key if is_needed(one, pasts[key])]
