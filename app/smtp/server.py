"""The door itself: where it listens, how it looks after its connections, and how it ends."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from app.domain.errors import ServiceUnavailable
from app.smtp.connection import Connection
from app.smtp.counts import Tally
from app.smtp.door import Door

log = structlog.get_logger()

_BACKLOG: Final = 512
_BEATS_EVERY_S: Final = 5.0
_POLLS_EVERY_S: Final = 0.02
_STOPS_WITHIN_S: Final = 20.0
_LAST_WORDS_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Place:
    """An address and a port to listen on; with `tls_at_once` TLS begins before the greeting (RFC 8314)."""

    host: str
    port: int
    tls_at_once: bool = False


class Server:
    """Listens at all places; `beat` writes down that the door is open, and what was counted."""

    def __init__(self, door: Door, places: Sequence[Place], *, beat: Callable[[Tally], None]) -> None:
        self._door = door
        self._places = places
        self._beat = beat
        self._servers: list[asyncio.Server] = []
        self._stop = asyncio.Event()

    @property
    def ports(self) -> list[int]:
        """The ports that it listens on, in the order of the places."""
        return [server.sockets[0].getsockname()[1] for server in self._servers]

    async def open(self) -> None:
        """Listen. Raises `OSError` where that is not possible."""
        loop = asyncio.get_running_loop()
        for place in self._places:
            make = partial(Connection, self._door, tls_at_once=place.tls_at_once)
            self._servers.append(await loop.create_server(make, place.host, place.port, backlog=_BACKLOG))

    async def run(self) -> None:
        """Serve until `stop`; then let messages that are under way come to their end."""
        log.info("smtp_opened", ports=self.ports)
        looking = asyncio.create_task(self._look())
        beating = asyncio.create_task(self._beats())
        await self._stop.wait()
        await self._close()
        looking.cancel()
        beating.cancel()
        await asyncio.to_thread(self._beat_once)
        log.info("smtp_closed")

    def stop(self) -> None:
        """Begin to end."""
        self._stop.set()

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        for one in list(self._door.connections):
            one.stop()
        if not await self._is_empty(_STOPS_WITHIN_S):
            log.warning("smtp_given_up", connections=len(self._door.connections))
        for one in list(self._door.connections):
            one.give_up()
        await self._is_empty(_LAST_WORDS_S)
        await asyncio.to_thread(self._door.threads.close)

    async def _is_empty(self, within_s: float) -> bool:
        """Whether all connections are over within this time."""
        for _ in range(int(within_s / _POLLS_EVERY_S)):
            if not self._door.connections:
                return True
            await asyncio.sleep(_POLLS_EVERY_S)
        return False

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self._door.patience.looked_at_every)
            now = time.monotonic()
            for one in list(self._door.connections):
                one.look(now)

    async def _beats(self) -> None:
        while True:
            await asyncio.to_thread(self._beat_once)
            await asyncio.sleep(_BEATS_EVERY_S)

    def _beat_once(self) -> None:
        tally = self._door.counts.take()
        try:
            self._beat(tally)
        except ServiceUnavailable as error:
            self._door.counts.put_back(tally)
            log.warning("smtp_beat_missed", reason=error.detail)
        except Exception:
            self._door.counts.put_back(tally)
            log.exception("smtp_beat_missed")
