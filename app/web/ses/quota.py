"""The quota of SES as an application has it here: its own limits, and the recipients that it has sent to in a day."""

from dataclasses import dataclass
from typing import Final

from app.domain.apps.callers import Caller
from app.domain.apps.limits import Limits
from app.services.apps.standing import Standing
from app.web.http.context import current_gateway

_UNLIMITED: Final = -1
"""What SES answers for an account without a limit of a day."""


@dataclass(frozen=True, slots=True)
class Quota:
    """Recipients in a day, which is `-1` where there is no limit, and in a second; and those of the last day."""

    in_a_day: int
    in_a_second: int
    sent: int


def quota_of(caller: Caller, standing: Standing) -> Quota:
    """The quota. Without a limit of its own, an application may send as fast as it may make requests."""
    limits = caller.limits or Limits()
    in_a_second = limits.per_second or current_gateway().settings.requests_per_second
    return Quota(_UNLIMITED if limits.per_day is None else limits.per_day, in_a_second, standing.accepted)
