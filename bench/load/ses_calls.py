"""The calls that the stand-in for SES has written to its journal, and figures computed from their times.

All processes of a benchmark run on one host, so they share its monotonic clock.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the monotonic seconds when its request was complete, its recipient, and whether it was accepted."""

    at: float
    taken: bool
    recipient: str


def read(journal: Path) -> list[Call]:
    """Return all calls so far, oldest first, except one whose line is still being written."""
    lines = journal.read_text().splitlines(keepends=True)
    words = [line.split() for line in lines if line.endswith("\n")]
    return [Call(float(at), taken == "1", recipient) for at, taken, recipient in words]


class Counted:
    """Counts the calls since it was made; each count reads only the new part of the journal."""

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
    """Return the calls per second between the first and the last of them."""
    return (len(times) - 1) / (times[-1] - times[0])


def between(times: Sequence[float], since: float, until: float) -> int:
    """Return how many calls came at or after `since` and before `until`; `times` are in order."""
    return bisect_left(times, until) - bisect_left(times, since)


def most_in(seconds: float, times: Sequence[float]) -> int:
    """Return the most calls within any window of `seconds`; `times` are in order."""
    return max(between(times, at, at + seconds) for at in times)
