"""Which database and Redis belong to `up` and `demo`: they use only their own, and change no other.

A database or Redis belongs to them if it was empty when they first used it. They put a mark into it then, and
recognize it by the mark later. This module migrates nothing.
"""

import sqlite3
from contextlib import closing

from redis import Redis
from redis.exceptions import RedisError

from app.cli.shell.command import CommandFailed
from app.domain.errors import ServiceUnavailable
from app.wiring.operating import local_ownership

REDIS_MARK = "made_by_postern_up"
PATIENCE_S = 5.0


def take_database(url: str, *, named: str, instead: str, made_before_marks: bool = False) -> None:
    """Return if the database has our mark, or was empty; then it gets the mark.

    A refusal calls the database `named` and advises `instead`. With `made_before_marks` it is known to be ours, from a
    version without marks, and gets one. Raises `CommandFailed` for any other database, which is not changed by a byte.
    """
    try:
        with closing(local_ownership(url)) as ownership:
            taken = ownership.take(made_before_marks=made_before_marks)
    except (ServiceUnavailable, sqlite3.Error) as error:
        raise CommandFailed(f"{named} cannot be used ({_root(error)}): check it, or {instead}") from error
    if not taken:
        raise CommandFailed(f"{named} was not made by `./postern up` or `demo`, which do not change it: {instead}")


def take_redis(url: str) -> None:
    """Return if the database number of REDIS_URL has our mark, or was empty; else raises `CommandFailed`."""
    if url.startswith("sentinel"):
        raise CommandFailed("`./postern up` and `demo` need the address of a Redis itself: name it by redis://")
    with Redis.from_url(url, socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S) as redis:
        try:
            if redis.exists(REDIS_MARK):
                return
            if redis.dbsize():
                raise CommandFailed(
                    "the Redis at REDIS_URL holds data that was not put there by `./postern up` or `demo`, which do "
                    "not change it: name an empty database number, or unset REDIS_URL for the embedded one"
                )
            redis.set(REDIS_MARK, "1")
        except RedisError as error:
            raise CommandFailed(
                "the Redis at REDIS_URL does not answer: start it, or unset REDIS_URL for the embedded one"
            ) from error


def _root(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return type(error).__name__
