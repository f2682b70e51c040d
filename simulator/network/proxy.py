"""A TCP proxy that plays a bad network: it stands before a server and makes what passes late, short or lost.

It decides what becomes of bytes and connections, on the word of whoever drives it; it reads no protocol. `Proxy` lives
in an event loop; `simulator.proxy_thread` runs several for a program without one.
"""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

CHUNK = 65_536
_RESET_WHEN_CLOSED = struct.pack("ii", 1, 0)


class Damage(StrEnum):
    """What a network does to connections.

    `refuse` closes new ones at once. `black_hole` takes them and every byte, and passes nothing on. `reset` ends what
    is open with a TCP reset, once, and refuses while it lasts.
    """

    REFUSE = "refuse"
    BLACK_HOLE = "black_hole"
    RESET = "reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How the network is: all off is a good one.

    `latency` is seconds before each piece is passed on, in either direction. `cut_after` resets each connection once so
    many bytes of answers have passed, counted from when the weather began; the bytes until then arrive.
    """

    damage: Damage | None = None
    latency: float = 0.0
    cut_after: int | None = None


FAIR = Weather()
Dial = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


def tcp(host: str, port: int) -> Dial:
    """A server at a TCP port."""
    return lambda: asyncio.open_connection(host, port)


def unix(path: Path) -> Dial:
    """A server at a unix socket."""
    return lambda: asyncio.open_unix_connection(path)


class Proxy:
    """One proxy: a port of loopback before one server."""

    def __init__(self, dial: Dial) -> None:
        self._dial = dial
        self._weather = FAIR
        self._fair = asyncio.Event()
        self._fair.set()
        self._links: set[_Link] = set()
        self._server: asyncio.Server
        self.connections = 0

    async def start(self, port: int = 0) -> int:
        """Listen, on a free port unless one is named, and return the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        chosen: int = self._server.sockets[0].getsockname()[1]
        return chosen

    async def close(self) -> None:
        """Stop listening and end every connection."""
        self._server.close()
        for link in list(self._links):
            link.reset()
        await asyncio.gather(*(link.over.wait() for link in list(self._links)))

    def change(self, weather: Weather) -> None:
        """Let the network be so from now on, for open connections too."""
        self._weather = weather
        for link in list(self._links):
            link.answered = 0
            if weather.damage is Damage.RESET:
                link.reset()
        if weather.damage is Damage.BLACK_HOLE:
            self._fair.clear()
        else:
            self._fair.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        link = _Link(writer)
        self._links.add(link)
        try:
            if self._weather.damage in (Damage.REFUSE, Damage.RESET):
                link.reset()
                return
            await self._fair.wait()
            far_reader, link.far = await self._dial()
            await self._pass_on(link, reader, far_reader)
        except OSError:
            link.reset()
        finally:
            link.close()
            self._links.discard(link)

    async def _pass_on(self, link: "_Link", near: asyncio.StreamReader, far: asyncio.StreamReader) -> None:
        assert link.far is not None
        ways = (
            asyncio.create_task(self._carry(link, near, link.far, answers=False)),
            asyncio.create_task(self._carry(link, far, link.near, answers=True)),
        )
        try:
            await asyncio.gather(*ways)
        finally:
            for way in ways:
                way.cancel()

    async def _carry(
        self, link: "_Link", reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        while piece := await reader.read(CHUNK):
            if self._weather.latency:
                await asyncio.sleep(self._weather.latency)
            await self._fair.wait()
            allowed = self._weather.cut_after
            if answers and allowed is not None and link.answered + len(piece) >= allowed:
                writer.write(piece[: max(0, allowed - link.answered)])
                await writer.drain()
                link.reset()
                return
            link.answered += len(piece) if answers else 0
            writer.write(piece)
            await writer.drain()
        with suppress(OSError):
            writer.write_eof()


class _Link:
    """One connection and its continuation to the server; `answered` counts the bytes that came back."""

    def __init__(self, near: asyncio.StreamWriter) -> None:
        self.near = near
        self.far: asyncio.StreamWriter | None = None
        self.answered = 0
        self.over = asyncio.Event()

    def reset(self) -> None:
        """End both halves with a TCP reset, as when a machine on the way has lost its memory."""
        for half in (self.near, self.far):
            if half is not None and not half.is_closing():
                _linger_not(half)
                half.transport.abort()

    def close(self) -> None:
        """End both halves in order."""
        for half in (self.near, self.far):
            if half is not None:
                half.close()
        self.over.set()


def _linger_not(half: asyncio.StreamWriter) -> None:
    connection = half.get_extra_info("socket")
    if connection is not None and connection.family != socket.AF_UNIX:
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_WHEN_CLOSED)
