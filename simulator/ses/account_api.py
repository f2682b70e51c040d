"""GetAccount and the account suppression list, as SES v2 answers them.

https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetAccount.html
"""

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from simulator.http.calls import Call, Route
from simulator.http.server import Response, json_response
from simulator.ses.account import Account
from simulator.ses.addresses import fault_of
from simulator.ses.configuration_sets import read_reasons
from simulator.ses.errors import SesError, bad_request, not_found
from simulator.ses.suppression import Entry, Reason, SuppressionList

ADDRESSES = "/v2/email/suppression/addresses"
MAX_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountApi:
    """The calls about the account as a whole."""

    account: Account
    suppression: SuppressionList
    clock: Callable[[], datetime]

    def routes(self) -> list[Route]:
        """Return the routes of these calls."""
        return [
            Route("GET", "/v2/email/account", "GetAccount", self.get_account),
            Route("PUT", "/v2/email/account/sending", "PutAccountSendingAttributes", self.put_sending),
            Route("PUT", "/v2/email/account/suppression", "PutAccountSuppressionAttributes", self.put_reasons),
            Route("PUT", ADDRESSES, "PutSuppressedDestination", self.put_address),
            Route("GET", ADDRESSES, "ListSuppressedDestinations", self.list_addresses),
            Route("GET", ADDRESSES + "/{EmailAddress}", "GetSuppressedDestination", self.get_address),
            Route("DELETE", ADDRESSES + "/{EmailAddress}", "DeleteSuppressedDestination", self.delete_address),
        ]

    async def get_account(self, _call: Call) -> Response:
        """Return the quota, rate and state of the account."""
        quota = self.account.quota
        return json_response(
            {
                "DedicatedIpAutoWarmupEnabled": False,
                "EnforcementStatus": self.account.enforcement.value,
                "ProductionAccessEnabled": self.account.production_access,
                "SendingEnabled": self.account.may_send,
                "SendQuota": {
                    "Max24HourSend": quota.ceiling,
                    "MaxSendRate": self.account.rate.per_second,
                    "SentLast24Hours": float(quota.sent(time.monotonic())),
                },
                "SuppressionAttributes": {"SuppressedReasons": sorted(self.account.suppressed_reasons)},
            }
        )

    async def put_sending(self, call: Call) -> Response:
        """Pause or resume the account."""
        self.account.sending_enabled = bool(call.content().get("SendingEnabled", False))
        return json_response({})

    async def put_reasons(self, call: Call) -> Response:
        """Choose which suppression reasons block an email."""
        self.account.suppressed_reasons = read_reasons(call.content().get("SuppressedReasons"))
        return json_response({})

    async def put_address(self, call: Call) -> Response:
        """Add or overwrite one address, in the given spelling."""
        content = call.content()
        address, reasons = str(content.get("EmailAddress", "")), read_reasons([str(content.get("Reason"))])
        if not self.account.production_access:
            raise bad_request("Your account is in the sandbox: it cannot change its suppression list.")
        if fault_of(address) is not None:
            raise bad_request("Invalid email address.")
        self.suppression.put(Entry(address=address, reason=next(iter(reasons)), updated_at=self.clock()))
        return json_response({})

    async def get_address(self, call: Call) -> Response:
        """Return one address; its spelling must be exact."""
        entry = self.suppression.get(call.parameters["EmailAddress"])
        if entry is None:
            raise _not_suppressed(call)
        attributes = {"MessageId": entry.ses_message_id, "FeedbackId": entry.feedback_id}
        shown = _summary(entry) | ({"Attributes": attributes} if entry.ses_message_id else {})
        return json_response({"SuppressedDestination": shown})

    async def delete_address(self, call: Call) -> Response:
        """Remove one address; its spelling must be exact."""
        if not self.suppression.delete(call.parameters["EmailAddress"]):
            raise _not_suppressed(call)
        return json_response({})

    async def list_addresses(self, call: Call) -> Response:
        """Return a page of the list, latest first, filtered by the requested dates and reasons."""
        query = parse_qs(call.request.query)
        reasons = read_reasons(query.get("Reason") or query.get("Reasons")) or frozenset(Reason)
        start, end = (_moment(query.get(name)) for name in ("StartDate", "EndDate"))
        chosen = [
            entry
            for entry in self.suppression.entries()
            if entry.reason in reasons
            and (start is None or entry.updated_at >= start)
            and (end is None or entry.updated_at <= end)
        ]
        size, asked = _page_size(query), _filters(query)
        position = _position(query, asked)
        rest = [entry for entry in chosen if position is None or entry.position < position]
        page: dict[str, Any] = {"SuppressedDestinationSummaries": [_summary(each) for each in rest[:size]]}
        if size < len(rest):
            page["NextToken"] = _token(rest[size - 1], asked)
        return json_response(page)


def _summary(entry: Entry) -> dict[str, Any]:
    return {
        "EmailAddress": entry.address,
        "Reason": entry.reason.value,
        "LastUpdateTime": entry.updated_at.timestamp(),
    }


def _page_size(query: dict[str, list[str]]) -> int:
    size = query.get("PageSize", [str(MAX_PAGE)])[0]
    if not size.isdecimal() or not 0 < int(size) <= MAX_PAGE:
        raise bad_request(f"PageSize must be 1 to {MAX_PAGE}.")
    return int(size)


def _filters(query: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: values for name, values in sorted(query.items()) if name not in ("NextToken", "PageSize")}


def _token(last: Entry, asked: dict[str, list[str]]) -> str:
    """Return an opaque token for the page after this entry, valid with the same filters only."""
    content = [last.updated_at.isoformat(), last.address, asked]
    return urlsafe_b64encode(json.dumps(content).encode()).decode()


def _position(query: dict[str, list[str]], asked: dict[str, list[str]]) -> tuple[datetime, str] | None:
    token = query.get("NextToken")
    if token is None:
        return None
    try:
        moment, address, its_filters = json.loads(urlsafe_b64decode(token[0]))
        position = datetime.fromisoformat(moment), str(address)
    except (ValueError, TypeError):
        its_filters, position = None, None
    if its_filters != asked:
        raise SesError(400, "InvalidNextTokenException", "The specified next token is not valid.")
    return position


def _moment(given: list[str] | None) -> datetime | None:
    if not given:
        return None
    try:
        moment = datetime.fromisoformat(given[0])
    except ValueError:
        raise bad_request("Dates must be ISO 8601.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _not_suppressed(call: Call) -> SesError:
    return not_found(f"Email address {call.parameters['EmailAddress']} does not exist on your suppression list.")
