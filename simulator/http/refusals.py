"""A refusal that a fault rule asks for, before a service puts it in its own words.

Services call the same thing by different names: a rule for `AccessDenied` is answered with SNS's `AuthorizationError`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What every service refuses for, by a name of its own."""

    DENIED = "denied"
    EXPIRED = "expired"
    UNKNOWN_CALLER = "unknown caller"
    THROTTLED = "throttled"
    FAILED = "failed"


NAMES = {
    Kind.DENIED: {"AccessDenied", "AccessDeniedException", "AuthorizationError"},
    Kind.EXPIRED: {"ExpiredToken", "ExpiredTokenException"},
    Kind.UNKNOWN_CALLER: {"InvalidClientTokenId", "UnrecognizedClientException"},
    Kind.THROTTLED: {"RequestThrottled", "Throttled", "Throttling", "ThrottlingException", "TooManyRequestsException"},
    Kind.FAILED: {"InternalError", "InternalFailure", "InternalServiceErrorException"},
}
WORDS = {
    Kind.EXPIRED: "The security token included in the request is expired",
    Kind.UNKNOWN_CALLER: "The security token included in the request is invalid.",
    Kind.THROTTLED: "Rate exceeded",
    Kind.FAILED: "Internal failure.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What a rule asks for; a `status` or `message` of None is the service's own."""

    code: str
    status: int | None = None
    message: str | None = None

    @property
    def kind(self) -> Kind | None:
        """Return what it is about, None for a code that only one service has."""
        return next((kind for kind, names in NAMES.items() if self.code in names), None)

    def code_among(self, own: Mapping[Kind, str]) -> str:
        """Return the code of a service that has these names."""
        return own[self.kind] if self.kind is not None else self.code

    def words(self, denial: str) -> str:
        """Return the message; `denial` is that of a caller who may not do this."""
        if self.message is not None:
            return self.message
        if self.kind is Kind.DENIED:
            return denial
        return WORDS[self.kind] if self.kind is not None else "Refused by a fault rule."
