"""The positives of the suppression list in Redis: a hint, never a verdict.

This module decides how a suppressed address is stored there: as a keyed 64-bit digest in one of 65,536 integer sets,
about ten bytes each. It never stores an address, never says that an address may be sent to, and knows when it knows
nothing: a Redis that was flushed, filled under another key or is away answers `None`, and SQL is asked instead.
"""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b, sha1
from itertools import islice
from typing import Any

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import NoScriptError

from app.store.engine.redis import RedisBreaker, ask

BUCKETS = 1 << 16
"""At 10 million addresses about 150 to a bucket, well below the 512 at which Redis gives up the compact integer set."""

WARM = "postern:positives:warm"
FILLING = "postern:positives:filling:"
LONGEST_FILLING_S = 3600
CHUNK = 1000
FILL_TRIES = 5
FILL_PAUSE_S = 0.1

# The marker with its fingerprint, then one set and one member for each key. Returns positions, or nil when cold.
LOOK_UP = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
local found = {}
for i = 2, #KEYS do
  if redis.call('SISMEMBER', KEYS[i], ARGV[i]) == 1 then found[#found + 1] = i - 2 end
end
return found
"""


class Positives:
    """The digests of suppressed address keys. Without `key` (up to 64 bytes), readers of Redis could guess them."""

    def __init__(
        self, redis: Redis, *, key: bytes, breaker: RedisBreaker, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._redis = redis
        self._sleep = sleep
        self._key = key
        self._breaker = breaker
        self._fingerprint = blake2b(b"postern positives", key=key, digest_size=8).hexdigest()
        self._sha = sha1(LOOK_UP.encode(), usedforsecurity=False).hexdigest()
        self._missed = False

    def add(self, keys: Iterable[str]) -> bool:
        """Add these suppression keys. Call it before the suppression commits.

        False if Redis did not store them. It may come back warm and without them, so the next look-up cools it.
        """
        added = all(self._write(Pipeline.sadd, chunk) for chunk in _chunks(keys))
        if not added:
            self._missed = True
        return added

    def remove(self, keys: Iterable[str]) -> bool:
        """Remove these suppression keys. Call it after the removal has committed. False when Redis is away."""
        return all(self._write(Pipeline.srem, chunk) for chunk in _chunks(keys))

    def look_up(self, keys: Sequence[str]) -> frozenset[str] | None:
        """Those of `keys` that are probably suppressed, or None when Redis cannot say and SQL must.

        One atomic command for the whole batch, so no flush can come between marker and sets.
        """
        if self._missed:
            self._cool()
            return None
        buckets, digests = zip((WARM, self._fingerprint), *map(self._place, keys), strict=True)
        words = (len(buckets), *buckets, *digests)
        found = self._breaker.call(lambda: self._look_up(words), otherwise=lambda: None)
        return None if found is None else frozenset(keys[position] for position in found)

    def _look_up(self, words: Sequence[str | int]) -> Any:
        try:
            return ask(self._redis, "EVALSHA", self._sha, *words)
        except NoScriptError:
            self._redis.script_load(LOOK_UP)
            return ask(self._redis, "EVALSHA", self._sha, *words)

    def rebuild(self, keys: Iterable[str]) -> bool:
        """Fill a cold Redis with every suppressed key, and mark it warm unless it was flushed meanwhile.

        `keys` is read as it goes and should end with those that were committed since it began: an `add` that went
        before the flush is otherwise missing. What is removed meanwhile may come back, which costs one look into SQL.
        """
        filling = FILLING + secrets.token_hex(8)
        begin = self._redis.pipeline()
        begin.set(filling, self._fingerprint, ex=LONGEST_FILLING_S)
        finish = self._redis.pipeline()
        finish.rename(filling, WARM)
        finish.persist(WARM)
        return self._done(begin) and all(map(self._fill, _chunks(keys))) and self._done(finish)

    def _fill(self, chunk: list[str]) -> bool:
        """Write one of many chunks, and wait longer for Redis than usual.

        To fill ten million takes twenty thousand writes; one of them comes too late for the patience of a look-up.
        """
        for _ in range(FILL_TRIES):
            if self._write(Pipeline.sadd, chunk):
                return True
            self._sleep(self._breaker.rest_s + FILL_PAUSE_S)
        return False

    def _cool(self) -> None:
        """Remove the marker, so that Redis is filled again."""
        cooling = self._redis.pipeline()
        cooling.delete(WARM)
        self._missed = not self._done(cooling)

    def _write(self, command: Callable[[Pipeline, str, str], object], keys: Sequence[str]) -> bool:
        pipeline = self._redis.pipeline(transaction=False)
        for key in keys:
            command(pipeline, *self._place(key))
        return self._done(pipeline)

    def _done(self, pipeline: Pipeline) -> bool:
        return self._breaker.call(lambda: bool(pipeline.execute()), otherwise=lambda: False)

    def _place(self, key: str) -> tuple[str, str]:
        digest = int.from_bytes(blake2b(key.encode(), key=self._key, digest_size=8).digest(), "big", signed=True)
        return f"postern:positives:{digest % BUCKETS:04x}", str(digest)


def _chunks(keys: Iterable[str]) -> Iterator[list[str]]:
    unread = iter(keys)
    while chunk := list(islice(unread, CHUNK)):
        yield chunk
