"""How a mailbox behaves when an email reaches it: by the names of SES's mailbox simulator, or as set by a caller.

https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html
"""

from collections.abc import Mapping
from enum import StrEnum

from simulator.ses.addresses import is_mailbox_simulator


class Behaviour(StrEnum):
    """Everything that can happen to an email at one address."""

    SUCCESS = "success"
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    OOTO = "ooto"
    SUPPRESSIONLIST = "suppressionlist"
    SOFTBOUNCE = "softbounce"
    DELAY = "delay"
    REJECT = "reject"
    SILENT = "silent"


MAILBOX_SIMULATOR = frozenset(
    {Behaviour.SUCCESS, Behaviour.BOUNCE, Behaviour.COMPLAINT, Behaviour.OOTO, Behaviour.SUPPRESSIONLIST}
)


class Behaviours:
    """The behaviour of every address: the one set by a caller, else the one its name says, else `success`."""

    def __init__(self) -> None:
        self._by_address: dict[str, Behaviour] = {}
        self.next: Behaviour | None = None
        """How the next recipient behaves, once, whatever its address."""

    def tell(self, behaviours: Mapping[str, Behaviour]) -> None:
        """Set the behaviours of addresses from now on."""
        self._by_address.update({address.lower(): behaviour for address, behaviour in behaviours.items()})

    def forget(self) -> None:
        """Remove every behaviour that was set."""
        self._by_address.clear()
        self.next = None

    def by_address(self) -> dict[str, Behaviour]:
        """Return the behaviours that were set, by lower-cased address."""
        return dict(self._by_address)

    def of(self, address: str) -> Behaviour:
        """Return the behaviour of the bare address; the mailbox simulator ignores labels (`bounce+one@…`)."""
        if self.next is not None:
            once, self.next = self.next, None
            return once
        behaviour = self._by_address.get(address.lower())
        if behaviour is not None:
            return behaviour
        if is_mailbox_simulator(address):
            name = address.rpartition("@")[0].partition("+")[0].lower()
            if name in MAILBOX_SIMULATOR:
                return Behaviour(name)
        return Behaviour.SUCCESS
