"""The settings of one drill: its seed, its length, its database, and the timers that fit its length.

Every random choice in a drill follows from the seed. `tests.chaos.faults.plan` decides which fault happens when.
"""

from dataclasses import dataclass
from enum import StrEnum

from app.domain.webhooks.retries import WAITS

LONG_S = 100.0
HIDDEN_S = 30
TRIED_AGAIN_S = WAITS[2].total_seconds()
"""How long an event waits that the receiver did not take three times."""


class DatabaseKind(StrEnum):
    """The database that holds the emails."""

    POSTGRESQL = "postgresql"
    SQLITE = "sqlite"


class Intake(StrEnum):
    """How the notifications of SNS come to the gateway."""

    HTTPS = "https"
    SQS = "sqs"
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One run. `rate` is emails offered a second; `lossy` lets events be lost, since SNS does not guarantee delivery.

    `drain_s` is the time allowed to settle everything after the last fault, not counting timers that run then. Each
    email carries `padding` meaningless characters. With `forgets`, the database loses emails whose notifications come:
    they stay parked.
    """

    seed: int
    seconds: float
    database: DatabaseKind = DatabaseKind.POSTGRESQL
    rate: float = 44.0
    lossy: bool = False
    drain_s: float = 60.0
    padding: int = 0
    intake: Intake = Intake.HTTPS
    forgets: bool = False

    @property
    def lease_s(self) -> int:
        """How long a worker may hold an email."""
        return 12 if self.seconds >= LONG_S else 6

    @property
    def quiet_s(self) -> int:
        """The quiet period, longer than the latest event of a drill."""
        return 25 if self.seconds >= LONG_S else 14

    @property
    def event_delay_ms(self) -> tuple[int, int]:
        """The shortest and the longest time between two events of an email while the stream is unruly."""
        return (50, 6000) if self.seconds >= LONG_S else (20, 2500)

    @property
    def drain_within_s(self) -> float:
        """Time after the last fault until everything must be settled, including a last lease and quiet period.

        What a dead poller had received is hidden in its queue for half a minute, and an event that the receiver did not
        take waits before it is tried again.
        """
        hidden_s = 0 if self.intake is Intake.HTTPS else HIDDEN_S
        return self.drain_s + self.lease_s + self.quiet_s + hidden_s + TRIED_AGAIN_S
