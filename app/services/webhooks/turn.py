"""The turn of one endpoint: one claim of it, for a few seconds, with a few calls side by side.

The first call shows how the endpoint is. If it is slow, the turn goes on with one call at a time. The turn ends when
three calls fail in a row, or when one fails slowly. Of an endpoint that failed before, the first failed call ends it.
So a dead endpoint takes one thread for a moment, and one that fails now and then still gets its other events. Events
about one thing are sent one after another.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from queue import SimpleQueue
from typing import Final, Protocol
from uuid import UUID

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from app import tracing
from app.domain.operating.histograms import ENDPOINT_ANSWER, EVENT_TAKEN
from app.domain.webhooks.formats import EndpointFormat
from app.domain.webhooks.post_result import PostResult
from app.domain.webhooks.signature import secret_bytes, signed_headers
from app.services.timings import Timings
from app.services.webhooks.lanes import Lanes
from app.services.webhooks.record import GONE, Called, RecordCalls
from app.services.webhooks.render import Render
from app.store.engine.database import Database
from app.store.operating import incidents
from app.store.submission.sealing import KeyRing, UnknownSealingKey, Unsealable
from app.store.webhooks import deliveries, endpoints, secrets
from app.store.webhooks.deliveries import Due
from app.store.webhooks.endpoints import Endpoint

log = structlog.get_logger()

WEBHOOK_UNSIGNED: Final = "webhook_unsigned"

_TURN_S: Final = 5.0
_BATCH: Final = 200
_SIDE_BY_SIDE: Final = 4
_QUICK_S: Final = 1.0
_RECORD_AT_MOST: Final = 100
_ALL_HELD_BACK_S: Final = 1.0
_AFTER_FAULT_S: Final = 30.0
_FAILED_IN_A_ROW: Final = 3
_SLOWLY_S: Final = _TURN_S / 2


class Poster(Protocol):
    """Posts to an endpoint; see `app.net.webhooks.post.WebhookPoster`."""

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> PostResult:
        """Post once, and return what became of it. It never raises for what the other side does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnParts:
    """What a turn works with. `clock` is the database's; after `stopping` no call begins."""

    database: Database
    key_ring: KeyRing
    render: Render
    record: RecordCalls
    poster: Callable[[EndpointFormat], Poster]
    lanes: Lanes
    clock: Callable[[], datetime]
    stopping: threading.Event
    timings: Timings
    monotonic: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class _Batch:
    """Due deliveries of an endpoint, the bodies of their messages, and the secrets that sign them."""

    due: Sequence[Due]
    bodies: dict[UUID, bytes]
    secrets: tuple[bytes, ...]


