"""Fault proxies for a program without an event loop: `with Proxies() as proxies: proxies.open("database", dial)`.

It runs them in a thread. What they do to connections is in `simulator.network.proxy`.
"""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Self, TypeVar

from simulator.network.proxy import FAIR, Dial, Proxy, Weather

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
        """Start a proxy for a server, and return the loopback port of the proxy."""

        async def start() -> int:
            self._proxies[name] = Proxy(dial)
            return await self._proxies[name].start()

        return self._wait(start())

    def change(self, name: str, weather: Weather = FAIR) -> None:
        """Set the state of one network from now on; a good one by default."""

        async def change() -> None:
            await self._proxies[name].change(weather)

        self._wait(change())

    def connections(self, name: str) -> int:
        """Return how many connections were made through this proxy so far."""
        return self._proxies[name].connections

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)
