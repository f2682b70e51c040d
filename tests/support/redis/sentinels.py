"""A Redis or Valkey with a replica and Sentinels, whose primary a test can kill, freeze or demote."""

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from redis import Redis

from app.cli.local.children.embedded_valkey import valkey_binary
from app.cli.local.children.port_checks import free_port, pings
from tests.support.servers.cli import until
from tests.support.servers.servers import running

SERVICE: Final = "mymaster"
DOWN_AFTER_MS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A primary, its replica and the Sentinels that watch them: their ports and process ids."""

    servers: dict[int, int]
    sentinels: dict[int, int]

    def url(self, *, scheme: str = "sentinel", login: str = "", database: int = 0) -> str:
        """The URL that Postern takes."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.sentinels)
        return f"{scheme}://{login}{hosts}/{SERVICE}/{database}"

    def primary(self) -> int:
        """The port of the server that a Sentinel names as the primary."""
        for port in self.sentinels:
            with suppress(Exception), Redis(port=port, socket_timeout=1) as sentinel:
                return int(sentinel.sentinel_get_master_addr_by_name(SERVICE)[1])
        raise AssertionError("no Sentinel answers")

    def send(self, port: int, number: signal.Signals) -> None:
        """Send this signal to the server, or the Sentinel, at this port."""
        os.kill((self.servers | self.sentinels)[port], number)

    def fail_over(self, number: signal.Signals = signal.SIGKILL) -> int:
        """Hit the primary with this signal, wait until another one is named, and return the port of the old one."""
        before = self.primary()
        self.send(before, number)
        until(lambda: self.primary() != before)
        return before


@contextmanager
def watched_redis(*, binary: Path | None = None, sentinels: int = 1) -> Iterator[Watched]:
    """Run them. `binary` is the server, by default the Valkey of the tests; it is started as Sentinel as well."""
    binary = binary or valkey_binary()
    with tempfile.TemporaryDirectory(prefix="sentinels") as place, ExitStack() as started:
        ports = [free_port() for _ in range(2 + sentinels)]
        primary, replica, *others = ports

        def start(port: int, lines: list[str], *words: str) -> int:
            directory = Path(place) / str(port)
            directory.mkdir()
            config = directory / "server.conf"
            config.write_text("\n".join([f"port {port}", "bind 127.0.0.1", f"dir {directory}", *lines, ""]))
            url = f"redis://127.0.0.1:{port}"
            command = (str(binary), str(config), *words)
            log = directory / "log"
            started.enter_context(running(command, log=log, is_up=lambda: pings(url), stop=signal.SIGTERM))
            with Redis.from_url(url) as client:
                return int(client.info("server")["process_id"])

        server = ['save ""', "appendonly no", "repl-diskless-sync-delay 0"]
        servers = {primary: start(primary, server)}
        servers[replica] = start(replica, [*server, f"replicaof 127.0.0.1 {primary}"])
        watch = [
            f"sentinel monitor {SERVICE} 127.0.0.1 {primary} {sentinels // 2 + 1}",
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}",
            f"sentinel failover-timeout {SERVICE} 3000",
        ]
        watched = Watched(servers=servers, sentinels={port: start(port, watch, "--sentinel") for port in others})
        until(lambda: all(_knows_all(port, sentinels) for port in others))
        try:
            yield watched
        finally:
            for port in ports:
                with suppress(ProcessLookupError):
                    watched.send(port, signal.SIGCONT)


def _knows_all(port: int, sentinels: int) -> bool:
    """Whether this Sentinel knows the replica and all other Sentinels."""
    with Redis(port=port) as client:
        state = client.sentinel_master(SERVICE)
        return bool(state["num-slaves"] == 1 and state["num-other-sentinels"] == sentinels - 1 and _in_step(client))


def _in_step(sentinel: Redis) -> bool:
    return all(replica["master-link-status"] == "ok" for replica in sentinel.sentinel_slaves(SERVICE))
