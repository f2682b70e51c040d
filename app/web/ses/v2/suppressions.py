"""The suppression list by the operations of SES: put, get, delete and list suppressed destinations.

The list of SES has addresses and two reasons. So this door shows the entries that stop every email of the application,
and not those of single streams, which people have unsubscribed from.
"""

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from flask import Response
from pydantic import BeforeValidator, Field

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import NotFound, ValidationFailed
from app.domain.suppression.rules import EVERY_EMAIL, Origin
from app.services.paging import Page
from app.services.suppression.entries import Entry
from app.web.http.context import current_gateway
from app.web.http.fields import IntegerText, MomentField
from app.web.http.responses import written
from app.web.ses.fields import AddressField, SesObject, not_supported
from app.web.ses.v2.routing import SesOperation, SesRoutes

ses_suppressions = SesRoutes("ses_suppressions", __name__)

Reason = Literal["BOUNCE", "COMPLAINT"]
_PATH: Final = "/suppression/addresses"
_MOST: Final = 1000
_PUT: Final = {
    "BOUNCE": "Added by PutSuppressedDestination of the SES API, for a bounce.",
    "COMPLAINT": "Added by PutSuppressedDestination of the SES API, for a complaint.",
}
_DELETED: Final = "Deleted by DeleteSuppressedDestination of the SES API."
_INSTEAD: Final = "Do it at the console, or with DELETE /v1/suppressions/{address}?force=true."
_NO_TENANT: Final = not_supported("Postern has no tenants: an application of its own has its own key and list.")


class PutBody(SesObject):
    """An address, and why it gets no more email."""

    email_address: AddressField
    reason: Reason
    tenant_name: Annotated[None, _NO_TENANT] = None


class ListQuery(SesObject):
    """Which entries: with one of these reasons, added within these times."""

    reasons: Annotated[tuple[Reason, ...], BeforeValidator(lambda one: [one] if isinstance(one, str) else one)] = Field(
        ("BOUNCE", "COMPLAINT"), alias="Reason"
    )
    start_date: MomentField | None = None
    end_date: MomentField | None = None
    next_token: UUID | None = None
    page_size: Annotated[IntegerText, Field(ge=1, le=_MOST)] = _MOST

    def has(self, entry: Entry) -> bool:
        """Whether the entry is one of them."""
        within = (self.start_date or entry.created_at) <= entry.created_at <= (self.end_date or entry.created_at)
        return within and _reason(entry) in self.reasons


@ses_suppressions.operation(
    "PUT", _PATH, SesOperation(name="PutSuppressedDestination", scope=Scope.SUPPRESSIONS_WRITE, body=PutBody)
)
def put_suppressed_destination(caller: Caller, body: PutBody) -> Response:
    """Suppress the address for every email. An entry that exists already is kept."""
    current_gateway().suppress.add(caller, body.email_address, reason=_PUT[body.reason])
    return written({})


@ses_suppressions.operation(
    "GET",
    f"{_PATH}/<path:address>",
    SesOperation(name="GetSuppressedDestination", scope=Scope.SUPPRESSIONS_READ),
)
def get_suppressed_destination(caller: Caller, address: str) -> Response:
    """Answer with the widest entry. 404 when no entry stops every email of the application."""
    _no_id(address)
    found = [one for one in current_gateway().suppress.find(caller, address).entries if _is_whole(one)]
    if not found:
        raise NotFound("This address is not suppressed.")
    email = found[0].source.get("email_id")
    attributes = {"Attributes": {"MessageId": email}} if isinstance(email, str) else {}
    return written({"SuppressedDestination": {**_summary(found[0], address), **attributes}})


@ses_suppressions.operation(
    "DELETE",
    f"{_PATH}/<path:address>",
    SesOperation(name="DeleteSuppressedDestination", scope=Scope.SUPPRESSIONS_WRITE),
)
def delete_suppressed_destination(caller: Caller, address: str) -> Response:
    """Unsuppress the address for every email. 404 when it was not suppressed."""
    _no_id(address)
    removed = [scope for scope in (EVERY_EMAIL, caller.app) if _is_removed(caller, address, scope)]
    if not removed:
        raise NotFound("This address is not suppressed.")
    return written({})


@ses_suppressions.operation(
    "GET",
    _PATH,
    SesOperation(
        name="ListSuppressedDestinations", scope=Scope.SUPPRESSIONS_READ, query=ListQuery, several=("Reason",)
    ),
)
def list_suppressed_destinations(caller: Caller, query: ListQuery) -> Response:
    """Answer with a part of the list, newest first. It may have less than a page, or nothing, and a token."""
    page = Page(limit=query.page_size, after=query.next_token)
    found = current_gateway().suppress.page(caller, origin=None, q=None, scope=None, page=page)
    shown = [one for one in found.data if _is_whole(one) and not one.email.startswith("@") and query.has(one)]
    body: dict[str, Any] = {"SuppressedDestinationSummaries": [_summary(one, one.email) for one in shown]}
    return written(body | ({"NextToken": str(found.data[-1].id)} if found.has_more else {}))


def _is_removed(caller: Caller, address: str, scope: str) -> bool:
    try:
        current_gateway().unsuppress(caller, address, scope=scope, reason=_DELETED)
    except NotFound:
        return False
    except ValidationFailed as error:
        if any(fault.pointer == "/force" for fault in error.faults):
            raise ValidationFailed(f"{error.faults[0].detail} {_INSTEAD}", faults=error.faults) from error
        raise
    return True


def _no_id(address: str) -> None:
    """Raise `NotFound` for what is no address: the services take ids of entries and whole domains too."""
    if "@" not in address[1:]:
        raise NotFound("This address is not suppressed.")


def _is_whole(entry: Entry) -> bool:
    """Whether the entry stops every email, or every email of one application."""
    return "/" not in entry.scope


def _reason(entry: Entry) -> str:
    is_complaint = entry.origin == Origin.COMPLAINT or entry.reason == _PUT["COMPLAINT"]
    return "COMPLAINT" if is_complaint else "BOUNCE"


def _summary(entry: Entry, address: str) -> dict[str, Any]:
    return {"EmailAddress": address, "Reason": _reason(entry), "LastUpdateTime": _epoch(entry.created_at)}


def _epoch(moment: datetime) -> float:
    return moment.timestamp()
