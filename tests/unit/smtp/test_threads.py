"""The threads of the SMTP door: how much is done at once, and for which application."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from app.smtp.threads import Busy, Threads


@pytest.fixture
def threads() -> Iterator[Threads]:
    with closing(Threads(4, most_waiting=16)) as found:
        yield found


class Crowd:
    """Counts how many calls are made at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._here = self.most = 0

    def __call__(self) -> None:
        with self._lock:
            self._here += 1
            self.most = max(self.most, self._here)
        time.sleep(0.03)
        with self._lock:
            self._here -= 1


def test_of_large_calls_one_is_made_at_a_time(threads: Threads) -> None:
    """Each makes copies of a message; the others go on beside it."""

    async def play(large: Callable[[], None], small: Callable[[], None]) -> None:
        calls = [threads.run(large, owner=1, is_large=True) for _ in range(3)]
        await asyncio.gather(*calls, *(threads.run(small, owner=1) for _ in range(6)))

    large, small = Crowd(), Crowd()
    asyncio.run(play(large, small))
    assert large.most == 1
    assert small.most > 1


def test_one_owner_leaves_room_for_others(threads: Threads) -> None:
    """Those without a key are one owner: guesses of keys do not keep messages out."""

    async def play() -> list[object]:
        began = threading.Event()
        calls = [asyncio.ensure_future(threads.run(lambda: began.wait(10), owner=None)) for _ in range(30)]
        await asyncio.sleep(0)
        other = asyncio.ensure_future(threads.run(lambda: True, owner="invites"))
        await asyncio.sleep(0)
        began.set()
        return await asyncio.gather(other, *calls, return_exceptions=True)

    other, *strangers = asyncio.run(play())
    assert other is True
    assert sum(isinstance(one, Busy) for one in strangers) == 30 - 16
