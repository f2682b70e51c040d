"""The identities of SES that an application has: the addresses and the domains that it may send from."""

from dataclasses import dataclass

from app.domain.apps.callers import Caller, parse_sender
from app.domain.message.address import InvalidAddress


@dataclass(frozen=True, slots=True)
class Identity:
    """An address or a domain. Operators verify it at SES."""

    name: str

    @property
    def kind(self) -> str:
        """The `IdentityType` of SES."""
        return "EMAIL_ADDRESS" if "@" in self.name else "DOMAIN"


def identities_of(caller: Caller) -> tuple[Identity, ...]:
    """All of them, by name. An application that may send from every address has none that could be listed."""
    return tuple(Identity(name.removeprefix("@")) for name in sorted(caller.senders) if name != "*")


def find_identity(caller: Caller, name: str) -> Identity | None:
    """The identity of this name, if the application may send from it."""
    try:
        sender = parse_sender(name if "@" in name else f"@{name}")
    except InvalidAddress:
        return None
    is_allowed = sender in caller.senders or "*" in caller.senders or (sender[0] != "@" and caller.may_send_as(sender))
    return Identity(sender.removeprefix("@")) if is_allowed else None
