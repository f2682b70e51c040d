"""The SMTP door of Postern, and clients that send to it or hold their connections."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from app.cli.local.children.port_checks import free_port, greets
from app.domain.apps.callers import Scope
from bench.load.web import SIZE, Posted, spent_for
from bench.measure.goals import Json
from bench.stage.processes import running
from bench.stage.stage import Stage
from tests.support.gateway.gateways import issue


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A door, and a key that opens it."""

    port: int
    user: str
    password: str

    def send(self, messages: int, *, connections: int = 32) -> Posted:
        """Send so many messages. Raises `RuntimeError` unless every one was accepted."""
        order = self._order(messages=messages, connections=connections)
        with spent_for(messages) as cpu:
            ended = subprocess.run(order, check=True, stdout=subprocess.PIPE)  # noqa: S603 - our own program
        result = json.loads(ended.stdout)
        if set(result["statuses"]) != {"250"}:
            raise RuntimeError(f"not every message was accepted: {result['statuses']}")
        return Posted(rate=result["rate"], p50_ms=result["p50_ms"], p99_ms=result["p99_ms"], cpu=cpu)

    @contextmanager
    def idle(self, connections: int) -> Iterator[None]:
        """Hold so many connections that have signed in and say nothing."""
        order = self._order(messages=0, connections=connections)
        with subprocess.Popen(order, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603 - ours
            assert process.stdout is not None
            process.stdout.readline()
            yield
            process.communicate()

    def _order(self, **more: int) -> tuple[str, ...]:
        given: Json = {"port": self.port, "user": self.user, "password": self.password, "size": SIZE, **more}
        return sys.executable, "-m", "bench.load.smtp_clients", json.dumps(given)


@contextmanager
def smtp_door(there: Stage) -> Iterator[Door]:
    """Run the SMTP door for as long as the block lasts."""
    port = free_port()
    prefix, public_id, secret = issue(
        there.gateway, app="bench-smtp", scopes=frozenset({Scope.EMAILS_SEND, Scope.SMTP})
    ).token.split("_", 2)
    environment = {
        "SMTP_PORT": str(port),
        "SMTP_CLEAR_AUTH_ON_LOOPBACK": "true",
        "SMTP_CONNECTIONS": "2000",
        "SMTP_CONNECTIONS_PER_ADDRESS": "2000",
        "SMTP_CONNECTIONS_PER_KEY": "2000",
    }
    words = (sys.executable, "-m", "app.smtp")
    with running(words, log=there.directory / "smtp.log", environment=environment, ready=partial(greets, port)):
        yield Door(port=port, user=f"{prefix}_{public_id}", password=secret)
