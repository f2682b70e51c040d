"""How a drain is timed: from after its first tenth to before its last twentieth, without the start and the tail."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.measure.cpu import spent_by_kind

_FROM, _TO = 0.10, 0.95
_LOOK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """Emails per second, and CPU seconds per email by kind of process."""

    rate: float
    cpu: dict[str, float]

    @property
    def cpu_per_mail(self) -> float:
        """Return the CPU seconds per email of all processes."""
        return sum(self.cpu.values())


@dataclass(frozen=True, slots=True)
class Moment:
    """The monotonic time at which a number of emails was done, and the CPU used until then."""

    at: float
    done: int
    cpu: dict[str, float]


def watch(done: Callable[[], int], *, total: int, kinds: Sequence[str], within_s: float = 600.0) -> Drained:
    """Wait until all emails are done and return the figures. Raises `TimeoutError`."""
    began = reach(done, total * _FROM, within_s)
    ended = reach(done, total * _TO, within_s)
    reach(done, total, within_s)
    return between(began, ended, kinds=kinds)


def between(began: Moment, ended: Moment, *, kinds: Sequence[str]) -> Drained:
    """Return the figures between two moments."""
    emails = ended.done - began.done
    cpu = {kind: (ended.cpu.get(kind, 0.0) - began.cpu.get(kind, 0.0)) / emails for kind in kinds}
    return Drained(rate=emails / (ended.at - began.at), cpu=cpu)


def reach(done: Callable[[], int], count: float, within_s: float = 600.0) -> Moment:
    """Wait until `count` emails are done. Raises `TimeoutError`."""
    ends = time.monotonic() + within_s
    while True:
        at, so_far = time.monotonic(), done()
        if so_far >= count:
            return Moment(at, so_far, spent_by_kind())
        if at > ends:
            raise TimeoutError(f"the benchmark stopped at {so_far} of {count:.0f} emails")
        time.sleep(_LOOK_EVERY_S)
