"""The highest rate of the stand-in for SES, to show that the stand-in did not limit a benchmark.

It gets requests on as many connections as the busiest contestant uses, one request at a time on each, and does the same
work as for an email except waiting. The client is as cheap as possible: it writes the same bytes again and again, and
only counts the bytes of the answers.
"""

import json
import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from app.cli.local.children.port_checks import free_port
from bench.baselines.bare_boto3 import RECIPIENT, message
from bench.load.connection import head_of, request
from bench.measure.cpu import spent_by_kind
from bench.measure.goals import Goal, Json, at_least
from bench.stage.ses_standin import ANSWER_BYTES
from bench.stage.stage import Standin, standing_in

_CONNECTIONS: Final = 200
_WARM_UP_S, _SECONDS = 0.3, 1.5
PATH: Final = "/v2/email/outbound-emails"
_SIZE: Final = 8_000
"""An email of 6,000 bytes in base64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """Requests per second, and the CPU seconds of the stand-in for one."""

    rate: float
    cpu: float

    @property
    def line(self) -> str:
        """Return the line of the report."""
        return f"the stand-in for SES takes {self.rate:.0f} requests/s at most, {self.cpu * 1e6:.0f} us of CPU each"

    def as_json(self) -> Json:
        """Return it as JSON."""
        return {"rate": round(self.rate), "cpu_us": round(self.cpu * 1e6, 1)}

    def over(self, benchmark: str, rate: float) -> Goal:
        """Return the goal that the stand-in can take at least twice the highest rate of a benchmark."""
        return at_least(
            f"{benchmark}: highest rate of the stand-in for SES over the highest measured", 2.0, [self.rate / rate]
        )


def ceiling(directory: Path) -> Ceiling:
    """Measure a stand-in without latency at full load for some seconds."""
    standin = Standin(port=free_port(), directory=directory / "ceiling")
    asked = request_to(RECIPIENT)
    with standing_in(standin, latency_ms=0), _connected(standin.port) as ready:
        for key in ready.get_map().values():
            cast("socket.socket", key.fileobj).sendall(asked)
        _exchange(ready, asked, _WARM_UP_S)
        spent, began = spent_by_kind()["standin"], time.monotonic()
        answers = _exchange(ready, asked, _SECONDS)
        seconds, cpu = time.monotonic() - began, spent_by_kind()["standin"] - spent
    return Ceiling(rate=answers / seconds, cpu=cpu / answers)


@contextmanager
def _connected(port: int) -> Iterator[selectors.BaseSelector]:
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(_CONNECTIONS)]
    with selectors.DefaultSelector() as ready:
        for connection in connections:
            ready.register(connection, selectors.EVENT_READ)
        yield ready
    for connection in connections:
        connection.close()


def _exchange(ready: selectors.BaseSelector, asked: bytes, seconds: float) -> int:
    """For `seconds`, send the next request on each connection that was answered; return how many were answered."""
    ends, answers = time.monotonic() + seconds, 0
    received: Counter[int] = Counter()
    while time.monotonic() < ends:
        for key, _ in ready.select(timeout=0.1):
            connection = cast("socket.socket", key.fileobj)
            received[key.fd] += len(connection.recv(ANSWER_BYTES))
            if received[key.fd] == ANSWER_BYTES:
                received[key.fd] = 0
                answers += 1
                connection.sendall(asked)
    return answers


def request_to(recipient: str) -> bytes:
    """Return a complete request, with the parts that the stand-in reads."""
    return request(head_of(f"http://127.0.0.1{PATH}", {"Authorization": "a" * 300}), call_to(recipient))


def call_to(recipient: str) -> str:
    """Return the body of a call."""
    data = message(_SIZE).replace(b"\r\n", b"").decode()
    return json.dumps({"Destination": {"ToAddresses": [recipient]}, "Content": {"Raw": {"Data": data}}})
