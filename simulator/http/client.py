"""HTTP POST over kept-alive connections, for deliveries to subscribed endpoints.

It makes one request and returns its status. It never tries again.
"""

import asyncio
import ssl
from collections import defaultdict
from urllib.parse import urlsplit

MAX_IDLE_CONNECTIONS = 32

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class HttpPoster:
    """Posts to any endpoint and keeps idle connections per origin."""

    def __init__(self) -> None:
        self._idle: defaultdict[tuple[str, str], list[Stream]] = defaultdict(list)

    async def post(self, url: str, *, headers: dict[str, str], body: bytes, seconds: float) -> int:
        """Post `body` and return the status. Raises OSError or EOFError without an answer, or TimeoutError."""
        async with asyncio.timeout(seconds):
            return await self._post(url, headers, body)

    def close(self) -> None:
        """Close every idle connection."""
        for streams in self._idle.values():
            for _, writer in streams:
                writer.close()
        self._idle.clear()

    async def _post(self, url: str, headers: dict[str, str], body: bytes) -> int:
        parts = urlsplit(url)
        origin = (parts.scheme, parts.netloc)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        head = [
            f"POST {target} HTTP/1.1",
            f"Host: {parts.netloc.rpartition('@')[2]}",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        message = ("\r\n".join(head) + "\r\n\r\n").encode("latin-1") + body
        while (stream := self._take_idle(origin)) is not None:
            try:
                return await self._exchange(origin, stream, message)
            except (OSError, EOFError):
                # The endpoint may close an idle connection at any moment: only a new one shows whether it is reachable.
                continue
        return await self._exchange(origin, await self._connect(url), message)

    def _take_idle(self, origin: tuple[str, str]) -> Stream | None:
        while self._idle[origin]:
            reader, writer = self._idle[origin].pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        return None

    async def _connect(self, url: str) -> Stream:
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        context = ssl.create_default_context() if secure else None
        return await asyncio.open_connection(parts.hostname, parts.port or (443 if secure else 80), ssl=context)

    async def _exchange(self, origin: tuple[str, str], stream: Stream, message: bytes) -> int:
        reader, writer = stream
        reusable = False
        try:
            writer.write(message)
            await writer.drain()
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            status = int(head[0].split(" ")[1])
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            length = fields.get("content-length", "0" if status in (204, 304) else "")
            if length.isdecimal():
                await reader.readexactly(int(length))
                reusable = fields.get("connection", "").lower() != "close"
            return status
        finally:
            if reusable and len(self._idle[origin]) < MAX_IDLE_CONNECTIONS:
                self._idle[origin].append(stream)
            else:
                writer.close()
