"""The SES account itself: what it may send, and its own suppression list.

It decides that these calls go out one a second, as AWS allows, and what their answers mean. It never sends email. It
passes addresses in the exact case it was given: SES's list is case-sensitive here, though not when it sends
(https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html).
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from app.domain.errors import ServiceUnavailable

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sesv2.type_defs import ListSuppressedDestinationsRequestTypeDef

SECONDS_BETWEEN_CALLS = 1.0
LONGEST_WAIT_S = 15.0
PAGE_SIZE = 1000
REASONS = frozenset({"BOUNCE", "COMPLAINT"})
"""Why SES lists an address; an account may switch its list off for either."""

T = TypeVar("T")


class SesRefused(ServiceUnavailable):
    """A call to SES failed. `code` is SES's code of the refusal, or the name of the error on the way to SES."""

    def __init__(self, detail: str, *, code: str) -> None:
        super().__init__(detail, retry_after=1)
        self.code = code

    @property
    def throttled(self) -> bool:
        """Whether the same call may pass a second later."""
        return self.code in {"TooManyRequestsException", "ThrottlingException"}

    @property
    def denied(self) -> bool:
        """Whether the credentials lack the permission: the same call fails until a person changes that."""
        return self.code.startswith(("AccessDenied", "NotAuthorized", "Unauthorized"))


class PageLost(SesRefused):
    """SES no longer knows the requested page: the list has to be read from its beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What the account may send in this region: emails a second and in 24 hours (None: unlimited), and if at all.

    `suppressed_reasons`: the reasons for which the list of the account stops email; with none it has no effect.
    """

    max_send_rate: float
    max_24h: float | None
    sent_24h: float
    sending_enabled: bool
    production: bool
    enforcement: str
    suppressed_reasons: frozenset[str] = frozenset()

    @property
    def switched_off(self) -> tuple[str, ...]:
        """The reasons for which the list of the account stops no email, in order."""
        return tuple(sorted(REASONS - self.suppressed_reasons))


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppressed:
    """One entry of SES's account list; `reason` is `BOUNCE` or `COMPLAINT`.

    `ses_message_id` names the email that put it there, if SES says so: `get_suppressed` has it, `list_suppressed` not.
    """

    address: str
    reason: str
    updated_at: datetime
    ses_message_id: str | None = None


@dataclass(frozen=True, slots=True)
class SuppressedPage:
    """Entries, and the name of the next page; None after the last one."""

    entries: tuple[Suppressed, ...]
    next_page: str | None


