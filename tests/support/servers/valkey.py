"""A Valkey for one test that can be frozen and killed; the one behind `redis_url` is shared by many tests."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

from app.cli.local.children.port_checks import free_port
from tests.support.servers.servers import running_valkey


@dataclass(frozen=True, slots=True)
class FailingValkey:
    """A running server; `url` is for redis-py."""

    url: str
    process: int

    @property
    def directory(self) -> Path:
        """Return the directory in which another server can take its address."""
        return Path(self.url.partition("://")[2].partition("?")[0]).parent.parent

    def freeze(self) -> None:
        """Stop answering, with all connections open."""
        os.kill(self.process, signal.SIGSTOP)

    def thaw(self) -> None:
        """Continue after `freeze`."""
        os.kill(self.process, signal.SIGCONT)

    def kill(self) -> None:
        """Kill the server, with everything stored in it."""
        os.kill(self.process, signal.SIGKILL)


def in_cluster_mode() -> dict[str, str]:
    """Return the options of a server that is a cluster by itself; cluster mode requires a TCP port."""
    ports = {"port": str(free_port()), "cluster-port": str(free_port())}
    return {"cluster-enabled": "yes", "bind": "127.0.0.1", **ports}


@contextmanager
def failing_valkey(*, at: Path | None = None, more: Mapping[str, str] | None = None) -> Iterator[FailingValkey]:
    """Run a server in a directory with a short name: the path of a socket has at most a hundred bytes.

    The directory is new, or `at`, that of an earlier server. `more` are further options.
    """
    directory = at or Path(tempfile.mkdtemp(prefix="vk"))
    try:
        with running_valkey(directory, more=more) as url:
            with Redis.from_url(url) as client:
                process = int(client.info("server")["process_id"])
            server = FailingValkey(url, process)
            try:
                yield server
            finally:
                with suppress(ProcessLookupError):
                    server.thaw()
    finally:
        if at is None:
            shutil.rmtree(directory)
