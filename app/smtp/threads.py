"""A bounded number of threads for what blocks. What would wait too long for one is turned away at once."""

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import TypeVar

from app.smtp.protocol.budget import Budget

T = TypeVar("T")


class Busy(Exception):
    """All threads are at work, and as much waits for them as may, whole or of one owner."""


class Threads:
    """The threads of one door. They begin when they are needed."""

    def __init__(self, number: int, *, most_waiting: int) -> None:
        self._executor = ThreadPoolExecutor(number, thread_name_prefix="smtp")
        self._room = Budget(number + most_waiting)
        self._one_large = asyncio.Lock()

    async def run(self, call: Callable[[], T], *, owner: Hashable, is_large: bool = False) -> T:
        """The result of the call for this owner. Raises `Busy`. A call that has begun goes on if it is not awaited.

        Of those that take much memory, `is_large`, one is made at a time.
        """
        if not self._room.take(owner, 1):
            raise Busy
        async with self._one_large if is_large else nullcontext():
            future = asyncio.get_running_loop().run_in_executor(self._executor, call)
            future.add_done_callback(lambda _: self._room.give_back(owner, 1))
            return await asyncio.shield(future)

    def close(self) -> None:
        """End the threads, each after the call that it has begun."""
        self._executor.shutdown(wait=True, cancel_futures=True)