class Turn:
    """One claim of one endpoint."""

    def __init__(self, parts: TurnParts, endpoint: Endpoint, token: UUID) -> None:
        self._parts = parts
        self._endpoint = endpoint
        self._token = token
        self._ends = parts.monotonic() + _TURN_S
        self._is_ended = False
        self._lock = threading.Lock()
        self._has_taken = False
        self._failed_in_a_row = 0
        self._called: SimpleQueue[Called | None] = SimpleQueue()

    def run(self) -> int:
        """Deliver what is due until nothing is left or the turn ends; return how many calls were made."""
        made, wait_s = 0, _AFTER_FAULT_S
        try:
            made, is_dry = self._run()
            wait_s = _ALL_HELD_BACK_S if is_dry and not made else 0.0
        except (UnknownSealingKey, Unsealable) as error:
            self._note_unreadable(error)
        finally:
            self._is_ended = True
            with self._parts.database.transaction() as connection:
                endpoints.release(connection, self._endpoint.id, self._token, wait_s=wait_s)
        return made

    def _run(self) -> tuple[int, bool]:
        """How many calls were made, and whether nothing is left that may be delivered now."""
        made = 0
        while not self._is_over():
            batch = self._take(limit=1 if self._endpoint.failures and not made else _BATCH)
            if not batch.due:
                return made, True
            made += self._deliver(batch)
        return made, False

    def _note_unreadable(self, error: Exception) -> None:
        subject = f"{self._endpoint.app} {self._endpoint.id}"
        detail = f"The secret of the endpoint cannot be opened: {error}. Nothing is sent to it until it can."
        with self._parts.database.transaction() as connection:
            incidents.note(connection, kind=WEBHOOK_UNSIGNED, subject=subject, detail=detail)

    def _is_over(self) -> bool:
        return self._is_ended or self._parts.stopping.is_set() or self._parts.monotonic() >= self._ends

    def _take(self, *, limit: int) -> _Batch:
        with self._parts.database.reading() as connection:
            sealed = secrets.signing(connection, self._endpoint.id)
            # Without a secret the endpoint was deleted meanwhile.
            due = deliveries.due(connection, self._endpoint.id, limit=limit) if sealed else ()
            bodies = self._bodies(connection, due)
        opened = secrets.opened(self._parts.key_ring, sealed)
        if unmade := [one for one in due if one.message_id not in bodies]:
            self._parts.record.put_off_unmade(self._endpoint.id, self._token, unmade)
            due = tuple(one for one in due if one.message_id in bodies)
        return _Batch(due, bodies, tuple(map(secret_bytes, opened)))

    def _bodies(self, connection: Connection, due: Sequence[Due]) -> dict[UUID, bytes]:
        """The bodies of these, without those that cannot be made: a bad row holds up no other."""
        ids = [one.message_id for one in due]
        try:
            return self._parts.render(connection, self._endpoint, ids) if ids else {}
        except SQLAlchemyError:
            raise
        except Exception:
            if len(due) > 1:
                return {id_: body for one in due for id_, body in self._bodies(connection, [one]).items()}
            log.exception("webhook_not_rendered", message_id=str(ids[0]))
            return {}

    def _deliver(self, batch: _Batch) -> int:
        first, *others = sorted(batch.due, key=lambda one: one.id)
        began = self._parts.monotonic()
        called = self._call(batch, first)
        self._parts.record(self._endpoint.id, self._token, [called])
        is_quick = self._parts.monotonic() - began < _QUICK_S
        if not called.is_taken:
            others = [one for one in others if one.about_id != first.about_id]
        return 1 + self._deliver_others(batch, others, side_by_side=_SIDE_BY_SIDE if is_quick else 0)

    def _deliver_others(self, batch: _Batch, others: Sequence[Due], *, side_by_side: int) -> int:
        """Call for these, side by side as far as threads are free; return how many calls were made."""
        taken = self._parts.lanes.take(min(side_by_side, len(others)))
        if not taken:
            self._run_lane(batch, others)
            return self._record_all(1)
        lanes = _lanes(others, taken)
        self._parts.lanes.give_back(taken - len(lanes))
        for lane in lanes:
            self._parts.lanes.do(partial(self._run_lane, batch, lane))
        return self._record_all(len(lanes))

    def _run_lane(self, batch: _Batch, lane: Sequence[Due]) -> None:
        """Call for these one after another. Where one is not taken, later ones about the same thing wait."""
        waiting: set[UUID] = set()
        try:
            for due in lane:
                if self._is_over():
                    break
                if due.about_id in waiting:
                    continue
                called = self._call(batch, due)
                self._called.put(called)
                if not called.is_taken:
                    waiting.add(due.about_id)
        finally:
            self._called.put(None)

    def _record_all(self, lanes: int) -> int:
        """Record what the lanes report until all have ended; return how many calls they made."""
        made = 0
        while lanes:
            got = [self._called.get()]
            got += [self._called.get() for _ in range(min(self._called.qsize(), _RECORD_AT_MOST))]
            calls = [one for one in got if one is not None]
            lanes -= len(got) - len(calls)
            made += len(calls)
            if calls:
                self._parts.record(self._endpoint.id, self._token, calls)
        return made

    def _call(self, batch: _Batch, due: Due) -> Called:
        body = batch.bodies[due.message_id]
        now = self._parts.clock()
        signed = signed_headers(
            secrets=batch.secrets, message_id=str(due.message_id), timestamp=int(now.timestamp()), body=body
        )
        headers = {"Content-Type": "application/json", **signed}
        poster = self._parts.poster(self._endpoint.format)
        with tracing.span("webhook") as span:
            called = Called(due, poster.post(self._endpoint.url, headers, body))
            span.note(message_id=due.message_id, status=called.result.status)
        self._observe(called, began=now)
        return self._noticed(called)

    def _observe(self, called: Called, *, began: datetime) -> None:
        """Note how long the endpoint took to answer, and the event to arrive. A replay is no late event."""
        due, result = called.due, called.result
        if result.status is not None:
            self._parts.timings.observe(ENDPOINT_ANSWER, result.seconds)
        if called.is_taken and due.attempts == due.tries:
            self._parts.timings.observe(EVENT_TAKEN, (began - due.created_at).total_seconds() + result.seconds)

    def _noticed(self, called: Called) -> Called:
        """The call, and whether the turn ends with it. One that was still on the wire then is no further failure."""
        with self._lock:
            self._has_taken = self._has_taken or called.is_taken
            self._failed_in_a_row = self._failed_in_a_row + 1 if called.is_trouble else 0
            is_tried = self._endpoint.failures > 0 and not self._has_taken
            most = 1 if is_tried or called.result.seconds >= _SLOWLY_S else _FAILED_IN_A_ROW
            if self._is_ended or (self._failed_in_a_row < most and called.result.status != GONE):
                return called
            self._is_ended = True
            return replace(called, ends_turn=True)


def _lanes(due: Iterable[Due], count: int) -> list[list[Due]]:
    """At most `count` lanes, with all deliveries about one thing in one lane and in order."""
    lanes: defaultdict[int, list[Due]] = defaultdict(list)
    for one in due:
        lanes[one.about_id.int % count].append(one)
    return list(lanes.values())
