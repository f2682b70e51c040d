"""From the errors and findings of the services to replies: which can be tried again, and why. Pure.

The texts are those of the services: they name the field and the rule, and never the value.
"""

from typing import Final

from app.domain.errors import (
    Fault,
    InvalidApiKey,
    PayloadTooLarge,
    PosternError,
    RateLimitExceeded,
    RestrictedApiKey,
    ServiceUnavailable,
    ValidationFailed,
)
from app.domain.message.mime import MessageRule
from app.domain.suppression.rules import Origin
from app.services.submission.check import Obstacle
from app.services.submission.doors.vet_recipient import PAUSED
from app.smtp.protocol import replies
from app.smtp.protocol.replies import Reply

_MOST_FAULTS: Final = 10
_INVALID: Final = "invalid"
_MAY_PASS: Final = frozenset({"under_review", PAUSED.code})


def of_key(error: PosternError) -> Reply:
    """Why a key does not open this door."""
    if isinstance(error, InvalidApiKey | RestrictedApiKey):
        return Reply(replies.NO_SUCH_KEY, "5.7.8", error.detail)
    return replies.NO_KEYS_NOW if isinstance(error, ServiceUnavailable) else of_error(error)


def of_error(error: PosternError) -> Reply:
    """Why a recipient or a message was not accepted: 4xx where the same may be accepted later."""
    text = "\n".join(dict.fromkeys([error.detail, *map(_sentence, error.faults[:_MOST_FAULTS])]))
    match error:
        case RestrictedApiKey():
            return Reply(550, "5.7.1", text)
        case RateLimitExceeded():
            return Reply(452, "4.7.1", text)
        case ServiceUnavailable():
            return replies.TROUBLE
        case PayloadTooLarge():
            return Reply(552, "5.3.4", text)
        case ValidationFailed() if any(one.code == MessageRule.TOO_LARGE.value for one in error.faults):
            return Reply(552, "5.3.4", text)
    return Reply(451, "4.3.0", text) if error.retryable or error.status >= 500 else Reply(554, "5.6.0", text)


def of_obstacle(obstacle: Obstacle) -> Reply:
    """Why a recipient is refused: its address is malformed, not of the team, or on the suppression list."""
    if obstacle.code == _INVALID:
        return Reply(553, "5.1.3", obstacle.detail)
    if obstacle.code in _MAY_PASS:
        return Reply(452, "4.7.1", obstacle.detail)
    status = "5.1.1" if obstacle.origin in {Origin.BOUNCE, Origin.SES_ACCOUNT} else "5.7.1"
    return Reply(550, status, f"{obstacle.detail}{_dates(obstacle)}")


def _dates(obstacle: Obstacle) -> str:
    since = f" It is there since {obstacle.since:%Y-%m-%d}." if obstacle.since else ""
    return f"{since} It ends {obstacle.until:%Y-%m-%d}." if obstacle.until else since


def _sentence(fault: Fault) -> str:
    return f"{fault.pointer}: {fault.detail}" if fault.pointer else fault.detail
