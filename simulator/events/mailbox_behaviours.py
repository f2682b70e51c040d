"""How a mailbox acts when mail reaches it: by the names of SES's mailbox simulator, or as it was told to.

https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html
"""

from collections.abc import Mapping
from enum import StrEnum

from simulator.addresses import is_mailbox_simulator


class Behaviour(StrEnum):
    """Everything that can become of a mail at one address."""

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
    """The behaviour of every address; `success` unless its name or an instruction says otherwise."""

    def __init__(self) -> None:
        self._told: dict[str, Behaviour] = {}

    def tell(self, behaviours: Mapping[str, Behaviour]) -> None:
        """Make addresses act so from now on."""
        self._told.update({address.lower(): behaviour for address, behaviour in behaviours.items()})

    def forget(self) -> None:
        """Take back every instruction."""
        self._told.clear()

    def told(self) -> dict[str, Behaviour]:
        """Return the instructions in force, by lower-cased address."""
        return dict(self._told)

    def of(self, address: str) -> Behaviour:
        """Return how the bare address acts; labels (`bounce+one@…`) change nothing at the mailbox simulator."""
        told = self._told.get(address.lower())
        if told is not None:
            return told
        if is_mailbox_simulator(address):
            name = address.rpartition("@")[0].partition("+")[0].lower()
            if name in MAILBOX_SIMULATOR:
                return Behaviour(name)
        return Behaviour.SUCCESS
