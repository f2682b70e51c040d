"""The account: how much it may send, from which senders, and which suppression reasons block an email.

Unless enforcement is on, every sender counts as verified except those of a domain that starts with `unverified.`.
"""

from dataclasses import dataclass, field

from simulator.events.fates import EventKind
from simulator.ses.addresses import bare_address, domain_of
from simulator.ses.quota import DailyQuota, SendRate
from simulator.ses.suppression import Reason

UNVERIFIED_PREFIX = "unverified."


@dataclass(slots=True, kw_only=True)
class IdentityFeedback:
    """The notification topics of one identity, by kind, and whether its notifications carry headers."""

    topics: dict[EventKind, str] = field(default_factory=dict)
    headers: bool = False


class Account:
    """State of the one account that the simulator plays."""

    def __init__(self, *, rate: SendRate, quota: DailyQuota, enforce_identities: bool, production_access: bool) -> None:
        self.rate = rate
        self.quota = quota
        self.sending_enabled = True
        self.production_access = production_access
        self.suppressed_reasons: frozenset[Reason] = frozenset(Reason)
        self.identities: dict[str, str | None] = {}
        """Verified identities, lower-cased, with their default configuration set."""
        self.feedback: dict[str, IdentityFeedback] = {}
        self._enforce_identities = enforce_identities

    def is_verified(self, sender: str) -> bool:
        """Return whether the account may send from this From address."""
        address, domain = bare_address(sender).lower(), domain_of(sender)
        if address in self.identities or domain in self.identities:
            return True
        return not self._enforce_identities and not domain.startswith(UNVERIFIED_PREFIX)

    def default_configuration_set(self, sender: str) -> str | None:
        """Return the set that the sender's identity uses when an email names none."""
        if not self.identities:
            return None
        return self.identities.get(bare_address(sender).lower()) or self.identities.get(domain_of(sender))

    def feedback_of(self, sender: str) -> IdentityFeedback | None:
        """Return the notification settings in force; those of an address override its domain's."""
        if not self.feedback:
            return None
        return self.feedback.get(bare_address(sender).lower()) or self.feedback.get(domain_of(sender))
