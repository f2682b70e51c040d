"""Compare SES's own suppression list with ours: how an entry stands on both, and what follows.

Pure rules: no calls and no writes. A removal by a person outweighs everything that SES knew before it (promise 6).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal

from app.domain.message.address import Address, is_mailbox_simulator
from app.domain.suppression.rules import Listed, ListEffect, Origin

Reason = Literal["BOUNCE", "COMPLAINT"]

REASON_OF: Final[dict[Origin, Reason]] = {
    Origin.BOUNCE: "BOUNCE",
    Origin.COMPLAINT: "COMPLAINT",
    Origin.MANUAL: "BOUNCE",
}
"""The reason under which an entry of ours is put on SES's list. SES knows only these two, so an entry that a person
made goes there as a bounce, and only on request."""

EVENTS_MAY_COME: Final = timedelta(hours=1)
"""How long after SES put an entry on its list the event may still come that names the email behind it."""


class Standing(StrEnum):
    """How one entry of SES's list, or one of ours, relates to the other list."""

    BOTH = "both"
    FROM_SES = "from_ses"
    OTHER_REASON = "other_reason"
    ONLY_AT_SES = "only_at_ses"
    REMOVED_HERE = "removed_here"
    LISTED_AGAIN = "listed_again"
    DISPUTED = "disputed"
    FORGOTTEN = "forgotten"
    EXEMPT = "exempt"
    NO_ADDRESS = "no_address"
    ONLY_HERE = "only_here"
    LEFT_SES = "left_ses"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What we know of an address that is on SES's list.

    `ours` is our live entry with the scope of every email, `because_of_ses` whether it has no evidence but SES's list,
    and `removed_at` is when a person last removed one. `forgotten` is for people whose address may not be kept.
    `bounced_blameless`: we know of a permanent bounce of this address that does not suppress it.
    """

    ours: Listed | None = None
    because_of_ses: bool = False
    removed_at: datetime | None = None
    forgotten: bool = False
    bounced_blameless: bool = False


def standing(address: Address | None, reason: str, updated_at: datetime, known: Known, *, exempt: bool) -> Standing:
    """How an entry of SES's list relates to ours; `exempt` leaves addresses of the mailbox simulator where they are."""
    if address is None:
        return Standing.NO_ADDRESS
    if known.forgotten:
        return Standing.FORGOTTEN
    disputed = known.bounced_blameless and reason == REASON_OF[Origin.BOUNCE]
    if disputed and known.because_of_ses:
        return Standing.DISPUTED
    if known.because_of_ses:
        return Standing.FROM_SES
    if known.ours is not None:
        other = known.ours.origin in {Origin.BOUNCE, Origin.COMPLAINT}
        return Standing.OTHER_REASON if other and REASON_OF[Origin(known.ours.origin)] != reason else Standing.BOTH
    if exempt and is_mailbox_simulator(address):
        return Standing.EXEMPT
    if known.removed_at is None:
        return Standing.DISPUTED if disputed else Standing.ONLY_AT_SES
    return Standing.REMOVED_HERE if updated_at <= known.removed_at else Standing.LISTED_AGAIN


class ListingFate(StrEnum):
    """What to do with an entry of SES's list that a removal here, or the bounce behind it, contradicts."""

    REMOVE = "remove"
    SUPPRESS = "suppress"
    WAIT = "wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingReason:
    """Why SES has an entry: since when, whether an email put it there, and when that email left us if it was ours.

    `effects` are those of the bounces that we know of this email and address; none for a complaint.
    """

    updated_at: datetime
    by_email: bool
    email_left_at: datetime | None
    effects: frozenset[ListEffect] = frozenset()


def judge(removed_at: datetime | None, evidence: ListingReason, *, now: datetime) -> ListingFate:
    """Whether SES's entry is evidence against the address.

    It is none when the email behind it left before the removal, however late its bounce reached SES, or when we read
    its bounces and none of them suppresses an address. While the email, or its bounce, may still turn out to be one of
    ours, the verdict is to wait.
    """
    if removed_at is not None and evidence.updated_at <= removed_at:
        return ListingFate.REMOVE
    if removed_at is not None and evidence.email_left_at is not None and evidence.email_left_at <= removed_at:
        return ListingFate.REMOVE
    if evidence.effects:
        return ListingFate.SUPPRESS if ListEffect.SUPPRESS in evidence.effects else ListingFate.REMOVE
    unread = evidence.email_left_at is None or removed_at is None
    may_come = evidence.by_email and unread and now - evidence.updated_at < EVENTS_MAY_COME
    return ListingFate.WAIT if may_come else ListingFate.SUPPRESS
