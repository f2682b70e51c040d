"""How a receiver of webhooks misbehaves: the rules, and which one strikes a post."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

HOLD_SECONDS: Final = 120.0
LARGE_BYTES: Final = 1024 * 1024

_NAMES: Final = ("slow", "hang", "close", "half", "large")
_MEMBERS: Final = frozenset({"fault", "seconds", "location", "rate", "count"})


@dataclass(slots=True, kw_only=True)
class Rule:
    """A fault and the posts that it strikes; `remaining` counts down how many more, None means no end.

    `fault` is `slow`, `hang`, `close` (no answer), `half` (an answer), `large` or a status from 300 to 599. `seconds`
    is how long `slow` and `hang` take, `location` where a redirect leads.
    """

    fault: str
    seconds: float
    location: str | None
    rate: float
    remaining: int | None
    struck: int = field(default=0)

    def strikes(self, dice: random.Random) -> bool:
        """Return whether the fault strikes this post, and count the strike."""
        if self.remaining == 0 or dice.random() >= self.rate:
            return False
        if self.remaining is not None:
            self.remaining -= 1
        self.struck += 1
        return True

    def described(self) -> dict[str, Any]:
        """Return the rule as JSON."""
        return {"fault": self.fault, "rate": self.rate, "remaining": self.remaining, "struck": self.struck}


def read_rule(given: Mapping[str, Any]) -> Rule:
    """Return the rule that an object of the control surface describes. Raises ValueError."""
    unknown = set(given) - _MEMBERS
    if unknown:
        raise ValueError(f"unknown member: {min(unknown)}")
    fault = str(given.get("fault", ""))
    if fault not in _NAMES and not (fault.isdecimal() and 300 <= int(fault) <= 599):
        raise ValueError(f"unknown fault: {fault}")
    return Rule(
        fault=fault,
        seconds=float(given.get("seconds", HOLD_SECONDS if fault == "hang" else 1.0)),
        location=str(given["location"]) if "location" in given else None,
        rate=float(given.get("rate", 1.0)),
        remaining=int(given["count"]) if "count" in given else None,
    )
