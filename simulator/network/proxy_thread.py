"""Fault proxies for a program without an event loop: `with Proxies() as proxies: proxies.open("database", dial)`.

It decides only in which thread they live. What they do to connections is in `simulator.proxy`.
"""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Self, TypeVar

from simulator.proxy import FAIR, Dial, Proxy, Weather

PATIENCE_S = 10.0

T = TypeVar("T")


class Proxies:
    """Proxies by name, in one thread of their own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)
        self._proxies: dict[str, Proxy] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        for proxy in self._proxies.values():
            self._wait(proxy.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()

    def open(self, name: str, dial: Dial) -> int:
        """Begin to stand before a server, and return the port of loopback where it is reached from now on."""

        async def start() -> int:
            self._proxies[name] = Proxy(dial)
            return await self._proxies[name].start()

        return self._wait(start())

    def change(self, name: str, weather: Weather = FAIR) -> None:
        """Let one network be so from now on; fair unless told otherwise."""

        async def change() -> None:
            self._proxies[name].change(weather)

        self._wait(change())

    def connections(self, name: str) -> int:
        """How many connections were made through this proxy so far."""
        return self._proxies[name].connections

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)
