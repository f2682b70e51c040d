"""`GetAccount`, and the identities and configuration sets as far as the application has any.

The account is the application: its own limits, its own email, the addresses that it may send from, its streams.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final, TypeVar

from flask import Response
from pydantic import Field

from app.domain.apps.callers import Caller
from app.domain.errors import NotFound
from app.web.http.context import current_gateway
from app.web.http.responses import written
from app.web.ses.fields import SesObject, not_supported
from app.web.ses.identities import find_identity, identities_of
from app.web.ses.quota import quota_of
from app.web.ses.v2.routing import SesOperation, SesRoutes

ses_account = SesRoutes("ses_account", __name__)

Item = TypeVar("Item")
_MOST: Final = 1000


class ListBody(SesObject):
    """Which part of a list: `PageSize` items after those of `NextToken`, which is the number of the first one."""

    next_token: Annotated[str, Field(pattern=r"^[0-9]{1,6}$")] | None = None
    page_size: Annotated[int, Field(ge=0, le=_MOST)] | None = None
    filter: Annotated[None, not_supported("Filters are not supported: the list is short.")] = None

    def page(self, items: Sequence[Item]) -> tuple[Sequence[Item], dict[str, str]]:
        """The items of this page, and the token of the next one, if there is any."""
        start = int(self.next_token or 0)
        end = start + (self.page_size or _MOST)
        return items[start:end], {"NextToken": str(end)} if end < len(items) else {}


@ses_account.operation("GET", "/account", SesOperation(name="GetAccount"))
def get_account(caller: Caller) -> Response:
    """Answer with the limits of the application and what it has used."""
    standing = current_gateway().standing(caller)
    quota = quota_of(caller, standing)
    body: dict[str, Any] = {
        "DedicatedIpAutoWarmupEnabled": False,
        "EnforcementStatus": "HEALTHY",
        "ProductionAccessEnabled": True,
        "SendQuota": {
            "Max24HourSend": quota.in_a_day,
            "MaxSendRate": quota.in_a_second,
            "SentLast24Hours": quota.sent,
        },
        "SendingEnabled": not standing.is_paused,
        "SuppressionAttributes": {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]},
    }
    return written(body)


@ses_account.operation("POST", "/list-identities", SesOperation(name="ListEmailIdentities", body=ListBody))
def list_email_identities(caller: Caller, body: ListBody) -> Response:
    """Answer with the addresses and domains that the application may send from."""
    found, more = body.page(identities_of(caller))
    listed = [
        {
            "IdentityType": one.kind,
            "IdentityName": one.name,
            "SendingEnabled": True,
            "VerificationStatus": "SUCCESS",
        }
        for one in found
    ]
    return written({"EmailIdentities": listed, **more})


@ses_account.operation("GET", "/identities/<name>", SesOperation(name="GetEmailIdentity"))
def get_email_identity(caller: Caller, name: str) -> Response:
    """Answer with an identity. 404 unless the application may send from it."""
    found = find_identity(caller, name)
    if found is None:
        raise NotFound("This application may not send from this identity.")
    body = {
        "IdentityType": found.kind,
        "FeedbackForwardingStatus": False,
        "VerifiedForSendingStatus": True,
        "VerificationStatus": "SUCCESS",
        "Policies": {},
        "Tags": [],
    }
    return written(body)


@ses_account.operation("POST", "/list-configuration-sets", SesOperation(name="ListConfigurationSets", body=ListBody))
def list_configuration_sets(caller: Caller, body: ListBody) -> Response:
    """Answer with the streams of the application that were set up, and its default stream."""
    found, more = body.page(current_gateway().standing(caller).streams)
    return written({"ConfigurationSets": list(found), **more})
