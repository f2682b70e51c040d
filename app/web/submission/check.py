"""`/v1/emails/check`: whether an email to these addresses would be sent. It sends nothing and stores nothing."""

from typing import Annotated, Literal, Self

from flask import Response
from pydantic import Field

from app.domain.apps.callers import Caller, Scope
from app.domain.message.address import ADDRESS_LIMIT, NAME_LIMIT
from app.services.submission.check import Checked, Obstacle
from app.web.http.context import current_gateway
from app.web.http.fields import NOT_EMPTY
from app.web.http.known import Known
from app.web.http.responses import Listed, Moment, View
from app.web.http.routing import Operation, Routes

MAX_CHECKED = 1_000

GivenAddress = Annotated[str, Field(max_length=ADDRESS_LIMIT + NAME_LIMIT)]

check = Routes("check", __name__, url_prefix="/v1/emails/check")


class CheckBody(Known):
    """Addresses as `POST /v1/emails` takes them, for an email of this stream (default: the application's)."""

    to: Annotated[tuple[GivenAddress, ...], Field(max_length=MAX_CHECKED), NOT_EMPTY]
    stream: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class ObstacleView(View):
    """Why an email would not be sent: `rule` for an invalid address, the fields of the entry for a suppressed one."""

    code: Literal["invalid", "not_in_team", "suppressed", "domain_suppressed", "under_review"]
    detail: str
    rule: str | None
    origin: str | None
    scope: str | None
    since: Moment | None
    until: Moment | None

    @classmethod
    def of(cls, obstacle: Obstacle) -> Self:
        """Make it from an obstacle that the service found."""
        return cls(**{name: getattr(obstacle, name) for name in cls.model_fields})


class CheckedAddress(View):
    """One address: as given, in the list's spelling, and whether an email to it would be sent."""

    to: str
    email: str | None
    would_send: bool
    reason: ObstacleView | None
    did_you_mean: str | None
    no_mx: bool | None

    @classmethod
    def of(cls, checked: Checked) -> Self:
        """Make it from the service's result for one address."""
        return cls(
            to=checked.given,
            email=checked.email,
            would_send=checked.would_send,
            reason=ObstacleView.of(checked.obstacle) if checked.obstacle else None,
            did_you_mean=checked.did_you_mean,
            no_mx=checked.no_mx,
        )


@check.operation(
    "POST",
    "",
    Operation(
        guard=Scope.SUPPRESSIONS_READ,
        summary="Check whether an email to each address would be sent, and if not, why. Sends and stores nothing.",
        body=CheckBody,
        gives=Listed[CheckedAddress],
    ),
)
def check_addresses(caller: Caller, body: CheckBody) -> Response:
    """Answer for each address, in the order of the request."""
    found = current_gateway().check(caller, body.to, stream=body.stream)
    return Listed[CheckedAddress](
        object="list", data=[CheckedAddress.of(one) for one in found], has_more=False
    ).answer()
