"""A stand-in for SES that is never the bottleneck: it reads a request, waits its latency, answers with a MessageId.

`python -m bench.stage.ses_standin --port N --latency-ms 60 --journal FILE [--rate 50]`. One process, one loop, no
thread. Its journal records when each request was complete, and the recipient. With a rate it throttles as SES does. It
checks nothing else and publishes no events. The simulator does all of that, but would itself be the bottleneck.
"""

import argparse
import asyncio
import time
from dataclasses import dataclass
from functools import partial
from io import RawIOBase
from itertools import count
from pathlib import Path
from typing import Final, cast

from simulator.ses.quota import SendRate

_MESSAGE_ID: Final = b'{"MessageId": "0100%012x-bench-000000"}'
_TAKEN: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    b"x-amzn-RequestId: 00000000-0000-4000-8000-000000000000\r\nContent-Length: %d\r\n\r\n" % len(_MESSAGE_ID % 0)
)
_TOO_FAST: Final = b'{"message": "Maximum sending rate exceeded."}'
_THROTTLED: Final = (
    b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\n"
    b"x-amzn-ErrorType: TooManyRequestsException\r\nContent-Length: %d\r\n\r\n%s" % (len(_TOO_FAST), _TOO_FAST)
)
ANSWER_BYTES: Final = len(_TAKEN + _MESSAGE_ID % 0)
"""Every accepted request gets an answer of this length."""

_END_OF_HEAD, _LENGTH, _TO = b"\r\n\r\n", b"content-length:", b'"ToAddresses": ["'


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The state that all connections share."""

    latency_s: float
    rate: SendRate | None
    journal: RawIOBase
    numbers: "count[int]"

    def answer(self, request: bytes) -> bytes:
        """Record a complete request in the journal and return its answer."""
        at = time.monotonic()
        taken = self.rate is None or self.rate.take(1, at)
        self.journal.write(b"%.6f %d %s\n" % (at, taken, _recipient(request)))
        return _TAKEN + _MESSAGE_ID % next(self.numbers) if taken else _THROTTLED


class Endpoint(asyncio.Protocol):
    """One connection: requests one after another, each answered `latency_s` after it was read in full."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._received = bytearray()
        self._ends_at = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, to answer on it."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Collect bytes; schedule the answer of each complete request."""
        self._received += data
        while self._is_whole():
            answer = self._account.answer(bytes(self._received[: self._ends_at]))
            del self._received[: self._ends_at]
            self._ends_at = 0
            asyncio.get_running_loop().call_later(self._account.latency_s, self._write, answer)

    def _is_whole(self) -> bool:
        if not self._ends_at:
            self._ends_at = _end_of_request(self._received)
        return 0 < self._ends_at <= len(self._received)

    def _write(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


def _end_of_request(received: bytearray) -> int:
    """Return where the request ends, or 0 while its head is incomplete."""
    head = received.find(_END_OF_HEAD)
    if head < 0:
        return 0
    fields = bytes(received[:head]).lower()
    at = fields.find(_LENGTH)
    length = int(fields[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    return head + len(_END_OF_HEAD) + length


def _recipient(request: bytes) -> bytes:
    """Return the first address of `Destination`, or `-`."""
    at = request.find(_TO)
    return request[at + len(_TO) : request.index(b'"', at + len(_TO))] if at >= 0 else b"-"


async def serve(port: int, account: Account) -> None:
    """Serve until the process is ended."""
    make = partial(Endpoint, account)
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


def main() -> None:
    """Serve with the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--latency-ms", type=float, default=60)
    parser.add_argument("--rate", type=float, help="recipients per second that the account may send to")
    parser.add_argument("--journal", type=Path, required=True)
    given = parser.parse_args()
    rate = SendRate(given.rate, time.monotonic()) if given.rate else None
    with given.journal.open("ab", buffering=0) as journal:
        account = Account(latency_s=given.latency_ms / 1000, rate=rate, journal=journal, numbers=count(1))
        asyncio.run(serve(given.port, account))


if __name__ == "__main__":
    main()
