"""Troubles of a Redis or Valkey that still answers, and how a test causes and ends each."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from redis import Redis, exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support.servers.cli import until
from tests.support.servers.valkey import FailingValkey, failing_valkey

Command = tuple[str | int, ...]
PATIENCE_S: Final = 60.0
OPTIONS: Final = {"enable-debug-command": "local", "enable-protected-configs": "local"}
ALL: Final = ("on", "nopass", "~*", "&*", "+@all")
ANYBODY: Final[Command] = ("ACL", "SETUSER", "default", "reset", *ALL)
HANG_UP: Final[Command] = ("CLIENT", "KILL", "TYPE", "normal")
FILLERS: Final = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One trouble of a server that answers: the commands that cause and end it.

    `message` is part of the message of `/readyz`. With `slow`, the last command answers only when the trouble is over.
    """

    name: str
    begin: tuple[Command, ...]
    end: tuple[Command, ...]
    message: str
    slow: bool = False


TROUBLES: Final = (
    Trouble(
        name="a read-only replica",
        begin=(("REPLICAOF", "127.0.0.1", 1),),
        end=(("REPLICAOF", "NO", "ONE"),),
        message="read-only replica",
    ),
    Trouble(
        name="a replica without its primary",
        begin=(("CONFIG", "SET", "replica-serve-stale-data", "no"), ("REPLICAOF", "127.0.0.1", 1)),
        end=(("REPLICAOF", "NO", "ONE"), ("CONFIG", "SET", "replica-serve-stale-data", "yes")),
        message="replica",
    ),
    Trouble(
        name="full",
        begin=(("CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", 1),),
        end=(("CONFIG", "SET", "maxmemory", 0),),
        message="is full",
    ),
    Trouble(
        name="another password",
        begin=(("ACL", "SETUSER", "default", "resetpass", ">another"), HANG_UP),
        end=(ANYBODY,),
        message="password",
    ),
    Trouble(
        name="a user that is off",
        begin=(("ACL", "SETUSER", "default", "off"), HANG_UP),
        end=(ANYBODY,),
        message="password",
    ),
    Trouble(
        name="no permission to write",
        begin=(("ACL", "SETUSER", "default", "-@write"),),
        end=(ANYBODY,),
        message="permission",
    ),
    Trouble(
        name="no permission to publish and consume",
        begin=(("ACL", "SETUSER", "default", "-lpush", "-brpop"),),
        end=(ANYBODY,),
        message="permission",
    ),
    Trouble(
        name="no permission to consume",
        begin=(("ACL", "SETUSER", "default", "-brpop"),),
        end=(ANYBODY,),
        message="permission",
    ),
    Trouble(
        name="no permission for our keys",
        begin=(("ACL", "SETUSER", "default", "resetkeys", "~elsewhere:*"),),
        end=(ANYBODY,),
        message="permission",
    ),
    Trouble(
        name="cannot save",
        begin=(("CONFIG", "SET", "dbfilename", "taken", "save", "3600 1000000"), ("BGSAVE",)),
        end=(("CONFIG", "SET", "dbfilename", "dump.rdb", "save", ""),),
        message="cannot save",
    ),
    Trouble(
        name="too few replicas",
        begin=(("CONFIG", "SET", "min-replicas-to-write", 1),),
        end=(("CONFIG", "SET", "min-replicas-to-write", 0),),
        message="replicas",
    ),
    Trouble(
        name="loading",
        begin=(
            ("CONFIG", "SET", "key-load-delay", 500, "loading-process-events-interval-bytes", 1024),
            ("DEBUG", "RELOAD"),
        ),
        end=(("CONFIG", "SET", "key-load-delay", 0),),
        message="loading",
        slow=True,
    ),
)


class TroubledValkey:
    """A server that can be in each trouble; it obeys an administrator in all of them."""

    def __init__(self, server: FailingValkey) -> None:
        self.url = server.url
        (server.directory / "valkey" / "taken").mkdir()
        with self._client() as client:
            client.execute_command("ACL", "SETUSER", "admin", *ALL)
            client.mset({f"filler:{number}": "x" * 100 for number in range(FILLERS)})

    @contextmanager
    def in_trouble(self, trouble: Trouble) -> Iterator[None]:
        """Be in this trouble during the block, and healthy before and after it."""
        until(self.is_well)
        *first, last = trouble.begin
        self._send(*first)
        slow = threading.Thread(target=self._send, args=(last,))
        slow.start()
        if not trouble.slow:
            slow.join()
        until(lambda: not self.is_well())
        try:
            yield
            assert not self.is_well()
        finally:
            self._send(*trouble.end)
            slow.join()
            until(self.is_well)

    def is_well(self) -> bool:
        """Return whether any client may write and publish."""
        with self._client() as client:
            try:
                client.lpush("postern:broker:tried", 1)
                return bool(client.brpop("postern:broker:tried", timeout=1))
            except exceptions.RedisError:
                return False

    def _send(self, *commands: Command) -> None:
        for command in commands:
            with self._client(username="admin", password="any") as client, suppress(exceptions.ConnectionError):
                client.execute_command(*command)  # a command that closes all connections may close its own

    def _client(self, **login: str) -> Redis:
        return Redis.from_url(self.url, socket_timeout=PATIENCE_S, retry=Retry(NoBackoff(), 0), **login)


@contextmanager
def troubled_valkey() -> Iterator[TroubledValkey]:
    """Run one."""
    with failing_valkey(more=OPTIONS) as server:
        yield TroubledValkey(server)
