"""How long things took: observed in the memory of each process, and added to the counts of all every few seconds.

An observation costs about a microsecond and no query. A process that is killed loses those of its last seconds; a count
that was written never goes back.
"""

import threading
from collections import Counter, defaultdict
from typing import Final

import structlog

from app.domain.errors import ServiceUnavailable
from app.domain.operating.histograms import Place, bound_of, tally_of
from app.store.engine.database import Database
from app.store.operating import tallies

log = structlog.get_logger()

_WRITE_EVERY_S: Final = 5.0
_LAST_WORDS_S: Final = 2.0


class Timings:
    """What this process has observed and not written yet. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: defaultdict[Place, int] = defaultdict(int)
        self._seconds: defaultdict[tuple[str, str], float] = defaultdict(float)

    def observe(self, histogram: str, seconds: float, label: str = "") -> None:
        """Something took this long. Clocks of two hosts may differ, so less than nothing counts as nothing."""
        seconds = max(0.0, seconds)
        bound = bound_of(histogram, seconds)
        with self._lock:
            self._counts[histogram, label, bound] += 1
            self._seconds[histogram, label] += seconds

    def take(self) -> Counter[tuple[str, str]]:
        """All of it as counts; from now on it begins anew."""
        with self._lock:
            counts, self._counts = self._counts, defaultdict(int)
            seconds, self._seconds = self._seconds, defaultdict(float)
        return tally_of(counts, seconds)


class WriteTimings:
    """Adds what this process has observed to the counts of all processes, on a thread of its own.

    Only a process that lives long starts it. What a command observes is forgotten.
    """

    def __init__(self, *, database: Database, timings: Timings) -> None:
        self._database = database
        self._timings = timings
        self._unwritten: Counter[tuple[str, str]] = Counter()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Write every five seconds from now on, until `close`."""
        self._thread = threading.Thread(target=self._repeat, name="timings", daemon=True)
        self._thread.start()

    def write(self) -> None:
        """Write now. Raises `ServiceUnavailable`; what was not written is written the next time."""
        self._unwritten.update(self._timings.take())
        if self._unwritten:
            with self._database.transaction() as connection:
                tallies.add(connection, self._unwritten)
            self._unwritten.clear()

    def close(self) -> None:
        """Write what is left, if it was started. A database that is away is not waited for."""
        if self._thread is not None:
            self._over.set()
            self._thread.join(_LAST_WORDS_S)

    def _repeat(self) -> None:
        while not self._over.wait(_WRITE_EVERY_S):
            self._write_or_log()
        self._write_or_log()

    def _write_or_log(self) -> None:
        """A thread that ended would not be replaced."""
        try:
            self.write()
        except ServiceUnavailable as error:
            log.warning("timings_not_written", reason=error.detail)
        except Exception:
            log.exception("timings_not_written")
