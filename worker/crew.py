"""What one worker process holds while it lives: its gateway, and a thread that says now and then that it is alive.

The same thread claims by itself when no bell has come for a while: then the broker is away, and mail must not wait for
it.
"""

import os
import socket
import threading
import time
from typing import Final

import structlog

from app.domain.errors import ServiceUnavailable
from app.queue import Lane
from app.wiring import Gateway

log = structlog.get_logger()

_BEAT_EVERY_S: Final = 5.0
_SILENCE_S: Final = 15.0


class Crew:
    """One worker process's gateway and its pulse."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._last_bell = time.monotonic()
        self._working = threading.Lock()
        self._over = threading.Event()
        self._pulse = threading.Thread(target=self._live, name="pulse", daemon=True)
        self._pulse.start()

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

    def _live(self) -> None:
        pause = 0.0
        while not self._over.wait(pause):
            pause = _BEAT_EVERY_S
            try:
                self.gateway.workforce.beat(self._name)
                self.gateway.recover()
                if time.monotonic() - self._last_bell > _SILENCE_S:
                    self._work_unasked()
            except ServiceUnavailable as error:
                log.warning("pulse_missed", reason=error.detail)

    def _work_unasked(self) -> None:
        if not self._working.acquire(blocking=False):
            return
        try:
            for lane in Lane:
                self.gateway.deliver.drain(lane)
            self.gateway.settle.drain()
        finally:
            self._working.release()
