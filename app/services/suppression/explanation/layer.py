"""A layer of an explanation: something that may keep an email from an address, what it says, and why."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from app.domain.suppression.remedies import Remedy


class LayerName(StrEnum):
    """The layers, in the order in which an email meets them; at the end, what became of the last emails."""

    LIST = "list"
    DOMAIN = "domain"
    REVIEW = "review"
    SES_ACCOUNT = "ses_account"
    SES_GLOBAL = "ses_global"
    SOFT_BOUNCES = "soft_bounces"
    SENDING = "sending"
    LAST_EMAILS = "last_emails"


class LayerVerdict(StrEnum):
    """What a layer says about an email.

    Postern does not send it, or keeps it and sends it later; it sends it, but something may go wrong; no objection; or
    it is not known.
    """

    BLOCKS = "blocks"
    DELAYS = "delays"
    WARNS = "warns"
    CLEAR = "clear"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fact that a layer knows about the address.

    `says` is what it means in plain words, `diagnostic` the remote server's own words. `event` is the type of the event
    behind it, and `email_id` the email that the event was about.
    """

    says: str
    since: datetime | None = None
    until: datetime | None = None
    scope: str | None = None
    origin: str | None = None
    suppression_id: UUID | None = None
    review_id: UUID | None = None
    email_id: UUID | None = None
    event: str | None = None
    diagnostic: str | None = None
    remedy: Remedy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer: its verdict, a sentence, and the findings that it rests on."""

    name: LayerName
    verdict: LayerVerdict
    summary: str
    findings: tuple[Finding, ...] = ()
