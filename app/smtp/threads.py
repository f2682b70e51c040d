"""A bounded number of threads for what blocks. What would wait too long for one is turned away at once."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Busy(Exception):
    """All threads are at work, and as much waits for them as may."""


class Threads:
    """The threads of one door. They begin when they are needed."""

    def __init__(self, number: int, *, most_waiting: int) -> None:
        self._executor = ThreadPoolExecutor(number, thread_name_prefix="smtp")
        self._room = number + most_waiting

    async def run(self, call: Callable[[], T]) -> T:
        """The result of the call. Raises `Busy`. A call that has begun goes on if its caller is canceled."""
        if not self._room:
            raise Busy
        self._room -= 1
        future = asyncio.get_running_loop().run_in_executor(self._executor, call)
        future.add_done_callback(self._is_done)
        return await asyncio.shield(future)

    def close(self) -> None:
        """End the threads, each after the call that it has begun."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _is_done(self, _future: object) -> None:
        self._room += 1
