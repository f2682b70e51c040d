"""What one worker process holds while it lives: its gateway, its pulse, and an understudy of the broker.

The pulse says now and then that the process is alive. The understudy claims by itself when no bell has come for a
while, and runs sweeps that nobody has run for long: the broker is away then, or its queues are long, and nothing may
wait for it.
"""

import os
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from app.domain.errors import ServiceUnavailable
from app.queue import Lane
from app.wiring import Gateway
from worker.schedule import EVERY_S

log = structlog.get_logger()

_BEAT_EVERY_S: Final = 5.0
_SILENCE_S: Final = 15.0
_INTERVALS_MISSED: Final = 3


class Crew:
    """One worker process's gateway and its pulse."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._last_bell = time.monotonic()
        self._working = threading.Lock()
        self._over = threading.Event()
        for name, work in {"pulse": self._live, "understudy": self._stand_in}.items():
            threading.Thread(target=self._repeat, args=(work,), name=name, daemon=True).start()

    def drain(self, lane: Lane) -> None:
        """Answer a bell of this lane."""
        self._last_bell = time.monotonic()
        with self._working:
            self.gateway.deliver.drain(lane)

    def settle(self) -> None:
        """Answer the bell of feedback."""
        self._last_bell = time.monotonic()
        with self._working:
            self.gateway.settle.drain()

    def heard(self) -> None:
        """Note that the broker still speaks to this process."""
        self._last_bell = time.monotonic()

    def close(self) -> None:
        """Finish what is on the wire."""
        self._over.set()
        self.gateway.close()

    def _repeat(self, work: Callable[[], None]) -> None:
        pause = 0.0
        while not self._over.wait(pause):
            pause = _BEAT_EVERY_S
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
            for lane in Lane:
                self.gateway.deliver.drain(lane)
            self.gateway.settle.drain()
        finally:
            self._working.release()
