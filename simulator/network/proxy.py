"""A TCP proxy that simulates a bad network in front of a server: it delays, truncates or loses traffic.

It does to bytes and connections what its caller sets; it reads no protocol. `Proxy` lives in an event loop;
`simulator.network.proxy_thread` runs several for a program without one.
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
_TAKING_S = 0.02
_RESET_WHEN_CLOSED = struct.pack("ii", 1, 0)


class Damage(StrEnum):
    """What a network does to connections.

    `refuse` closes new ones at once. `black_hole` accepts them and every byte, and passes nothing on. `reset` ends the
    open ones with a TCP reset, once, and closes new ones at once while it lasts. `gone` resets the open ones too and
    stops listening, so that the system refuses connections.
    """

    REFUSE = "refuse"
    BLACK_HOLE = "black_hole"
    RESET = "reset"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """The state of the network; the defaults are a good one.

    `latency` is the seconds before each piece is passed on, in either direction. `cut_after` resets each connection
    after this many bytes of answers, counted from when the weather began; the bytes until then arrive.
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
    """One proxy: a loopback port in front of one server."""

    def __init__(self, dial: Dial) -> None:
        self._dial = dial
        self._weather = FAIR
        self._fair = asyncio.Event()
        self._fair.set()
        self._links: set[_Link] = set()
        self._server: asyncio.Server
        self._port = 0
        self._held: socket.socket | None = None
        self.connections = 0

    async def start(self, port: int = 0) -> int:
        """Listen, on a free port when `port` is 0, and return the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self._port = self._server.sockets[0].getsockname()[1]
        return self._port

    async def close(self) -> None:
        """Stop listening and end every connection."""
        self._server.close()
        if self._held is not None:
            self._held.close()
        for link in list(self._links):
            link.reset()
        await asyncio.gather(*(link.over.wait() for link in list(self._links)))

    async def change(self, weather: Weather) -> None:
        """Set the state of the network from now on, for open connections too."""
        self._weather = weather
        if weather.damage is Damage.GONE:
            await self._leave()
        elif self._held is not None:
            await self._come_back(self._held)
        for link in list(self._links):
            link.answered = 0
            if weather.damage in (Damage.RESET, Damage.GONE):
                link.reset()
        if weather.damage is Damage.BLACK_HOLE:
            self._fair.clear()
        else:
            self._fair.set()

    async def _leave(self) -> None:
        """Stop listening but keep the port, so that no other process gets it meanwhile."""
        if self._held is not None:
            return
        # A server that closes while it accepts a connection silently drops that one: first stop accepting.
        for listener in self._server.sockets:
            asyncio.get_running_loop().remove_reader(listener.fileno())
        await asyncio.sleep(_TAKING_S)
        self._server.close()
        self._held = socket.socket()
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held.bind(("127.0.0.1", self._port))

    async def _come_back(self, held: socket.socket) -> None:
        await self.start(self._port)
        held.close()
        self._held = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        link = _Link(writer)
        self._links.add(link)
        try:
            if self._weather.damage in (Damage.REFUSE, Damage.RESET, Damage.GONE):
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
        """End both halves with a TCP reset, as when a machine on the way has lost its state."""
        for half in (self.near, self.far):
            if half is not None and not half.is_closing():
                _linger_not(half)
                half.transport.abort()

    def close(self) -> None:
        """Close both halves normally."""
        for half in (self.near, self.far):
            if half is not None:
                half.close()
        self.over.set()


def _linger_not(half: asyncio.StreamWriter) -> None:
    connection = half.get_extra_info("socket")
    if connection is not None and connection.family != socket.AF_UNIX:
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_WHEN_CLOSED)
