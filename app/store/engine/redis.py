"""The connection to Redis, and the circuit breaker that makes a dead Redis cost next to nothing.

This module decides how long a caller waits for Redis: 50 ms, once, and then not again for some seconds. It never
retries and knows no key. The caller decides what to do without Redis.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from redis import Redis, exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.store.engine.sentinel import follow_primary, sentinel_address

PATIENCE_S = 0.05

T = TypeVar("T")
U = TypeVar("U")


def connect(url: str, *, patience_s: float = PATIENCE_S) -> Redis:
    """A client for `redis://`, `rediss://`, `unix://` or Sentinels, safe to share between threads.

    It connects when first used. Without a retry policy of ours, redis-py waits 3.6 s for a server that refuses
    connections.
    """
    options: dict[str, Any] = {
        "socket_timeout": patience_s,
        "socket_connect_timeout": patience_s,
        "retry": Retry(NoBackoff(), 0),
        "driver_info": None,
    }
    address = sentinel_address(url)
    return Redis.from_url(url, **options) if address is None else follow_primary(address, options)


def ask(redis: Redis, *words: str | bytes | int) -> Any:
    """What Redis answers to one command, as it came. It costs two thirds of what the client's own methods do.

    They would retry, measure and convert, of which the hot path needs nothing. Raises the same errors.
    """
    pool = redis.connection_pool
    connection = pool.get_connection()
    try:
        connection.send_command(*words)  # type: ignore[no-untyped-call]
        return connection.read_response()
    finally:
        pool.release(connection)


class RedisBreaker:
    """Asks Redis while it answers. After a failure it uses the fallback for `rest_s` seconds, then one caller tries.

    Only a connection that fails or is silent opens the breaker. An error that Redis answers with costs no time, so the
    caller gets the fallback and the next one asks again. `clock` counts seconds and never goes back. `observe` gets how
    many seconds each answer, or the wait for none, took.
    """

    def __init__(
        self,
        *,
        rest_s: float = 3.0,
        clock: Callable[[], float] = time.monotonic,
        observe: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self.rest_s = rest_s
        self._clock = clock
        self._observe = observe
        self._lock = threading.Lock()
        self._open_until: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether the breaker is open: Redis is assumed to be away."""
        return self._open_until is not None

    def call(self, ask: Callable[[], T], *, otherwise: Callable[[], U]) -> T | U:
        """`ask()`, or `otherwise()` while Redis is away or when it cannot answer."""
        if not self._may_ask():
            return otherwise()
        began = self._clock()
        try:
            answer = ask()
        except (exceptions.ConnectionError, exceptions.TimeoutError, OSError):
            self._open()
            return otherwise()
        except exceptions.RedisError:
            return otherwise()
        finally:
            self._observe(self._clock() - began)
        self._open_until = None
        return answer

    def _may_ask(self) -> bool:
        with self._lock:
            if self._open_until is None:
                return True
            if self._clock() < self._open_until:
                return False
            self._open()
            return True

    def _open(self) -> None:
        self._open_until = self._clock() + self.rest_s
