"""The threads that poll queues in one worker process: one for each poller of each queue, most of them on standby."""

import threading
import time
from collections.abc import Sequence
from typing import Final

from app.services.feedback.queues.intake import QueueIntake

_LONGEST_STOP_S: Final = 1.0
_LONGEST_RELEASE_S: Final = 0.5
_LOOK_EVERY_S: Final = 0.01


class QueuePollers:
    """Polls until it is closed."""

    def __init__(self, intakes: Sequence[QueueIntake]) -> None:
        self._intakes = intakes
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._repeat, args=(intake,), name="queue", daemon=True) for intake in intakes
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop at once, or within about a second if messages are at work. A thread that waits for SQS is left behind.

        What such a poll still receives becomes visible again by itself, after half a minute.
        """
        self._over.set()
        for intake in self._intakes:
            intake.stop()
        deadline = time.monotonic() + _LONGEST_STOP_S
        while self._at_work() and time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY_S)
        # Without a database this takes longer, and the leases end by themselves.
        releasing = threading.Thread(target=self._release, name="release", daemon=True)
        releasing.start()
        releasing.join(_LONGEST_RELEASE_S)

    def _at_work(self) -> bool:
        return any(
            thread.is_alive() and not intake.receiving
            for thread, intake in zip(self._threads, self._intakes, strict=True)
        )

    def _release(self) -> None:
        for intake in self._intakes:
            intake.release()

    def _repeat(self, intake: QueueIntake) -> None:
        while not self._over.is_set():
            self._over.wait(intake.turn())
