"""Clients that post the same kind of request again and again on kept connections.

`python -m bench.load.clients '{"url": ..., "connections": 32, "requests": 1000, "headers": {...}, "bodies": "FILE"}'`:
one process, one thread, no HTTP library, to use as little CPU as possible. `FILE` holds one body per line; they are
used in turn. Each request has its own idempotency key, under the name that AWS's SDKs have for it too. With
`"aws_key": [ID, SECRET]` each body is signed before the first request, as an SDK would sign it. With `"each": 10` a
connection is closed after ten requests and another is opened. It prints one JSON object.
"""

import json
import selectors
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count, cycle
from pathlib import Path
from typing import Any
from uuid import uuid4

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bench.load.connection import Connection, head_of, request


def main(order: str) -> None:
    """Post as `order` says, and print the result."""
    given: dict[str, Any] = json.loads(order)
    requests = _requests(given)
    total: int = given["requests"]
    each: int = given["each"] or total
    took: list[float] = []
    statuses: Counter[str] = Counter()
    began = time.monotonic()
    with selectors.DefaultSelector() as ready:
        for _ in range(given["connections"]):
            _connect(given["url"], ready).post(next(requests))
        asked: int = given["connections"]
        while len(took) < total:
            for key, _ in ready.select():
                client: Connection = key.data
                if (status := client.answered()) is None:
                    continue
                took.append(time.monotonic() - client.began)
                statuses[status] += 1
                if client.posts == each:
                    ready.unregister(client)
                    client.close()
                    client = _connect(given["url"], ready)
                if asked < total:
                    asked += 1
                    client.post(next(requests))
    seconds = time.monotonic() - began
    _print(took, statuses, seconds)


def _connect(url: str, ready: selectors.BaseSelector) -> Connection:
    client = Connection(url)
    ready.register(client, selectors.EVENT_READ, client)
    return client


def _requests(given: dict[str, Any]) -> Iterator[bytes]:
    head = head_of(given["url"], given["headers"])
    bodies = Path(given["bodies"]).read_text().splitlines()
    signed = [(_signature(given["url"], given["aws_key"], body), body) for body in bodies]
    run = uuid4().hex
    for number, (signature, body) in zip(count(), cycle(signed)):
        name = f"{run}-{number}"
        keys = f"Idempotency-Key: {name}\r\namz-sdk-invocation-id: {name}\r\n"
        yield request(head + f"{signature}{keys}".encode(), body)


def _signature(url: str, aws_key: Sequence[str] | None, body: str) -> str:
    """Return the header lines that sign a body; none without a key."""
    if aws_key is None:
        return ""
    signed = AWSRequest(method="POST", url=url, data=body.encode())
    SigV4Auth(Credentials(*aws_key), "ses", "us-east-1").add_auth(signed)
    return "".join(f"{name}: {value}\r\n" for name, value in signed.headers.items())


def _print(took: list[float], statuses: Counter[str], seconds: float) -> None:
    percentiles = statistics.quantiles(took, n=100, method="inclusive")
    result = {
        "rate": len(took) / seconds,
        "p50_ms": percentiles[49] * 1000,
        "p99_ms": percentiles[98] * 1000,
        "statuses": dict(statuses),
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
