"""The budget of an application: which share of its emails may bounce or be complained about, and what follows.

AWS reviews an account at 5 % hard bounces or 0.1 % complaints and may pause it at 10 % and 0.5 %, over a volume that it
calls representative (https://docs.aws.amazon.com/ses/latest/dg/reputationdashboardmessages.html). The lines here come
first, for each application, so that one of them does not cost all others their account.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final

LEAST: Final = 3
"""The fewest bounces or complaints that cross a line: one person who reports an email as spam is no pattern."""


class Pauses(StrEnum):
    """Which lanes of the application are paused at the second line."""

    BULK = "bulk"
    ALL = "all"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The lines, as shares of the recipients whose email SES took.

    Below `minimum` recipients nothing follows: a line of 4 % is four bounces of a hundred, and one of twenty.
    """

    minimum: int = 100
    warn_bounces: float = 0.02
    pause_bounces: float = 0.04
    warn_complaints: float = 0.0005
    pause_complaints: float = 0.0008
    pauses: Pauses = Pauses.BULK


OF_AWS: Final = Budget(warn_bounces=0.04, pause_bounces=0.05, warn_complaints=0.0008, pause_complaints=0.001)
"""The lines of the whole account: shortly before AWS reviews it, and where it does."""


@dataclass(frozen=True, slots=True)
class Line:
    """A share at which something happens to the account, in words."""

    share: float
    says: str


BOUNCE_LINES: Final = (
    Line(Budget().pause_bounces, "Postern pauses an application"),
    Line(OF_AWS.pause_bounces, "AWS reviews the account"),
    Line(0.10, "AWS may pause the account"),
)
COMPLAINT_LINES: Final = (
    Line(Budget().pause_complaints, "Postern pauses an application"),
    Line(OF_AWS.pause_complaints, "AWS reviews the account"),
    Line(0.005, "AWS may pause the account"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """How many recipients of some emails SES took, how many of these bounced for good, and how many complained."""

    sent: int = 0
    hard_bounced: int = 0
    complained: int = 0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            sent=self.sent + other.sent,
            hard_bounced=self.hard_bounced + other.hard_bounced,
            complained=self.complained + other.complained,
        )

    def __sub__(self, before: "Spent") -> "Spent":
        return Spent(
            sent=self.sent - before.sent,
            hard_bounced=self.hard_bounced - before.hard_bounced,
            complained=self.complained - before.complained,
        )


class Window(StrEnum):
    """Which emails are judged together. After a resume, `since_resumed` stands in place of `week` for a while."""

    DAY = "day"
    WEEK = "week"
    SINCE_RESUMED = "since_resumed"


IN_WORDS: Final = {
    Window.DAY: "in the last 24 hours",
    Window.WEEK: "in the last 7 days",
    Window.SINCE_RESUMED: "since it was resumed",
}
"""Each window as a sentence names it."""


class Level(IntEnum):
    """How far a budget is spent."""

    FINE = 0
    WARNS = 1
    PAUSES = 2


@dataclass(frozen=True, slots=True)
class Judgement:
    """How far the budget is spent, and why, in one sentence; empty where it is fine."""

    level: Level
    why: str = ""


def judge(budget: Budget, windows: Mapping[Window, Spent]) -> Judgement:
    """The worst of what the windows show."""
    crossed = [one for window, spent in windows.items() for one in _crossed(budget, window, spent)]
    return max(crossed, key=lambda one: one.level, default=Judgement(Level.FINE))


def _crossed(budget: Budget, window: Window, spent: Spent) -> Iterator[Judgement]:
    if spent.sent < budget.minimum:
        return
    for done, number, warns, pauses in (
        ("bounced for good", spent.hard_bounced, budget.warn_bounces, budget.pause_bounces),
        ("complained", spent.complained, budget.warn_complaints, budget.pause_complaints),
    ):
        share = number / spent.sent
        if number < LEAST or share < warns:
            continue
        level, line = (Level.PAUSES, pauses) if share >= pauses else (Level.WARNS, warns)
        said = f"{number:,} of {spent.sent:,} recipients {done} {IN_WORDS[window]}: {percent(share)}, and the line is "
        yield Judgement(level, f"{said}{percent(line)}.")


def percent(share: float) -> str:
    """A share as people read it, such as `0.08 %`, with up to four digits that say something."""
    return f"{100 * share:.4g} %"
