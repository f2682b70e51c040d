"""What one drill is to be: its seed, its length, its database, and the timers that fit its length.

Everything that chance decides in a drill follows from the seed. What happens when is decided by `tests.chaos.plan`.
"""

from dataclasses import dataclass
from enum import StrEnum

LONG_S = 100.0


class DatabaseKind(StrEnum):
    """Where the mails are kept."""

    POSTGRESQL = "postgresql"
    SQLITE = "sqlite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One run. `rate` is mails offered a second; `lossy` lets events be lost, which SNS does not promise not to do.

    `drain_s` is how long it may take to settle all once the last fault is over, timers that run then not counted. Each
    mail carries `padding` characters that say nothing.
    """

    seed: int
    seconds: float
    database: DatabaseKind = DatabaseKind.POSTGRESQL
    rate: float = 44.0
    lossy: bool = False
    drain_s: float = 60.0
    padding: int = 0

    @property
    def lease_s(self) -> int:
        """How long a worker may hold a mail."""
        return 12 if self.seconds >= LONG_S else 6

    @property
    def quiet_s(self) -> int:
        """The quiet period, longer than any event is ever late here."""
        return 25 if self.seconds >= LONG_S else 14

    @property
    def event_delay_ms(self) -> tuple[int, int]:
        """The least and the most between two events of a mail while the stream is unruly."""
        return (50, 6000) if self.seconds >= LONG_S else (20, 2500)

    @property
    def drain_within_s(self) -> float:
        """How long after the last fault all has to be settled, the lease and the quiet period of the last included."""
        return self.drain_s + self.lease_s + self.quiet_s
