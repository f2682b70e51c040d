"""Clients that post the same kind of request again and again on connections that they keep.

`python -m bench.load '{"url": ..., "connections": 32, "requests": 1000, "headers": {...}, "bodies": "FILE"}'`: one
process, one thread, no HTTP library, so that it costs the machine as little as it can. `FILE` holds one body on each
line, used in turn; each request has an idempotency key of its own. It prints one JSON object.
"""

import json
import selectors
import socket
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, cycle
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

_END_OF_HEAD, _LENGTH = b"\r\n\r\n", b"content-length:"


@dataclass(slots=True)
class _Client:
    connection: socket.socket
    began: float = 0.0
    received: bytes = b""


def main(order: str) -> None:
    """Post what the order says, and print what came of it."""
    given: dict[str, Any] = json.loads(order)
    requests = _requests(given)
    address = urlsplit(given["url"])
    clients = [_Client(socket.create_connection((address.hostname, address.port))) for _ in range(given["connections"])]
    total: int = given["requests"]
    took: list[float] = []
    statuses: Counter[str] = Counter()
    began = time.monotonic()
    with selectors.DefaultSelector() as ready:
        for client in clients:
            ready.register(client.connection, selectors.EVENT_READ, client)
            _post(client, next(requests))
        asked = len(clients)
        while len(took) < total:
            for key, _ in ready.select():
                client = key.data
                if (status := _answered(client)) is None:
                    continue
                took.append(time.monotonic() - client.began)
                statuses[status] += 1
                if asked < total:
                    asked += 1
                    _post(client, next(requests))
    seconds = time.monotonic() - began
    _tell(took, statuses, seconds)


def _post(client: _Client, request: bytes) -> None:
    client.began, client.received = time.monotonic(), b""
    client.connection.sendall(request)


def _answered(client: _Client) -> str | None:
    """The status, once the answer is whole."""
    chunk = client.connection.recv(65536)
    if not chunk:
        raise ConnectionError("the server closed a connection in the middle of the benchmark")
    client.received += chunk
    head, end, content = client.received.partition(_END_OF_HEAD)
    if not end:
        return None
    fields = head.lower()
    at = fields.find(_LENGTH)
    length = int(fields[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    return head[9:12].decode() if len(content) >= length else None


def _requests(given: dict[str, Any]) -> Iterator[bytes]:
    address = urlsplit(given["url"])
    fields = {"Host": address.netloc, "Content-Type": "application/json", **given["headers"]}
    head = f"POST {address.path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    bodies = [line.encode() for line in Path(given["bodies"]).read_text().splitlines()]
    run = uuid4().hex
    for number, body in zip(count(), cycle(bodies)):
        own = f"Idempotency-Key: {run}-{number}\r\nContent-Length: {len(body)}\r\n\r\n"
        yield head.encode() + own.encode() + body


def _tell(took: list[float], statuses: Counter[str], seconds: float) -> None:
    percentiles = statistics.quantiles(took, n=100, method="inclusive")
    told = {
        "rate": len(took) / seconds,
        "p50_ms": percentiles[49] * 1000,
        "p99_ms": percentiles[98] * 1000,
        "statuses": dict(statuses),
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
