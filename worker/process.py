"""What one worker process holds while it lives: its gateway, its pulse, an understudy of the broker, and ears.

The pulse says now and then that the process is alive. The understudy claims by itself when no bell has come for a
while, and at once when the broker does not take the bell for what a drain has left; it runs sweeps that nobody has run
for long: the broker is away then, or its queues are long, and nothing may wait for it. The ears listen whether messages
still come through, and have a worker that is deaf started again.
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
from app.queue import Lane
from app.services.rhythm import EVERY_S
from app.services.upkeep import Sweep
from app.wiring import Gateway
from worker.ears import Ears
from worker.node import Node

log = structlog.get_logger()

_BEAT_EVERY_S: Final = 5.0
_LOOK_LASTS_S: Final = 1.0
_SILENCE_S: Final = 15.0
_INTERVALS_MISSED: Final = 3


class Crew:
    """One worker process's gateway and its pulse; `node` is the worker that it is a process of."""

    def __init__(self, gateway: Gateway, *, node: Node | None = None) -> None:
        self.gateway = gateway
        self._node = node
        self._ears = _ears(gateway, node) if node else None
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._last_bell = time.monotonic()
        self._working = threading.Lock()
        self._over = threading.Event()
        self._left_over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._start("pulse", self._live, _BEAT_EVERY_S)
        self._start("understudy", self._stand_in, _BEAT_EVERY_S)
        self._start("relief", self._go_on, 0.0)
        if self._ears is not None:
            self._start("ears", self._listen, self._ears.pause_s)

    def drain(self, lane: Lane) -> None:
        """Answer a bell of this lane."""
        with self._called(), self._working:
            more = self.gateway.deliver.drain(lane).more
        if more:
            self._left_over.set()

    def settle(self) -> None:
        """Answer the bell of feedback."""
        with self._called(), self._working:
            self.gateway.settle.drain()

    def sweep(self, sweep: Sweep) -> None:
        """Run one sweep."""
        with self._called():
            self.gateway.upkeep.run(sweep)

    def hear(self) -> None:
        """Hear a canary. It is no bell: where only canaries come through, the understudy has to work."""
        if self._ears is not None:
            self._ears.begin()
            self._ears.end()

    def close(self) -> None:
        """Finish what is on the wire. Threads in the middle of a look get a moment: they hold connections."""
        self._over.set()
        self._left_over.set()
        for thread in self._threads:
            thread.join(_LOOK_LASTS_S)
        self.gateway.close()

    @contextmanager
    def _called(self) -> Iterator[None]:
        """While the task of a bell is at work."""
        self._last_bell = time.monotonic()
        if self._ears is not None:
            self._ears.begin()
        try:
            yield
        finally:
            if self._ears is not None:
                self._ears.end()

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
        """Whatever fails is tried again: a thread that ended would be missed by nobody."""
        try:
            work()
        except ServiceUnavailable as error:
            log.warning("pulse_missed", reason=error.detail)
        except Exception:
            log.exception("pulse_missed")

    def _live(self) -> None:
        self.gateway.workforce.beat(self._name)
        self.gateway.recover()

    def _listen(self) -> None:
        if self._ears is not None and self._node is not None and self._ears.is_deaf():
            log.error("worker_deaf", node=self._node.name, canaries=self._ears.unanswered)
            self._node.end(grace_s=self.gateway.settings.worker_silence_seconds / 2)

    def _stand_in(self) -> None:
        for sweep, seconds in EVERY_S.items():
            silence = timedelta(seconds=_INTERVALS_MISSED * max(seconds, _BEAT_EVERY_S))
            self._guarded(partial(self.gateway.upkeep.stand_in, sweep, silent_for=silence))
        if time.monotonic() - self._last_bell > _SILENCE_S:
            self._work_unasked()

    def _work_unasked(self) -> None:
        if not self._working.acquire(blocking=False):
            return
        try:
            more = [self.gateway.deliver.drain(lane).more for lane in Lane]
            self.gateway.settle.drain()
        finally:
            self._working.release()
        if any(more):
            self._left_over.set()

    def _go_on(self) -> None:
        """With what a drain has left, unless a bell for it was taken: then it is the broker's to call somebody."""
        self._left_over.wait()
        self._left_over.clear()
        if not self._over.is_set() and not self.gateway.upkeep.ring_bells():
            self._work_unasked()


def _ears(gateway: Gateway, node: Node) -> Ears:
    silence_s = gateway.settings.worker_silence_seconds
    return Ears(node=node.name, rumour=gateway.workforce, send_canary=node.send_canary, silence_s=silence_s)
