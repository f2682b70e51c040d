"""A drill on pieces of infrastructure: email flows while a test does something to them, and the oracle judges.

The stage, the load and the oracle are those of `tests.chaos`. There are no other faults than those of the test.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

from tests.chaos.drill import Drill
from tests.chaos.faults.nemesis import Nemesis
from tests.chaos.load import journal
from tests.chaos.load.journal import Journal
from tests.chaos.run import Result, play_on
from tests.chaos.stage.site import Piece, own_postgres, own_redis
from tests.chaos.stage.stage import Stage, staged
from tests.chaos.verdict.evidence import taken_in
from tests.chaos.verdict.oracle import Promise

RATE, SECONDS, DRAIN_S = 12.0, 8.0, 90.0

Deeds = Mapping[float, Callable[[Stage], None]]
"""What is done to the infrastructure, by the seconds since email flows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a drill found: its result, and the longest time without an accepted email, and without a call to SES."""

    result: Result
    not_accepting_s: float
    not_sending_s: float

    @property
    def broken(self) -> list[str]:
        """Each broken promise with its proof."""
        return [f"{finding.promise}: {finding.what}" for finding in self.result.verdict.broken]

    def figures(self) -> tuple[int, int, int, float, float]:
        """Accepted, lost, sent twice, and the two times in seconds."""
        count = self.result.verdict.count
        twice = count(Promise.DUPLICATE_UNFLAGGED) + count(Promise.DUPLICATE_FLAGGED)
        pauses = round(self.not_accepting_s, 1), round(self.not_sending_s, 1)
        return (self.result.accepted, count(Promise.LOST), twice, *pauses)


class Doer(Nemesis):
    """Does the deeds, each at its time, and nothing else."""

    def __init__(self, stage: Stage, its_journal: Journal, deeds: Deeds) -> None:
        super().__init__(stage, (), its_journal)
        for at, deed in deeds.items():
            self._at(at, partial(self._do, deed))

    def start(self) -> None:
        """Begin, without the constant background faults."""
        self._thread.start()

    def _do(self, deed: Callable[[Stage], None]) -> None:
        self._journal.write("fault", name=getattr(deed, "__name__", "deed"))
        self.struck += 1
        deed(self._stage)


def stage_on(
    root: Path,
    *,
    database: Piece = own_postgres,
    redis: Piece = own_redis,
    seconds: float = SECONDS,
    forgets: bool = False,
) -> AbstractContextManager[Stage]:
    """A gateway of real processes on these pieces, for a drill of so many seconds; see `Drill` for `forgets`."""
    drill = Drill(seed=1, seconds=seconds, rate=RATE, drain_s=DRAIN_S, forgets=forgets)
    return staged(drill, root, database=database, redis=redis)


def drilled(stage: Stage, deeds: Deeds) -> Found:
    """Let email flow, do the deeds, wait until nothing waits any more, and look."""
    result = play_on(stage, show=lambda _: None, harm=lambda stage, to: Doer(stage, to, deeds))
    accepted = [entry["at"] for entry in journal.read(stage.root / "journal.jsonl") if entry["what"] == "accepted"]
    sent = [one.at.timestamp() for one in taken_in(stage.ledger)]
    return Found(
        result=result, not_accepting_s=longest_pause(accepted), not_sending_s=longest_pause(sent, until=max(accepted))
    )


def longest_pause(moments: Iterable[float], *, until: float = float("inf")) -> float:
    """The longest time between two of these moments in a row, as far as the first of them is before `until`."""
    return max((later - one for one, later in pairwise(sorted(moments)) if one < until), default=0.0)
