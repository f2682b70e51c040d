"""What one post to an endpoint came to."""

from dataclasses import dataclass
from enum import StrEnum


class PostOutcome(StrEnum):
    """What became of one post. Only `accepted` ends a delivery; the receiver may have acted in every other case, too.

    - `accepted`: the endpoint answered 2xx
    - `redirected`: it answered 3xx, which is not followed
    - `refused`: it answered another status
    - `timed_out`: it gave no status in time
    - `unreachable`: there is no such host, no connection, or no HTTP answer on it
    - `tls_failed`: the connection is not private, or the certificate is not that of the host
    - `address_refused`: the host has an address that Postern may not post to; nothing was connected
    - `too_large`: the head of the answer has no end
    """

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
    """One post: its outcome, the HTTP status if there was an answer, and why, as a sentence that names no address.

    `response` is the beginning of the answer, at most 1,024 characters and none that a reader cannot see. It is text of
    a stranger. `seconds` is how long the post took.
    """

    outcome: PostOutcome
    status: int | None
    detail: str
    response: str
    seconds: float
