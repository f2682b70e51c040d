"""A Celery consumer that survives refusals: a broker that answers with an error does not end the worker.

Celery retries a broker that is away. One that answers and refuses (a read-only replica, no memory, no permission, a
cluster) ends the worker with "Unrecoverable error", and the next one cannot start. This consumer waits and tries again,
for as long as it takes. Meanwhile the worker's processes look for work by themselves, and do not count as deaf.
"""

import mmap
import struct
import time
from typing import Any, Final

import structlog
from botocore.exceptions import ClientError
from celery.worker.consumer import Consumer
from celery.worker.state import maybe_shutdown
from redis.exceptions import RedisClusterException, RedisError

log = structlog.get_logger()

REFUSALS: Final = (RedisError, RedisClusterException, ClientError)
"""Errors by which the clients of brokers report an error answer; Celery's transports do not list all of them."""
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 10.0
_STEADY_AFTER_S: Final = 30.0
_LOOK_EVERY_S: Final = 0.1
_TIME: Final = struct.Struct("d")


class LastRefusal:
    """When the broker last refused this worker. It is made before the worker forks, and all its processes share it."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, _TIME.size)
        self._write(-float("inf"))

    def note(self) -> None:
        """Record a refusal now."""
        self._write(time.monotonic())

    @property
    def is_recent(self) -> bool:
        """Whether the worker waits to try again, or is connected too recently to have received anything."""
        (moment,) = _TIME.unpack(self._shared[:])
        return bool(time.monotonic() - moment < _STEADY_AFTER_S)

    def _write(self, moment: float) -> None:
        self._shared[:] = _TIME.pack(moment)


last_refusal: Final = LastRefusal()


class PatientConsumer(Consumer):  # type: ignore[misc]
    """The consumer of a worker's main process."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.channel_errors: tuple[type[Exception], ...] = (*self.channel_errors, *REFUSALS)
        self._pause_s = _FIRST_PAUSE_S

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Wait; Celery then tries to connect again."""
        self._wait(exc)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Drop the connection, then wait."""
        super().on_connection_error_after_connected(exc)
        self._wait(exc)

    def _wait(self, error: Exception) -> None:
        """Wait twice as long each time, up to 10 s, or 1 s if the last refusal is long ago. A stop ends the wait."""
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S) if last_refusal.is_recent else _FIRST_PAUSE_S
        log.warning("broker_refuses", error=type(error).__name__, pause_s=self._pause_s)
        ends = time.monotonic() + self._pause_s
        while time.monotonic() < ends:
            last_refusal.note()
            maybe_shutdown()
            time.sleep(_LOOK_EVERY_S)
