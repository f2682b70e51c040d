"""How a drain is timed: between its first tenth and its last twentieth, so that neither start nor tail is counted."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.cpu import spent_by_kind

_FROM, _TO = 0.10, 0.95
_LOOK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """Mails a second, and CPU seconds a mail by kind of process."""

    rate: float
    cpu: dict[str, float]

    @property
    def cpu_per_mail(self) -> float:
        """Seconds of CPU for one mail, everybody's."""
        return sum(self.cpu.values())


@dataclass(frozen=True, slots=True)
class Moment:
    """When so many were done (monotonic), and what had been spent by then."""

    at: float
    done: int
    cpu: dict[str, float]


def watch(done: Callable[[], int], *, total: int, kinds: Sequence[str], within_s: float = 600.0) -> Drained:
    """Wait until all are done. Raises `TimeoutError`."""
    began = reach(done, total * _FROM, within_s)
    ended = reach(done, total * _TO, within_s)
    reach(done, total, within_s)
    return between(began, ended, kinds=kinds)


def between(began: Moment, ended: Moment, *, kinds: Sequence[str]) -> Drained:
    """What was done between two moments."""
    mails = ended.done - began.done
    cpu = {kind: (ended.cpu.get(kind, 0.0) - began.cpu.get(kind, 0.0)) / mails for kind in kinds}
    return Drained(rate=mails / (ended.at - began.at), cpu=cpu)


def reach(done: Callable[[], int], count: float, within_s: float = 600.0) -> Moment:
    """Wait until so many are done. Raises `TimeoutError`."""
    ends = time.monotonic() + within_s
    while True:
        at, so_far = time.monotonic(), done()
        if so_far >= count:
            return Moment(at, so_far, spent_by_kind())
        if at > ends:
            raise TimeoutError(f"the benchmark stopped at {so_far} of {count:.0f} mails")
        time.sleep(_LOOK_EVERY_S)
