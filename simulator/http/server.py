"""A small HTTP/1.1 server: keep-alive, bodies by Content-Length, one request at a time per connection.

It handles framing only. It is small on purpose: in benchmarks it stands in for SES, and the cost of a call here would
count against the code that is measured.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 64 * 1024 * 1024
REASONS = {status.value: status.phrase for status in HTTPStatus}

log = logging.getLogger("simulator.http")


@dataclass(slots=True)
class Request:
    """One request as received; header names are lower-cased, `path` is still percent-encoded."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    peer: str

    def json(self) -> Any:
        """Return the parsed body, an empty object when there is none. Raises ValueError."""
        return json.loads(self.body) if self.body else {}

    def form(self) -> dict[str, str]:
        """Return query and form fields together, the first value of each."""
        fields = parse_qs(self.query, keep_blank_values=True)
        if self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            fields.update(parse_qs(self.body.decode(), keep_blank_values=True))
        return {name: values[0] for name, values in fields.items()}


@dataclass(frozen=True, slots=True)
class Response:
    """One answer; the server adds the length and connection headers.

    Of one that is `cut`, the first half is sent before the connection is closed.
    """

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    cut: bool = False

    def encode(self, *, keep_alive: bool) -> bytes:
        """Return the bytes of the answer."""
        head = [
            f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Unknown')}",
            f"Content-Type: {self.content_type}",
            f"Content-Length: {len(self.body)}",
            *(f"{name}: {value}" for name, value in self.headers),
        ]
        if not keep_alive:
            head.append("Connection: close")
        return ("\r\n".join(head) + "\r\n\r\n").encode("latin-1") + self.body


def json_response(content: Any, *, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """Return `content` as a JSON answer."""
    return Response(status, json.dumps(content, ensure_ascii=False).encode(), headers=headers)


Handler = Callable[[Request], Awaitable[Response | None]]
"""Answers a request; None closes the connection without an answer."""


class Connection(asyncio.Protocol):
    """One client connection. A handler that still runs when the client disconnects is cancelled."""

    def __init__(self, handler: Handler, connections: "set[Connection]") -> None:
        self._handler = handler
        self._connections = connections
        self._buffer = bytearray()
        self._head: Request | None = None
        self._body_length = 0
        self._task: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport; asyncio calls this first."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._peer = (transport.get_extra_info("peername") or ("127.0.0.1",))[0]
        self._connections.add(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Cancel the handler that is running: its client is gone."""
        self._connections.discard(self)
        if self._task is not None:
            self._task.cancel()

    def abort(self) -> None:
        """Drop the connection and cancel the handler that is running on it."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Collect bytes; start a handler once a request is complete and no other is being answered."""
        self._buffer += data
        if self._task is None:
            self._take_next()

    def _take_next(self) -> None:
        if self._head is None and not self._read_head():
            return
        if self._head is None or len(self._buffer) < self._body_length:
            return
        request, self._head = self._head, None
        request.body = bytes(self._buffer[: self._body_length])
        del self._buffer[: self._body_length]
        self._task = asyncio.get_running_loop().create_task(self._answer(request))

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > MAX_HEAD_BYTES:
                self._refuse(431)
            return False
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        words = lines[0].split(" ")
        length = headers.get("content-length", "0")
        if len(words) != 3 or not length.isdecimal() or "transfer-encoding" in headers:
            self._refuse(411 if "transfer-encoding" in headers else 400)
            return False
        self._body_length = int(length)
        if self._body_length > MAX_BODY_BYTES:
            self._refuse(413)
            return False
        if headers.get("expect") == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        path, _, query = words[1].partition("?")
        self._head = Request(words[0], path, query, headers, b"", self._peer)
        return True

    def _refuse(self, status: int) -> None:
        self._transport.write(Response(status).encode(keep_alive=False))
        self._transport.close()

    async def _answer(self, request: Request) -> None:
        try:
            response = await self._handler(request)
        except Exception:
            log.exception("request failed: %s %s", request.method, request.path)
            response = json_response({"message": "the simulator failed, see its log"}, status=500)
        if response is None or response.cut:
            whole = response.encode(keep_alive=False) if response is not None else b""
            self._transport.write(whole[: len(whole) // 2])
            self._transport.close()
            return
        keep_alive = request.headers.get("connection", "").lower() != "close"
        self._transport.write(response.encode(keep_alive=keep_alive))
        self._task = None
        if not keep_alive:
            self._transport.close()
        elif self._buffer:
            self._take_next()


class HttpServer:
    """Listens on one address and hands every request to one handler."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None

    async def listen(self, host: str, port: int) -> int:
        """Start listening and return the port; the system chooses one when `port` is 0. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self._handler, self._connections), host, port, backlog=1024
        )
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is not None:
            self._server.close()
            for connection in list(self._connections):
                connection.abort()
            await self._server.wait_closed()


def same_origin(request: Request) -> bool:
    """Return False for a request from a browser page of another site; programs send no Origin and pass."""
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")
