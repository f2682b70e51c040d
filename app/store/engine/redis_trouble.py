"""What is wrong with a Redis, in words for the person on call, found by writing to it.

Reading may work while writing does not. This module decides the words for an error and the advice. It changes nothing
but a key of its own that expires, and never repeats the server's message, which may contain our data.
"""

import ssl
from collections.abc import Callable
from typing import Final

from redis import Redis, exceptions
from redis.sentinel import MasterNotFoundError

KEY: Final = "postern:ready"
QUEUE: Final = "postern:broker:ready"
LASTS_MS: Final = 10_000

_NO_EVICTION: Final = "noeviction"
_CLUSTER: Final = "It is a Redis Cluster, which is not supported: name one primary (cluster mode disabled)."
# The first match counts, so the more specific ones come first.
_OF_ERRORS: Final[tuple[tuple[tuple[type[Exception], ...], str], ...]] = (
    (
        (MasterNotFoundError,),
        "No Sentinel names its primary: look whether they run, and at service, password and certificates in the URL.",
    ),
    (
        (exceptions.ReadOnlyError,),
        "It is a read-only replica, as after a fail-over: name the primary, or an address that follows it.",
    ),
    (
        (exceptions.MasterDownError,),
        "It is a replica that has lost its primary: name the primary, or an address that follows it.",
    ),
    (
        (exceptions.AskError, exceptions.ClusterError, exceptions.ClusterCrossSlotError, exceptions.TryAgainError),
        _CLUSTER,
    ),
    (
        (exceptions.OutOfMemoryError,),
        "It is full (`maxmemory`): give it more memory, or remove what is not Postern's.",
    ),
    (
        (exceptions.NoPermissionError, exceptions.AuthorizationError),
        "Its user lacks a permission: give it the rules of docs/operations.md.",
    ),
    (
        (exceptions.AuthenticationError, exceptions.AuthenticationWrongNumberOfArgsError),
        "It refuses the user or the password: correct them in the URL.",
    ),
    ((exceptions.BusyLoadingError,), "It is loading its data after a start: wait."),
)
# Errors for which redis-py has no class, by the first word of the answer. Inside a transaction redis-py puts more text
# before that word.
_OF_WORDS: Final = {
    "MISCONF": "It cannot save to its disk, and takes no writes for that: make room there, and look at its log.",
    "NOREPLICAS": "It has too few replicas (`min-replicas-to-write`), and takes no writes for that: bring them back.",
    "CLUSTERDOWN": _CLUSTER,
    "MOVED": _CLUSTER,
    "CROSSSLOT": _CLUSTER,
}


def of_positives(redis: Redis) -> str | None:
    """What is wrong with the Redis that holds positives and the send rate; None if writing to it works."""
    return _asked(redis, lambda: redis.set(KEY, 1, px=LASTS_MS))


def of_broker(redis: Redis) -> str | None:
    """What is wrong with the Redis that carries bells; None if it takes a message and returns it."""

    def pass_through() -> None:
        pipeline = redis.pipeline()
        pipeline.lpush(QUEUE, 1)
        pipeline.pexpire(QUEUE, LASTS_MS)
        pipeline.brpop([QUEUE], timeout=1)
        pipeline.execute()

    return _asked(redis, pass_through)


def may_evict(redis: Redis) -> str | None:
    """What to do about a Redis that deletes keys when it is full; None for one that does not, or does not say.

    Only a hint and some seconds are lost with them, and with those that expire the send rate of a moment.
    """
    try:
        memory = redis.info("memory")
    except (exceptions.RedisError, OSError):
        return None
    policy = memory.get("maxmemory_policy", _NO_EVICTION)
    if not memory.get("maxmemory") or policy == _NO_EVICTION:
        return None
    return f"When it is full it deletes keys (`maxmemory-policy` {policy}): set `{_NO_EVICTION}`, and watch its memory."


def is_cluster(redis: Redis) -> bool:
    """Whether it reports cluster mode. False for one that is away or does not say."""
    try:
        return bool(redis.info("cluster").get("cluster_enabled"))
    except (exceptions.RedisError, OSError):
        return False


def _asked(redis: Redis, ask: Callable[[], object]) -> str | None:
    try:
        ask()
    except (exceptions.RedisError, OSError) as error:
        return _words(error)
    return _CLUSTER if is_cluster(redis) else None


def _words(error: Exception) -> str:
    for kinds, words in _OF_ERRORS:
        if isinstance(error, kinds):
            return words
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error)):
        return "Its certificate is not one that is trusted here: name its authority with ssl_ca_certs in the URL."
    said = str(error).split()
    for word, words in _OF_WORDS.items():
        if word in said:
            return words
    return f"It does not answer as it should ({type(error).__name__}): look whether it runs."


def _causes(error: BaseException | None) -> list[BaseException]:
    causes: list[BaseException] = []
    while error is not None and len(causes) < 10:
        causes.append(error)
        error = error.__cause__ or error.__context__
    return causes
