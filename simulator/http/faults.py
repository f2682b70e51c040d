"""Faults on the wire: which calls of which service go wrong, and how, before or after they take effect.

It decides which fault strikes a call. The caller of `draw` applies the fault.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from simulator.http.refusals import Refusal

HOLD_SECONDS = 120.0


class Moment(StrEnum):
    """When the fault strikes: instead of the effect of the call, or after the effect, instead of the answer."""

    BEFORE = "before"
    AFTER = "after"


class Damage(StrEnum):
    """What happens to the call."""

    ERROR = "error"
    HANG = "hang"
    CLOSE = "close"
    LATENCY = "latency"
    NO_MESSAGE_ID = "no_message_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault; `name` is the one that the rule was given."""

    name: str
    moment: Moment
    damage: Damage
    refusal: Refusal | None = None
    seconds: float = 0.0


@dataclass(slots=True, kw_only=True)
class Rule:
    """Which calls a fault strikes; `remaining` counts down how many more, None means no end.

    `operation` may start with a service: `sns:TagResource`; without it the calls of every service match that have the
    name. `*` stands for all operations.
    """

    fault: Fault
    operation: str = "SendEmail"
    recipient: str | None = None
    rate: float = 1.0
    remaining: int | None = None
    struck: int = field(default=0)

    def strikes(self, service: str, operation: str, recipients: Sequence[str], dice: random.Random) -> bool:
        """Return whether the fault strikes this call, and count the strike."""
        if self.remaining == 0 or not self._is_about(service, operation):
            return False
        if self.recipient is not None and self.recipient not in (address.lower() for address in recipients):
            return False
        if dice.random() >= self.rate:
            return False
        if self.remaining is not None:
            self.remaining -= 1
        self.struck += 1
        return True

    def _is_about(self, service: str, operation: str) -> bool:
        its_service, colon, its_operation = self.operation.rpartition(":")
        return its_operation in ("*", operation) and (not colon or its_service.lower() == service)


class Faults:
    """The rules in force; the first match wins."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self.rules: list[Rule] = []

    def draw(self, service: str, operation: str, recipients: Sequence[str]) -> Fault | None:
        """Return the fault that strikes this call, if any."""
        for rule in self.rules:
            if rule.strikes(service, operation, recipients, self._dice):
                return rule.fault
        return None

    def described(self) -> list[dict[str, Any]]:
        """Return the rules in force, and how often each struck."""
        return [
            {
                "fault": rule.fault.name,
                "match": {"operation": rule.operation, "recipient": rule.recipient, "rate": rule.rate},
                "remaining": rule.remaining,
                "struck": rule.struck,
            }
            for rule in self.rules
        ]


def read_rule(given: Mapping[str, Any]) -> Rule:
    """Return the rule that an object of the control surface describes. Raises ValueError."""
    match = given.get("match") or {}
    unknown = (set(given) - {"match", "fault", "ms"}) | (set(match) - {"operation", "recipient", "rate", "count"})
    if unknown:
        raise ValueError(f"unknown member: {min(unknown)}")
    recipient = match.get("recipient")
    count = match.get("count")
    return Rule(
        fault=read_fault(str(given.get("fault", "")), given.get("ms")),
        operation=str(match.get("operation", "SendEmail")),
        recipient=str(recipient).lower() if recipient is not None else None,
        rate=float(match.get("rate", 1.0)),
        remaining=int(count) if count is not None else None,
    )


def read_fault(name: str, milliseconds: float | None = None) -> Fault:
    """Return the fault of this name: `429`, `400:MessageRejected[:words]`, `500_before`, `500_after` (or another 5xx),
    `hang_before`, `hang_after`, `close_before`, `close_after`, `latency`, `no_message_id`.

    `milliseconds` is how long a latency or a hang takes. Raises ValueError.
    """
    if name == "429":
        return _error(name, Moment.BEFORE, Refusal(code="Throttling"))
    if name == "no_message_id":
        return Fault(name=name, moment=Moment.AFTER, damage=Damage.NO_MESSAGE_ID)
    if name == "latency":
        seconds = 1.0 if milliseconds is None else milliseconds / 1000
        return Fault(name=name, moment=Moment.BEFORE, damage=Damage.LATENCY, seconds=seconds)
    status, colon, words = name.partition(":")
    if colon and status.isdecimal() and 400 <= int(status) <= 599:
        code, _, message = words.partition(":")
        return _error(name, Moment.BEFORE, Refusal(status=int(status), code=code, message=message or None))
    kind, _, moment = name.rpartition("_")
    if moment not in tuple(Moment):
        raise ValueError(f"unknown fault: {name}")
    if kind in (Damage.HANG, Damage.CLOSE):
        seconds = HOLD_SECONDS if milliseconds is None else milliseconds / 1000
        return Fault(name=name, moment=Moment(moment), damage=Damage(kind), seconds=seconds)
    if kind.isdecimal() and 500 <= int(kind) <= 599:
        return _error(name, Moment(moment), Refusal(status=int(kind), code="InternalFailure"))
    raise ValueError(f"unknown fault: {name}")


def _error(name: str, moment: Moment, refusal: Refusal) -> Fault:
    return Fault(name=name, moment=moment, damage=Damage.ERROR, refusal=refusal)
