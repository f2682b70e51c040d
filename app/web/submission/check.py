"""`/v1/emails/check`: would a mail to these addresses be sent? It sends nothing and stores nothing."""

from typing import Annotated, Literal, Self

from flask import Response
from pydantic import Field

from app.domain.address import ADDRESS_LIMIT, NAME_LIMIT
from app.domain.callers import Caller, Scope
from app.services.check import Checked, Obstacle
from app.web.answers import Listed, Moment, Told
from app.web.context import current_gateway
from app.web.fields import NOT_EMPTY
from app.web.routing import Operation, Routes
from app.web.schemas import Known

MAX_CHECKED = 1_000

GivenAddress = Annotated[str, Field(max_length=ADDRESS_LIMIT + NAME_LIMIT)]

check = Routes("check", __name__, url_prefix="/v1/emails/check")


class CheckBody(Known):
    """Addresses as a send would take them, for a mail of this stream (default: `default`)."""

    to: Annotated[tuple[GivenAddress, ...], Field(max_length=MAX_CHECKED), NOT_EMPTY]
    stream: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class ToldObstacle(Told):
    """Why a mail would not be sent; `rule` for an invalid address, the members of the entry for a suppressed one."""

    code: Literal["invalid", "suppressed", "domain_suppressed", "under_review"]
    detail: str
    rule: str | None
    origin: str | None
    scope: str | None
    since: Moment | None
    until: Moment | None

    @classmethod
    def of(cls, obstacle: Obstacle) -> Self:
        """Written from what the service found."""
        return cls(**{name: getattr(obstacle, name) for name in cls.model_fields})


class CheckedAddress(Told):
    """One address: as given, as the list knows it, and whether a mail to it would be sent."""

    to: str
    email: str | None
    would_send: bool
    reason: ToldObstacle | None
    did_you_mean: str | None
    no_mx: bool | None

    @classmethod
    def of(cls, checked: Checked) -> Self:
        """Written from what the service found."""
        return cls(
            to=checked.given,
            email=checked.email,
            would_send=checked.would_send,
            reason=ToldObstacle.of(checked.obstacle) if checked.obstacle else None,
            did_you_mean=checked.did_you_mean,
            no_mx=checked.no_mx,
        )


@check.operation(
    "POST",
    "",
    Operation(
        guard=Scope.SUPPRESSIONS_READ,
        summary="Would a mail to each of these addresses be sent, and if not, why? Nothing is sent or stored.",
        body=CheckBody,
        gives=Listed[CheckedAddress],
    ),
)
def check_addresses(caller: Caller, body: CheckBody) -> Response:
    """Answer for each address, in their order."""
    found = current_gateway().check(caller, body.to, stream=body.stream)
    return Listed[CheckedAddress](
        object="list", data=[CheckedAddress.of(one) for one in found], has_more=False
    ).answer()
