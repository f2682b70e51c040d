"""A second host for the web and the SMTP door of a stage, HAProxy before both, and a restart host by host.

Before its processes are restarted, HAProxy is told to give a host nothing more, by its socket as an operator does it.
"""

import csv
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from app.cli.local.children import processes
from app.cli.local.children.port_checks import answers, free_port, greets
from tests.chaos.stage.machines import Keeper, Machine
from tests.chaos.stage.stage import Stage
from tests.infrastructure.pieces.programs import program
from tests.support.servers.cli import until

DRAIN: Final = "set server {part}/{host} state drain"
READY: Final = "set server {part}/{host} state ready"

_CONFIGURATION: Final = """global
  stats socket {socket} mode 600 level admin
defaults
  timeout connect 2s
  timeout client 1m
  timeout server 1m
  default-server check inter 500ms fall 2 rise 1
listen web
  mode http
  bind 127.0.0.1:{web}
  option httpchk GET /healthz
  server host1 127.0.0.1:{web1}
  server host2 127.0.0.1:{web2}
listen smtp
  mode tcp
  bind 127.0.0.1:{smtp}
  server host1 127.0.0.1:{smtp1}
  server host2 127.0.0.1:{smtp2}
"""


@dataclass(frozen=True, slots=True)
class Hosts:
    """The stage as clients reach it through HAProxy, and the processes of each host by their part."""

    stage: Stage
    admin: Path
    processes: Mapping[str, Mapping[str, Machine]]

    def restart_in_turn(self) -> None:
        """Restart the processes of a host, and those of the next one once the first serves again."""
        for host, parts in self.processes.items():
            for part in parts:
                self._tell(DRAIN.format(part=part, host=host))
            until(partial(self._have, parts, host, "scur", "0"))
            _restart(*parts.values())
            for part in parts:
                self._tell(READY.format(part=part, host=host))
            until(partial(self._have, parts, host, "status", "UP"))

    def _have(self, parts: Mapping[str, Machine], host: str, column: str, value: str) -> bool:
        """Whether all parts of a host have this value in HAProxy's table: `scur` are sessions, `status` its state."""
        table = csv.DictReader(self._tell("show stat").removeprefix("# ").splitlines())
        found = {row["pxname"]: row[column] for row in table if row["svname"] == host}
        return found == dict.fromkeys(parts, value)

    def _tell(self, line: str) -> str:
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self.admin))
            admin.sendall(f"{line}\n".encode())
            with admin.makefile(encoding="ascii") as answer:
                return answer.read().strip()


def _restart(*machines: Machine) -> None:
    """End processes as a service manager does, and wait until all of them run and are ready again."""
    are_back = [_ended(machine) for machine in machines]
    until(lambda: all(is_back() for is_back in are_back))


def _ended(machine: Machine) -> Callable[[], bool]:
    starts = machine.starts
    machine.kill(signal.SIGTERM)
    return lambda: machine.starts > starts and machine.ready()


@contextmanager
def two_hosts(stage: Stage) -> Iterator[Hosts]:
    """A second host beside that of the stage, and HAProxy before both."""
    folder = stage.root / "haproxy"
    folder.mkdir()
    ports = {name: free_port() for name in ("web", "smtp", "web2", "smtp2")}
    ports |= {"web1": urlsplit(stage.url).port or 0, "smtp1": stage.smtp_port}
    admin, file = folder / "socket", folder / "haproxy.cfg"
    file.write_text(_CONFIGURATION.format(socket=admin, **ports), encoding="ascii")
    smtp = Machine(
        name="smtp of host 2",
        argv=processes.smtp(ports["smtp2"]).argv,
        env={"SMTP_PORT": str(ports["smtp2"])},
        log=stage.root / "logs" / "smtp2.log",
        ready=partial(greets, ports["smtp2"]),
    )
    web = Machine(
        name="web of host 2",
        argv=processes.web(ports["web2"]).argv,
        log=stage.root / "logs" / "web2.log",
        ready=partial(answers, f"http://127.0.0.1:{ports['web2']}/healthz"),
    )
    proxy = Machine(
        name="haproxy",
        argv=(program("haproxy", package="haproxy"), "-db", "-f", str(file)),
        log=stage.root / "logs" / "haproxy.log",
        ready=lambda: answers(f"http://127.0.0.1:{ports['web']}/healthz") and greets(ports["smtp"]),
    )
    with Keeper() as keeper:
        for machine in (smtp, web, proxy):
            keeper.start(machine)
        first = {part: stage.machines[part] for part in ("web", "smtp")}
        yield Hosts(
            stage=replace(stage, url=f"http://127.0.0.1:{ports['web']}", smtp_port=ports["smtp"]),
            admin=admin,
            processes={"host1": first, "host2": {"web": web, "smtp": smtp}},
        )
