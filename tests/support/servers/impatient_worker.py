"""The real worker, but it looks for work, and tries its broker, every second.

`celery -A tests.support.servers.impatient_worker worker`, for tests in which the broker refuses commands.
"""

from worker import consumer, process
from worker.celery import app

__all__ = ["app"]

process._SILENCE_S = 1.0  # type: ignore[misc]
process._BEAT_EVERY_S = 1.0  # type: ignore[misc]
consumer._LONGEST_PAUSE_S = 1.0  # type: ignore[misc]
