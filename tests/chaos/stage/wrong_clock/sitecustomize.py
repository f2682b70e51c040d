"""Gives the process that finds this module first on its path a clock that a file sets wrong at any time.

All of Python's wall-clock times are wrong (`time`, `datetime`, and the ids that contain one); the monotonic clock and
the database are right, as on a host whose clock was set. The file holds the seconds that the clock is ahead.
"""

import os
import threading
import time
from pathlib import Path
from uuid import UUID

import time_machine
import uuid_utils.compat

LOOK_EVERY_S = 0.02
WRONG = Path(os.environ["WRONG_CLOCK"])


class Clock:
    """The clock of this process, and the thread that follows the file."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._travel: time_machine.travel | None = None

    def follow(self) -> None:
        """Begin to follow the file; a thread does not survive a fork, the clock does."""
        threading.Thread(target=self._follow, name="wrong clock", daemon=True).start()

    def _follow(self) -> None:
        while True:
            ahead = float((WRONG / "ahead").read_text() or self._ahead)
            if ahead != self._ahead:
                self._put(ahead)
            (WRONG / str(os.getpid())).write_text(str(ahead))
            time.sleep(LOOK_EVERY_S)

    def _put(self, ahead: float) -> None:
        if self._travel is not None:
            self._travel.stop()
            self._travel = None
        if ahead:
            self._travel = time_machine.travel(time.time() + ahead, tick=True)
            self._travel.start()
        self._ahead = ahead


right_uuid7 = uuid_utils.compat.uuid7


def uuid7(*, nanoseconds: int | None = None) -> UUID:
    """An id with this process's wrong time; compiled code would read the real clock."""
    return right_uuid7(nanoseconds=nanoseconds or time.time_ns())


uuid_utils.compat.uuid7 = uuid7
clock = Clock()
clock.follow()
os.register_at_fork(after_in_child=clock.follow)
