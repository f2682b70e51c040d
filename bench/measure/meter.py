"""Measures work on one thread: its CPU, the CPU of PostgreSQL's backends, and the log that they write (Linux only).

It queries PostgreSQL between the stages, outside the measured time.
"""

import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import text

from app.store.engine.database import Database
from bench.measure.cpu import descendants

Made = TypeVar("Made")

_LOG: Final = text("select pg_current_wal_insert_lsn() - '0/0'::pg_lsn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Per email: microseconds of our thread's CPU, of the backends' CPU and elapsed; bytes of write-ahead log."""

    client: float
    database: float
    wall: float
    wal: float

    @property
    def cpu(self) -> float:
        """Both together."""
        return self.client + self.database


class Meter:
    """Collects the cost of each stage, batch by batch."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._costs: dict[str, list[Cost]] = defaultdict(list)
        self._backends: list[Path] = []

    def begin(self) -> None:
        """Find the backends that serve connections now; later ones are not counted."""
        databases = (one.pid for one in descendants() if one.kind == "database")
        self._backends = [Path(f"/proc/{pid}/schedstat") for pid in databases if _serves(pid)]

    def __call__(self, stage: str, emails: int, do: Callable[[], Made]) -> Made:
        """Call `do` for a batch of `mails` emails, record its cost per email, and return its result."""
        log = self._log()
        wall, theirs, ours = time.perf_counter(), self._spent(), time.thread_time()
        made = do()
        ours, theirs, wall = time.thread_time() - ours, self._spent() - theirs, time.perf_counter() - wall
        to_us = 1e6 / emails
        written = (self._log() - log) / emails
        self._costs[stage].append(Cost(client=ours * to_us, database=theirs * to_us, wall=wall * to_us, wal=written))
        return made

    def costs(self, stage: str) -> list[Cost]:
        """Return the cost of each batch, oldest first."""
        return self._costs[stage]

    def median(self, stage: str) -> Cost:
        """Return the median cost of the batches."""
        costs = self._costs[stage]
        return Cost(
            client=statistics.median(one.client for one in costs),
            database=statistics.median(one.database for one in costs),
            wall=statistics.median(one.wall for one in costs),
            wal=statistics.median(one.wal for one in costs),
        )

    def _log(self) -> int:
        """Return the bytes ever written to the log."""
        with self._database.asking() as connection:
            return int(connection.execute(_LOG).scalar_one())

    def _spent(self) -> float:
        return sum(int(one.read_text().split()[0]) for one in self._backends) / 1e9


def _serves(pid: int) -> bool:
    try:
        return b"[local]" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