class SesAccount:
    """Makes calls about the account. They raise `SesRefused` when SES is unavailable or refuses.

    `clock` counts seconds and never goes back. Safe to share between threads: each waits for its second. `turn` gets
    the longest wait in seconds, and returns how long to wait so that all processes of the gateway together keep to one
    call a second; None when that is longer. `quota` does not use `turn`: a worker that starts must not wait in that
    queue, and SES counts each kind of call separately.
    """

    def __init__(
        self,
        client: "SESV2Client",
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        slot: Callable[[float], float | None] = lambda _: 0.0,
    ) -> None:
        self._client = client
        self._clock = clock
        self._sleep = sleep
        self._shared_slot = slot
        self._slot = threading.Lock()
        self._next_call_at = 0.0

    def quota(self) -> Quota:
        """https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetAccount.html."""
        answer = self._call(self._client.get_account, shared=False)
        if answer is None or "SendQuota" not in answer:
            raise ServiceUnavailable("SES's answer lacks the quota of the account")
        quota = answer["SendQuota"]
        max_24h = quota.get("Max24HourSend", -1.0)
        return Quota(
            max_send_rate=quota.get("MaxSendRate", 1.0),
            max_24h=None if max_24h < 0 else max_24h,
            sent_24h=quota.get("SentLast24Hours", 0.0),
            sending_enabled=answer.get("SendingEnabled", False),
            production=answer.get("ProductionAccessEnabled", False),
            enforcement=answer.get("EnforcementStatus", "UNKNOWN"),
            suppressed_reasons=frozenset(answer.get("SuppressionAttributes", {}).get("SuppressedReasons", ())),
        )

    def remove_suppressed(self, address: str) -> bool:
        """Remove `address` from SES's list; False when it was not there in this case (upper or lower)."""
        return self._call(lambda: self._client.delete_suppressed_destination(EmailAddress=address)) is not None

    def put_suppressed(self, address: str, reason: Literal["BOUNCE", "COMPLAINT"]) -> None:
        """Put `address` on SES's list, or change its reason. SES refuses that to an account in the sandbox."""
        self._call(lambda: self._client.put_suppressed_destination(EmailAddress=address, Reason=reason))

    def get_suppressed(self, address: str, *, longest_wait_s: float = LONGEST_WAIT_S) -> Suppressed | None:
        """The entry of `address`; None when the list does not have it in this case (upper or lower).

        Raises `SesRefused`, also when the call would have to wait longer than `longest_wait_s`.
        """
        answer = self._call(
            lambda: self._client.get_suppressed_destination(EmailAddress=address), longest_wait_s=longest_wait_s
        )
        if answer is None:
            return None
        entry = answer["SuppressedDestination"]
        return Suppressed(
            address=entry["EmailAddress"],
            reason=entry["Reason"],
            updated_at=entry["LastUpdateTime"],
            ses_message_id=entry.get("Attributes", {}).get("MessageId"),
        )

    def list_suppressed(self, page: str | None = None, *, since: datetime | None = None) -> SuppressedPage:
        """Up to 1,000 entries, from the start or from a `next_page`; `since` leaves out those that are older.

        Raises `PageLost` when SES refuses that page.
        """
        request: ListSuppressedDestinationsRequestTypeDef = {"PageSize": PAGE_SIZE}
        if page is not None:
            request["NextToken"] = page
        if since is not None:
            request["StartDate"] = since
        try:
            answer = self._call(lambda: self._client.list_suppressed_destinations(**request))
        except SesRefused as error:
            if page is not None and error.code in {"InvalidNextTokenException", "BadRequestException"}:
                raise PageLost(error.detail, code=error.code) from error
            raise
        if answer is None:
            return SuppressedPage((), None)
        entries = (
            Suppressed(address=entry["EmailAddress"], reason=entry["Reason"], updated_at=entry["LastUpdateTime"])
            for entry in answer.get("SuppressedDestinationSummaries", ())
        )
        return SuppressedPage(tuple(entries), answer.get("NextToken"))

    def _call(self, ask: Callable[[], T], *, shared: bool = True, longest_wait_s: float = LONGEST_WAIT_S) -> T | None:
        """The answer to one call, made in its turn; None when SES answers that there is no such thing."""
        self._wait_for_a_slot(longest_wait_s, shared=shared)
        try:
            return ask()
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code"))
            if code == "NotFoundException":
                return None
            raise SesRefused(f"SES refused {error.operation_name}: {code}", code=code) from error
        except (BotoCoreError, ResponseParserError) as error:
            failure = type(error).__name__
            raise SesRefused(f"SES could not be asked: {failure}", code=failure) from error

    def _wait_for_a_slot(self, longest_s: float, *, shared: bool) -> None:
        if not self._slot.acquire(timeout=longest_s):
            raise _too_many()
        try:
            slot = self._shared_slot(longest_s) if shared else 0.0
            wait = None if slot is None else max(slot, self._next_call_at - self._clock())
            if wait is None or wait > longest_s:
                raise _too_many()
            if wait > 0:
                self._sleep(wait)
            self._next_call_at = self._clock() + SECONDS_BETWEEN_CALLS
        finally:
            self._slot.release()


def _too_many() -> SesRefused:
    return SesRefused("Too many calls wait for SES; repeat the request.", code="TooManyRequestsException")
