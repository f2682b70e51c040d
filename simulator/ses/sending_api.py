"""SendEmail and SendBulkEmail: from a request to an accepted email in the ledger.

An email is accepted as soon as it arrives. The simulated latency passes between acceptance and answer, so when a
caller times out, the email has most likely been accepted.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simulator.control.inbox import Inbox
from simulator.events.event_stream import EventStream
from simulator.http.calls import Call, Route
from simulator.http.server import Response, json_response
from simulator.ses.accepted_email import AcceptedEmail, new_ses_id
from simulator.ses.account import Account
from simulator.ses.addresses import is_mailbox_simulator
from simulator.ses.configuration_sets import ConfigurationSets
from simulator.ses.errors import SesError, bad_request, limit_exceeded, message_rejected, too_many_requests
from simulator.ses.ledger import Ledger
from simulator.ses.send_requests import MAX_RECIPIENTS, Draft, read_bulk_entry, read_single

CALLER = "simulated-user"
MAX_SECONDS_BEFORE_RESPONSE = 5.0

BULK_STATUS = {
    "MessageRejected": "MESSAGE_REJECTED",
    "NotFoundException": "TEMPLATE_NOT_FOUND",
    "TooManyRequestsException": "ACCOUNT_THROTTLED",
    "LimitExceededException": "ACCOUNT_DAILY_QUOTA_EXCEEDED",
    "SendingPausedException": "ACCOUNT_SENDING_PAUSED",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """The two calls that send."""

    account: Account
    configuration_sets: ConfigurationSets
    inbox: Inbox
    ledger: Ledger
    stream: EventStream
    region: str
    latency: float
    clock: Callable[[], datetime]

    def routes(self) -> list[Route]:
        """Return the routes of the two calls."""
        return [
            Route("POST", "/v2/email/outbound-emails", "SendEmail", self.send_email),
            Route("POST", "/v2/email/outbound-bulk-emails", "SendBulkEmail", self.send_bulk_email),
        ]

    async def send_email(self, call: Call) -> Response:
        """Accept one email. https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html"""
        arrived = time.monotonic()
        draft = read_single(call.content())
        email = self._email(draft, self._admit(draft, arrived), call, "SendEmail")
        await self._accept([email], call.mode)
        await self._answer_after_latency(arrived)
        request_id = (("x-amzn-RequestId", email.ses_message_id[17:53]),)
        return Response(200, b'{"MessageId":"%s"}' % email.ses_message_id.encode(), headers=request_id)

    async def send_bulk_email(self, call: Call) -> Response:
        """Accept an email per entry; the result of a refused entry says why.

        https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendBulkEmail.html
        """
        arrived = time.monotonic()
        request = call.content()
        entries = request.get("BulkEmailEntries") or []
        if not 0 < len(entries) <= MAX_RECIPIENTS:
            raise bad_request(f"BulkEmailEntries must have 1 to {MAX_RECIPIENTS} entries.")
        emails, results = [], []
        for entry in entries:
            try:
                draft = read_bulk_entry(request, entry)
                email = self._email(draft, self._admit(draft, arrived), call, "SendBulkEmail")
            except SesError as refusal:
                results.append(_refused_entry(refusal))
                continue
            emails.append(email)
            results.append({"Status": "SUCCESS", "MessageId": email.ses_message_id})
        await self._accept(emails, call.mode)
        await self._answer_after_latency(arrived)
        return json_response({"BulkEmailEntryResults": results})

    def _admit(self, draft: Draft, now: float) -> str | None:
        """Return the configuration set that applies. Raises SesError when the account may not send this now."""
        if not self.account.may_send:
            raise SesError(400, "SendingPausedException", "Email sending is disabled for your account.")
        if not self.account.is_verified(draft.sender):
            raise message_rejected(
                "Email address is not verified. The following identities failed the check in region "
                f"{self.region.upper()}: {draft.sender}"
            )
        name = draft.configuration_set or self.account.default_configuration_set(draft.sender)
        if name is not None and not self.configuration_sets.get(name).sending_enabled:
            raise SesError(400, "SendingPausedException", f"Sending is disabled for configuration set <{name}>.")
        if not self.account.rate.take(len(draft.recipients), now):
            raise too_many_requests("Maximum sending rate exceeded.")
        # An email to the mailbox simulator counts for the rate but not for the daily quota.
        counted = sum(not is_mailbox_simulator(address) for address in draft.recipients)
        if not self.account.quota.take(counted, now):
            raise limit_exceeded("Daily message quota exceeded.")
        return name

    def _email(self, draft: Draft, configuration_set: str | None, call: Call, operation: str) -> AcceptedEmail:
        now = self.clock()
        content = draft.content
        return AcceptedEmail(
            ses_message_id=new_ses_id(self.region, now),
            accepted_at=now,
            operation=operation,
            sender=draft.sender,
            recipients=draft.recipients,
            subject=content.subject,
            headers=content.headers,
            tags=draft.tags,
            configuration_set=configuration_set,
            source_ip=call.request.peer,
            caller=CALLER,
            raw=content.raw,
            text=content.text,
            html=content.html,
            rendering_error=content.rendering_error,
        )

    async def _accept(self, emails: list[AcceptedEmail], mode: str) -> None:
        # A caller that disconnects cancels this at the first await. By then the acceptance is complete.
        reports: list[asyncio.Task[None]] = []
        for email in emails:
            self.ledger.append(email, mode)
            self.inbox.put(email)
            reports.extend(self.stream.begin(email))
        await self.ledger.durable()
        if reports:
            await asyncio.wait(reports, timeout=MAX_SECONDS_BEFORE_RESPONSE)

    async def _answer_after_latency(self, arrived: float) -> None:
        remaining = arrived + self.latency - time.monotonic()
        if remaining > 0:
            await asyncio.sleep(remaining)


def _refused_entry(refusal: SesError) -> dict[str, Any]:
    return {"Status": BULK_STATUS.get(refusal.code, "INVALID_PARAMETER"), "Error": refusal.message}
