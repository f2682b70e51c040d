"""The gateway of one worker process, and its background threads.

The heartbeat records regularly that the process is alive. The fallback claims by itself when no bell has come for a
while, and runs sweeps that have not run for long: then the broker is away, or its queues are long, and work must not
wait for it. The continuation claims at once when the broker does not take the bell for the rest of a drain. The
liveness check looks whether messages still come through, and has a deaf worker restarted. Webhooks have a thread of
their own, since an endpoint may be slow and email must not wait for it. The pollers are in `worker.queue_pollers`.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from app.domain.errors import ServiceUnavailable
from app.domain.sending.trying import TEST_LANE
from app.queue import Lane
from app.services.operating.sweeps import EVERY_S, Sweep
from app.wiring.gateway import Gateway
from worker.broker_liveness import BrokerLiveness
from worker.consumer import last_refusal
from worker.node import Node
from worker.queue_pollers import QueuePollers

log = structlog.get_logger()

_BEAT_EVERY_S: Final = 5.0
_LOOK_LASTS_S: Final = 1.0
_SILENCE_S: Final = 15.0
_INTERVALS_MISSED: Final = 3


class Crew:
    """One worker process's gateway and its threads; `node` is the worker that it is a process of."""

    def __init__(self, gateway: Gateway, *, node: Node | None = None) -> None:
        self.gateway = gateway
        self._node = node
        self._broker_liveness = _broker_liveness(gateway, node) if node else None
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._last_bell = time.monotonic()
        self._working = threading.Lock()
        self._over = threading.Event()
        self._left_over = threading.Event()
        self._events_due = threading.Event()
        self._threads: list[threading.Thread] = []
        self._start("heartbeat", self._record_heartbeat, _BEAT_EVERY_S)
        self._start("fallback", self._work_without_broker, _BEAT_EVERY_S)
        self._start("continuation", self._continue, 0.0)
        self._start("webhooks", self._drain_webhooks, 0.0)
        if self._broker_liveness is not None:
            self._start("liveness", self._check_liveness, self._broker_liveness.pause_s)
        self._pollers = QueuePollers(gateway.queue_intakes)
        gateway.write_timings.start()

    def drain(self, lane: str) -> None:
        """Answer a bell of this lane."""
        with self._called(), self._working:
            more = self.gateway.deliver.drain(lane).more
        if more:
            self._left_over.set()

    def settle(self) -> None:
        """Answer the bell of notifications."""
        with self._called(), self._working:
            self.gateway.settle.drain()

    def deliver_webhooks(self) -> None:
        """Answer the bell of webhooks: its thread begins, or looks again."""
        with self._called():
            self._wake_webhooks()

    def sweep(self, sweep: Sweep) -> None:
        """Run one sweep."""
        with self._called():
            self.gateway.upkeep.run(sweep)

    def hear(self) -> None:
        """Receive a canary. It is no bell: when only canaries come through, the fallback has to work."""
        if self._broker_liveness is not None:
            self._broker_liveness.begin()
            self._broker_liveness.end()

    def close(self) -> None:
        """Finish the calls on the wire. The threads get a moment to end, since they hold connections."""
        self._over.set()
        self._left_over.set()
        self._events_due.set()
        self.gateway.webhooks.deliver.stop()
        self._pollers.close()
        for thread in self._threads:
            thread.join(_LOOK_LASTS_S)
        self.gateway.close()

    @contextmanager
    def _called(self) -> Iterator[None]:
        """Mark the time in which the task of a bell runs."""
        self._last_bell = time.monotonic()
        if self._broker_liveness is not None:
            self._broker_liveness.begin()
        try:
            yield
        finally:
            if self._broker_liveness is not None:
                self._broker_liveness.end()

    def _start(self, name: str, work: Callable[[], None], every_s: float) -> None:
        thread = threading.Thread(target=self._repeat, args=(work, every_s), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _repeat(self, work: Callable[[], None], every_s: float) -> None:
        pause = 0.0
        while not self._over.wait(pause):
            pause = every_s
            self._guarded(work)

    def _guarded(self, work: Callable[[], object]) -> None:
        """Log any failure and go on: a thread that ended would not be replaced."""
        try:
            work()
        except ServiceUnavailable as error:
            log.warning("pulse_missed", reason=error.detail)
        except Exception:
            log.exception("pulse_missed")

    def _record_heartbeat(self) -> None:
        self.gateway.workforce.beat(self._name)
        self.gateway.failover.look()
        self.gateway.recover()

    def _check_liveness(self) -> None:
        """End a deaf worker, unless its broker refuses it: then it tries by itself, and a new one could not start."""
        deaf = self._broker_liveness is not None and self._broker_liveness.is_deaf()
        if deaf and self._broker_liveness is not None and self._node is not None and not last_refusal.is_recent:
            log.error("worker_deaf", node=self._node.name, canaries=self._broker_liveness.unanswered)
            self._node.end(grace_s=self.gateway.settings.worker_silence_seconds / 2)

    def _work_without_broker(self) -> None:
        for sweep, seconds in EVERY_S.items():
            silence = timedelta(seconds=_INTERVALS_MISSED * max(seconds, _BEAT_EVERY_S))
            self._guarded(partial(self.gateway.upkeep.stand_in, sweep, silent_for=silence))
        if time.monotonic() - self._last_bell > _SILENCE_S:
            self._work_unasked()

    def _work_unasked(self) -> None:
        # Webhooks have a thread of their own, which need not wait until the email is sent.
        self._wake_webhooks()
        if not self._working.acquire(blocking=False):
            return
        try:
            more = [self.gateway.deliver.drain(lane).more for lane in (*Lane, TEST_LANE)]
            self.gateway.settle.drain()
        finally:
            self._working.release()
        if any(more):
            self._left_over.set()

    def _wake_webhooks(self) -> None:
        self._events_due.set()
        self.gateway.webhooks.deliver.wake()

    def _drain_webhooks(self) -> None:
        self._events_due.wait()
        self._events_due.clear()
        if not self._over.is_set():
            self.gateway.webhooks.deliver.drain()

    def _continue(self) -> None:
        """Go on with what a drain has left, unless the broker took a bell for it: then a worker will be called."""
        self._left_over.wait()
        self._left_over.clear()
        if not self._over.is_set() and not self.gateway.upkeep.ring_bells():
            self._work_unasked()


def _broker_liveness(gateway: Gateway, node: Node) -> BrokerLiveness:
    silence_s = gateway.settings.worker_silence_seconds
    return BrokerLiveness(node=node.name, shared=gateway.workforce, send_canary=node.send_canary, silence_s=silence_s)
