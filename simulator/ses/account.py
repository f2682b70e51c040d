"""The account: how much it may send, from which senders, and which suppression reasons block an email.

Unless enforcement is on, every sender counts as verified except those of a domain that starts with `unverified.`, and
those of an identity whose verification is pending or has failed.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from simulator.events.fates import EventKind
from simulator.ses.addresses import bare_address, domain_of
from simulator.ses.identities import Identities, Identity
from simulator.ses.quota import DailyQuota, SendRate
from simulator.ses.suppression import Reason

UNVERIFIED_PREFIX = "unverified."


class Enforcement(StrEnum):
    """How AWS sees the reputation of the account; with SHUTDOWN it sends nothing."""

    HEALTHY = "HEALTHY"
    PROBATION = "PROBATION"
    SHUTDOWN = "SHUTDOWN"


@dataclass(slots=True, kw_only=True)
class IdentityFeedback:
    """The notification topics of one identity, by kind, and whether its notifications carry headers."""

    topics: dict[EventKind, str] = field(default_factory=dict)
    headers: bool = False


class Account:
    """State of the one account that the simulator plays."""

    def __init__(
        self,
        *,
        rate: SendRate,
        quota: DailyQuota,
        identities: Identities,
        enforce_identities: bool,
        production_access: bool,
    ) -> None:
        self.rate = rate
        self.quota = quota
        self.sending_enabled = True
        self.production_access = production_access
        self.enforcement = Enforcement.HEALTHY
        self.suppressed_reasons: frozenset[Reason] = frozenset(Reason)
        self.identities = identities
        self.feedback: dict[str, IdentityFeedback] = {}
        self._enforce_identities = enforce_identities

    @property
    def may_send(self) -> bool:
        """Return whether neither its owner nor AWS has paused it."""
        return self.sending_enabled and self.enforcement is not Enforcement.SHUTDOWN

    def is_verified(self, sender: str) -> bool:
        """Return whether the account may send from this From address."""
        identity = self._identity_of(sender)
        if identity is not None:
            return identity.is_verified
        return not self._enforce_identities and not domain_of(sender).startswith(UNVERIFIED_PREFIX)

    def default_configuration_set(self, sender: str) -> str | None:
        """Return the set that the sender's identity uses when an email names none; an address outranks its domain."""
        if not self.identities:
            return None
        for name in (bare_address(sender), domain_of(sender)):
            identity = self.identities.find(name)
            if identity is not None and identity.configuration_set is not None:
                return identity.configuration_set
        return None

    def _identity_of(self, sender: str) -> Identity | None:
        """Return the identity by which the sender is verified: the address, or else its domain."""
        if not self.identities:
            return None
        own, domain = self.identities.find(bare_address(sender)), self.identities.find(domain_of(sender))
        return own if own is not None and (own.is_verified or domain is None) else domain

    def feedback_of(self, sender: str) -> IdentityFeedback | None:
        """Return the notification settings in force; those of an address override its domain's."""
        if not self.feedback:
            return None
        return self.feedback.get(bare_address(sender).lower()) or self.feedback.get(domain_of(sender))
