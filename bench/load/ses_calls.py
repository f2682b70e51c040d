"""What the stand-in for SES has noted of the calls that reached it, and what follows from their times.

All processes of a benchmark run on one host, so its monotonic clock is everybody's.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Call:
    """One call: when its request was there in full (seconds, monotonic), to whom, and whether it was taken."""

    at: float
    taken: bool
    recipient: str


def read(journal: Path) -> list[Call]:
    """All calls so far, oldest first. A line that is being written is left for the next reading."""
    lines = journal.read_text().splitlines(keepends=True)
    words = [line.split() for line in lines if line.endswith("\n")]
    return [Call(float(at), taken == "1", recipient) for at, taken, recipient in words]


class Counted:
    """How many calls there have been since it was made; it reads what is new and no more."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._read = journal.stat().st_size
        self._calls = 0

    def __call__(self) -> int:
        """So many."""
        with self._journal.open("rb") as journal:
            journal.seek(self._read)
            new = journal.read()
        self._read += len(new)
        self._calls += new.count(b"\n")
        return self._calls


def rate(times: Sequence[float]) -> float:
    """Calls a second between the first and the last of them."""
    return (len(times) - 1) / (times[-1] - times[0])


def between(times: Sequence[float], since: float, until: float) -> int:
    """How many calls came from `since` on and before `until`; `times` in order."""
    return bisect_left(times, until) - bisect_left(times, since)


def most_in(seconds: float, times: Sequence[float]) -> int:
    """The most calls that came within so many seconds, wherever these begin; `times` in order."""
    return max(between(times, at, at + seconds) for at in times)
