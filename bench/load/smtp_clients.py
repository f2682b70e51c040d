"""Clients that send the same kind of message again and again by SMTP, on kept connections.

`python -m bench.load.smtp_clients '{"port": 2525, "user": ..., "password": ..., "connections": 32, "messages": 1000,
"size": 6000}'`: one process, one thread. Each command waits for its reply, as most libraries do; each message has its
own Message-ID. With no messages the connections are signed in and idle, until the end of standard input. It prints one
JSON object.
"""

import asyncio
import base64
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Any
from uuid import uuid4

from bench.baselines.bare_boto3 import message
from bench.measure.goals import Json


class Client:
    """One connection that has signed in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def say(self, data: bytes) -> str:
        """Send this, and return the code of the reply."""
        self._writer.write(data + b"\r\n")
        return await self.reply()

    async def reply(self) -> str:
        """Return the code of the next reply."""
        while (line := await self._reader.readline())[3:4] == b"-":
            continue
        return line[:3].decode()

    async def send(self, number: int, raw: bytes) -> str:
        """Send a message to a recipient of its own, and return the code of its reply."""
        await self.say(b"MAIL FROM:<invites@example.com>")
        await self.say(b"RCPT TO:<person%d@example.net>" % number)
        await self.say(b"DATA")
        return await self.say(raw + b".")


async def clients(given: dict[str, Any]) -> Json:
    """Do as `given` says, and return the result."""
    signed_in = [await sign_in(given) for _ in range(given["connections"])]
    numbers, run = count(), uuid4().hex
    took: list[float] = []
    codes: Counter[str] = Counter()
    began = time.monotonic()

    async def send_all(client: Client) -> None:
        for number in _up_to(numbers, given["messages"]):
            started = time.monotonic()
            codes[await client.send(number, _raw(given["size"], f"{run}-{number}"))] += 1
            took.append(time.monotonic() - started)

    await asyncio.gather(*map(send_all, signed_in))
    seconds = time.monotonic() - began
    if not took:
        sys.stdout.write("idle\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
        return {"connections": len(signed_in)}
    percentiles = statistics.quantiles(took, n=100, method="inclusive")
    return {
        "rate": len(took) / seconds,
        "p50_ms": percentiles[49] * 1000,
        "p99_ms": percentiles[98] * 1000,
        "statuses": dict(codes),
    }


async def sign_in(given: dict[str, Any]) -> Client:
    """Return a new client. Raises `RuntimeError` unless its key was accepted."""
    client = Client(*await asyncio.open_connection("127.0.0.1", given["port"]))
    await client.reply()
    await client.say(b"EHLO bench.example.com")
    answer = base64.b64encode(f"\0{given['user']}\0{given['password']}".encode())
    if await client.say(b"AUTH PLAIN " + answer) != "235":
        raise RuntimeError("the key was not accepted")
    return client


def _raw(size: int, name: str) -> bytes:
    return f"Message-ID: <{name}@example.com>\r\n".encode() + message(size)


def _up_to(numbers: Iterator[int], end: int) -> Iterator[int]:
    """The next numbers, which all clients share."""
    while (number := next(numbers)) < end:
        yield number


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(clients(json.loads(sys.argv[1])))) + "\n")
