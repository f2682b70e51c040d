"""A Valkey of a test's own that can be frozen and killed; the one behind `redis_url` is shared by many tests."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

from tests.services import running_valkey


@dataclass(frozen=True, slots=True)
class FailingValkey:
    """A running server; `url` is what redis-py takes."""

    url: str
    process: int

    def freeze(self) -> None:
        """Stop answering, with every connection open."""
        os.kill(self.process, signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on where it froze."""
        os.kill(self.process, signal.SIGCONT)

    def kill(self) -> None:
        """Be gone, with everything that was stored."""
        os.kill(self.process, signal.SIGKILL)


@contextmanager
def failing_valkey() -> Iterator[FailingValkey]:
    """Run one in a directory with a short name: a socket's path is a hundred bytes at most."""
    directory = Path(tempfile.mkdtemp(prefix="vk"))
    try:
        with running_valkey(directory) as url:
            with Redis.from_url(url) as client:
                process = int(client.info("server")["process_id"])
            server = FailingValkey(url, process)
            try:
                yield server
            finally:
                with suppress(ProcessLookupError):
                    server.thaw()
    finally:
        shutil.rmtree(directory)
