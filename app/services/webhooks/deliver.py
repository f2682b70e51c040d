"""Deliver due events: claim endpoints fairly and give each a turn, many side by side.

The unit of a claim is an endpoint: one that is slow or dead takes a thread for its turn, and no other endpoint waits
for it. Those that waited longest go first. A turn is in `app.services.webhooks.turn`.
"""

import threading
from functools import partial
from typing import Final
from uuid import UUID

import structlog

from app.domain.errors import ServiceUnavailable
from app.queue import WEBHOOKS, Bells
from app.services.sending.thread_pools import Threads
from app.services.webhooks.turn import Turn, TurnParts
from app.store.engine.database import Database
from app.store.engine.ids import new_id
from app.store.webhooks import endpoints
from app.store.webhooks.endpoints import Endpoint

log = structlog.get_logger()

_TURNS: Final = 32
_LOOK_AGAIN_S: Final = 1.0
_LONGEST_STOP_S: Final = 5.0


class DeliverWebhooks:
    """Delivers events. One per process, and one thread of it drains."""

    def __init__(self, *, database: Database, bells: Bells, parts: TurnParts) -> None:
        self.parts = parts
        self._database = database
        self._bells = bells
        self._turns = Threads(_TURNS, name="webhook_turn")
        self._changed = threading.Event()
        self._lock = threading.Lock()
        self._active = 0
        self._made = 0

    def drain(self) -> int:
        """Give turns to endpoints until no delivery is due and no turn is left; return how many calls were made.

        While a slow turn goes on it looks again every second, and at once after `wake`.
        """
        self._bells.answered(WEBHOOKS)
        self.parts.lanes.start()
        before = self._made
        while True:
            self._changed.clear()
            claimed = self._claim()
            if self.parts.stopping.is_set() or not (claimed or self._active):
                return self._made - before
            self._changed.wait(_LOOK_AGAIN_S)

    def wake(self) -> None:
        """Have a drain that goes on look at once for what is due."""
        self._changed.set()

    def stop(self) -> None:
        """Begin no more calls."""
        self.parts.stopping.set()
        self._changed.set()

    def close(self) -> None:
        """Begin no more calls, and wait a few seconds for those on the wire.

        Those that take longer are left: their endpoints are claimed again once the lease is over, and get the same
        events again.
        """
        self.stop()
        self._turns.close(within_s=_LONGEST_STOP_S)
        self.parts.lanes.close(within_s=_LONGEST_STOP_S)

    def _claim(self) -> tuple[Endpoint, ...]:
        room = _TURNS - self._active
        if self.parts.stopping.is_set() or not room:
            return ()
        token = new_id()
        try:
            with self._database.transaction() as connection:
                claimed = endpoints.claim(connection, token, limit=room)
        except ServiceUnavailable as error:
            log.warning("webhook_claim_failed", reason=error.detail)
            return ()
        with self._lock:
            self._active += len(claimed)
        for endpoint in claimed:
            self._turns.do(partial(self._run, endpoint, token))
        return claimed

    def _run(self, endpoint: Endpoint, token: UUID) -> None:
        made = 0
        try:
            made = Turn(self.parts, endpoint, token).run()
        except ServiceUnavailable as error:
            log.warning("webhook_turn_failed", endpoint_id=str(endpoint.id), reason=error.detail)
        finally:
            with self._lock:
                self._active -= 1
                self._made += made
            self._changed.set()
