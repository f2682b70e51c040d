"""What runs on one thread, measured: its CPU, that of PostgreSQL's backends meanwhile, and the log they wrote (Linux).

It asks PostgreSQL itself between the stages, outside of what is counted.
"""

import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import text

from app.store.db import Database
from bench.cpu import descendants

Made = TypeVar("Made")

_LOG: Final = text("select pg_current_wal_insert_lsn() - '0/0'::pg_lsn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Microseconds a mail: our thread's CPU, the backends' CPU, and by the clock; and bytes of write-ahead log."""

    client: float
    database: float
    wall: float
    wal: float

    @property
    def cpu(self) -> float:
        """Both together."""
        return self.client + self.database


class Meter:
    """Collects what each stage cost, batch by batch."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._costs: dict[str, list[Cost]] = defaultdict(list)
        self._backends: list[Path] = []

    def begin(self) -> None:
        """Find the backends that serve connections at this moment; those that come later are not counted."""
        databases = (one.pid for one in descendants() if one.kind == "database")
        self._backends = [Path(f"/proc/{pid}/schedstat") for pid in databases if _serves(pid)]

    def __call__(self, stage: str, mails: int, do: Callable[[], Made]) -> Made:
        """Do it, and note what that cost for each of so many mails."""
        log = self._log()
        wall, theirs, ours = time.perf_counter(), self._spent(), time.thread_time()
        made = do()
        ours, theirs, wall = time.thread_time() - ours, self._spent() - theirs, time.perf_counter() - wall
        to_us = 1e6 / mails
        written = (self._log() - log) / mails
        self._costs[stage].append(Cost(client=ours * to_us, database=theirs * to_us, wall=wall * to_us, wal=written))
        return made

    def costs(self, stage: str) -> list[Cost]:
        """Of each batch, in the order of time."""
        return self._costs[stage]

    def median(self, stage: str) -> Cost:
        """Of the batches."""
        costs = self._costs[stage]
        return Cost(
            client=statistics.median(one.client for one in costs),
            database=statistics.median(one.database for one in costs),
            wall=statistics.median(one.wall for one in costs),
            wal=statistics.median(one.wal for one in costs),
        )

    def _log(self) -> int:
        """Bytes that have ever been written to the log."""
        with self._database.asking() as connection:
            return int(connection.execute(_LOG).scalar_one())

    def _spent(self) -> float:
        return sum(int(one.read_text().split()[0]) for one in self._backends) / 1e9


def _serves(pid: int) -> bool:
    try:
        return b"[local]" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
