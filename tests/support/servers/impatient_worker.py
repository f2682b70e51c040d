"""The real worker, but it looks for work, and tries its broker, every second.

`celery -A tests.support.servers.impatient_worker worker`, for tests in which the broker refuses commands.
"""

from worker import consumer, process
from worker.celery import app

__all__ = ["app"]

process._SILENCE_S = 1.0  # type: ignore[misc] # noqa: SLF001 - production has no use for a shorter one
process._BEAT_EVERY_S = 1.0  # type: ignore[misc] # noqa: SLF001 - likewise
consumer._LONGEST_PAUSE_S = 1.0  # type: ignore[misc] # noqa: SLF001 - likewise
