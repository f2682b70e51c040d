"""Erase what is past its retention: bodies, notifications, webhooks, idempotency keys, and heartbeats of old processes.

Bodies last for a time after their email has ended, notifications after they came, and events for endpoints as long;
each kind is erased by itself.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import Connection

from app.store.apps import keys
from app.store.engine.database import Database, clock
from app.store.feedback import notifications, refused_messages
from app.store.operating import heartbeats
from app.store.submission import emails
from app.store.webhooks import outbox

log = structlog.get_logger()

_BATCH: Final = 200


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
        """Erase all bodies, notifications and idempotency keys past their retention, a batch at a time.

        Each batch of each kind is a transaction, so a slow or failed one undoes nothing of the others. Raises the error
        of the first kind that failed, once the others were erased.
        """
        kinds = (
            self._erase_bodies,
            self._erase_notifications,
            self._erase_webhooks,
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

    def _erase_idempotency_keys(self) -> int:
        return self._until_none(lambda connection: keys.forget_expired(connection, limit=self._batch))

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
