"""The emails of a drill's applications and their recipients: a mix that follows from the seed.

It decides emails, addresses and the behaviour of mailboxes. `tests.chaos.load.clients` submits the emails.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

SENDER = "invitations@example.com"
LISTED = tuple(f"listed-{number}@example.net" for number in range(30))

# Mailboxes that get emails again and again, by their behaviour in the simulator.
POOLS = {
    "bounce": tuple(f"gone-{number}@example.net" for number in range(40)),
    "complaint": tuple(f"angry-{number}@example.net" for number in range(25)),
    "softbounce": tuple(f"full-{number}@example.net" for number in range(10)),
    "delay": tuple(f"slow-{number}@example.net" for number in range(10)),
    "reject": tuple(f"virus-{number}@example.net" for number in range(5)),
    "success": LISTED,
}
_SHARES = {"new": 64, "bounce": 12, "complaint": 8, "softbounce": 3, "delay": 3, "reject": 1, "success": 9}


class DoorName(StrEnum):
    """A door of the gateway (`tests.chaos.load.doors`)."""

    API = "api"
    SES_RAW = "ses_raw"
    SMTP = "smtp"


_DOORS = {DoorName.API: 60, DoorName.SES_RAW: 25, DoorName.SMTP: 15}
_ONLY_BY_THE_API = ("scheduled_at", "on_unconfirmed")
_HANGS_UP, _LATEST_S = 0.15, 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Email:
    """One email as it is offered: its idempotency key, its body for the API, and the door that it takes.

    `withheld` recipients were refused as suppressed. The client hangs up `hangs_up_after_s` after the last octet of the
    email and reads no answer; with None it waits for one.
    """

    key: str
    body: dict[str, Any]
    door: DoorName
    withheld: frozenset[str] = frozenset()
    hangs_up_after_s: float | None = None

    @property
    def recipients(self) -> tuple[str, ...]:
        """To which addresses it is still offered."""
        return tuple(address for address in addresses_of(self.body) if address not in self.withheld)

    def without(self, withheld: frozenset[str]) -> "Email":
        """The same email, no more offered to these addresses."""
        return replace(self, withheld=self.withheld | withheld)

    def with_patience(self) -> "Email":
        """The same email, whose client waits for the answer."""
        return replace(self, hangs_up_after_s=None)


def addresses_of(body: Mapping[str, Any]) -> tuple[str, ...]:
    """The recipients of an email in their order."""
    return tuple(address for kind in ("to", "cc", "bcc") for address in body.get(kind, ()))


def behaviours() -> dict[str, str]:
    """The behaviour of each mailbox that does not simply accept."""
    return {address: behaviour for behaviour, pool in POOLS.items() for address in pool if behaviour != "success"}


def emails(seed: int, *, padding: int = 0) -> Iterator[Email]:
    """An endless series of emails. The subject is the idempotency key, so that an email shows its request.

    Each carries `padding` characters that do not compress.
    """
    dice = random.Random(f"mails {seed}")
    number = 0
    while True:
        number += 1
        key = f"drill-{seed}-{number}"
        body = _body(key, number, dice)
        if padding:
            body["html"] = f"<!-- {dice.randbytes(padding // 2).hex()} -->"
        door = _door(body, dice)
        hangs_up_after_s = dice.choice([0.0, dice.uniform(0, _LATEST_S)]) if dice.random() < _HANGS_UP else None
        yield Email(key=key, body=body, door=door, hangs_up_after_s=hangs_up_after_s)


def _body(key: str, number: int, dice: random.Random) -> dict[str, Any]:
    many = 3 if dice.random() < 0.08 else 1
    to = list(dict.fromkeys(_address(f"{number}-{place}", dice) for place in range(many)))
    body: dict[str, Any] = {"from": SENDER, "to": to[:1], "subject": key, "text": f"You are invited, {number}."}
    if to[1:]:
        body[dice.choice(["cc", "bcc"])] = to[1:]
    if dice.random() < 0.2:
        body["lane"] = "bulk"
    if dice.random() < 0.05:
        at = datetime.now(UTC) + timedelta(seconds=dice.uniform(2, 10))
        body["scheduled_at"] = at.isoformat()
    if dice.random() < 0.03:
        body["on_unconfirmed"] = "hold"
    return body


def _door(body: dict[str, Any], dice: random.Random) -> DoorName:
    """The door that an email takes; what only the API can say comes by the API."""
    [door] = dice.choices(list(_DOORS), weights=list(_DOORS.values()))
    return DoorName.API if any(name in body for name in _ONLY_BY_THE_API) else door


def _address(name: str, dice: random.Random) -> str:
    pool = dice.choices(list(_SHARES), weights=list(_SHARES.values()))[0]
    return f"guest-{name}@example.net" if pool == "new" else dice.choice(POOLS[pool])
