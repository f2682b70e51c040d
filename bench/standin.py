"""A stand-in for SES that is never the bottleneck: it reads a request, waits its latency, answers with a MessageId.

`python -m bench.standin --port N --latency-ms 60`. One process, one loop, no thread. It checks nothing, keeps nothing
and sends no events: the simulator does all of that, and would be what is measured.
"""

import argparse
import asyncio
from functools import partial
from itertools import count

_BODY = b'{"MessageId": "0100%012x-bench-000000"}'
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(_BODY % 0)
_END_OF_HEAD, _LENGTH = b"\r\n\r\n", b"content-length:"


class Endpoint(asyncio.Protocol):
    """One connection: requests one after another, each answered `latency_s` after it was read in full."""

    def __init__(self, numbers: "count[int]", latency_s: float) -> None:
        self._numbers = numbers
        self._latency_s = latency_s
        self._received = bytearray()
        self._ends_at = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to answer."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Collect a request; once it is whole, answer when its time has come."""
        self._received += data
        if not self._ends_at:
            self._ends_at = _end_of_request(self._received)
        if self._ends_at and len(self._received) >= self._ends_at:
            del self._received[: self._ends_at]
            self._ends_at = 0
            asyncio.get_running_loop().call_later(self._latency_s, self._answer)

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(_HEAD + _BODY % next(self._numbers))  # type: ignore[attr-defined]


def _end_of_request(received: bytearray) -> int:
    """Where the request ends, or 0 while its head is not there."""
    head = received.find(_END_OF_HEAD)
    if head < 0:
        return 0
    fields = bytes(received[:head]).lower()
    at = fields.find(_LENGTH)
    length = int(fields[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    return head + len(_END_OF_HEAD) + length


async def serve(port: int, latency_s: float) -> None:
    """Serve until the process is ended."""
    make = partial(Endpoint, count(1), latency_s)
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


def main() -> None:
    """Serve as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--latency-ms", type=float, default=60)
    given = parser.parse_args()
    asyncio.run(serve(given.port, given.latency_ms / 1000))


if __name__ == "__main__":
    main()
