"""The positives of the suppression list in Redis: a hint, never a verdict.

It decides how a suppressed address is remembered there: as a keyed 64-bit digest in one of 65,536 integer sets, about
ten bytes each. It never holds an address, never says that an address may be sent to, and knows when it knows nothing:
a Redis that was flushed, filled under another key or is away answers `None`, and SQL is asked instead.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import islice

from redis import Redis
from redis.client import Pipeline

from app.store.redis import Breaker

BUCKETS = 1 << 16
"""At 10 million addresses about 150 to a bucket, well below the 512 at which Redis gives up the compact integer set."""

WARM = "postern:positives:warm"
FILLING = "postern:positives:filling:"
LONGEST_FILLING_S = 3600
CHUNK = 1000


class Positives:
    """The digests of suppressed address keys. `key` (up to 64 bytes) keeps whoever reads Redis from guessing them."""

    def __init__(self, redis: Redis, *, key: bytes, breaker: Breaker) -> None:
        self._redis = redis
        self._key = key
        self._breaker = breaker
        self._fingerprint = blake2b(b"postern positives", key=key, digest_size=8).hexdigest().encode()

    def add(self, keys: Iterable[str]) -> bool:
        """Remember these suppression keys; called before the suppression commits. False when Redis is away."""
        return all(self._write(Pipeline.sadd, chunk) for chunk in _chunks(keys))

    def remove(self, keys: Iterable[str]) -> bool:
        """Forget these suppression keys; called after the removal has committed. False when Redis is away."""
        return all(self._write(Pipeline.srem, chunk) for chunk in _chunks(keys))

    def look_up(self, keys: Sequence[str]) -> frozenset[str] | None:
        """Those of `keys` that are probably suppressed, or None when Redis cannot say and SQL must.

        One round trip. The marker is read last, so that a flush in the middle is seen.
        """
        pipeline = self._redis.pipeline(transaction=False)
        for key in keys:
            pipeline.sismember(*self._place(key))
        pipeline.get(WARM)
        answers = self._breaker.call(pipeline.execute, otherwise=lambda: None)
        if answers is None or answers.pop() != self._fingerprint:
            return None
        return frozenset(key for key, found in zip(keys, answers, strict=True) if found)

    def rebuild(self, keys: Iterable[str]) -> bool:
        """Fill a cold Redis with every suppressed key, and mark it warm if nothing flushed it meanwhile.

        `keys` is read as it goes and should end with those that were committed since it began: an `add` that went
        before the flush is otherwise missing. What is removed meanwhile may come back, which costs one look into SQL.
        """
        filling = FILLING + secrets.token_hex(8)
        begin = self._redis.pipeline()
        begin.set(filling, self._fingerprint, ex=LONGEST_FILLING_S)
        finish = self._redis.pipeline()
        finish.rename(filling, WARM)
        finish.persist(WARM)
        return self._done(begin) and self.add(keys) and self._done(finish)

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
