"""What became of a POST. (A stand-in until the real one is merged.)"""

from dataclasses import dataclass
from enum import StrEnum


class PostOutcome(StrEnum):
    """What became of a POST."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    REDIRECTED = "redirected"
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    TLS_FAILED = "tls_failed"
    ADDRESS_REFUSED = "address_refused"
    TOO_LARGE = "too_large"


@dataclass(frozen=True, slots=True)
class PostResult:
    """What became of a POST, in words that are safe to show."""

    outcome: PostOutcome
    status: int | None
    detail: str
    response: str
    seconds: float
