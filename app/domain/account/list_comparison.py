"""SES's own suppression list beside ours: how an entry stands on both, and what follows.

Pure rules. It asks nobody and writes nothing; a removal by a person outlives whatever SES knew before it (promise 6).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal

from app.domain.address import Address, is_mailbox_simulator
from app.domain.suppression import Listed, Origin

Reason = Literal["BOUNCE", "COMPLAINT"]

REASON_OF: Final[dict[Origin, Reason]] = {
    Origin.BOUNCE: "BOUNCE",
    Origin.COMPLAINT: "COMPLAINT",
    Origin.MANUAL: "BOUNCE",
}
"""As what SES is told of ours. It knows no other reasons: a person's word goes as a bounce, and only if asked for."""

NEWS_MAY_COME: Final = timedelta(hours=1)
"""So long after SES put an entry on its list, the event may still come that tells whose mail it was."""


class Standing(StrEnum):
    """How one entry of SES's list, or one of ours, stands."""

    BOTH = "both"
    OTHER_REASON = "other_reason"
    ONLY_AT_SES = "only_at_ses"
    REMOVED_HERE = "removed_here"
    LISTED_AGAIN = "listed_again"
    FORGOTTEN = "forgotten"
    EXEMPT = "exempt"
    NO_ADDRESS = "no_address"
    ONLY_HERE = "only_here"
    LEFT_SES = "left_ses"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What we know of an address that is on SES's list: our live entry for every mail, and when a person last removed
    one. `forgotten` is for people whose address may not be kept.
    """

    ours: Listed | None = None
    removed_at: datetime | None = None
    forgotten: bool = False


def standing(address: Address | None, reason: str, updated_at: datetime, known: Known, *, exempt: bool) -> Standing:
    """How an entry of SES's list stands; `exempt` leaves addresses of the mailbox simulator where they are."""
    if address is None:
        return Standing.NO_ADDRESS
    if known.forgotten:
        return Standing.FORGOTTEN
    if known.ours is not None:
        other = known.ours.origin in {Origin.BOUNCE, Origin.COMPLAINT}
        return Standing.OTHER_REASON if other and REASON_OF[Origin(known.ours.origin)] != reason else Standing.BOTH
    if exempt and is_mailbox_simulator(address):
        return Standing.EXEMPT
    if known.removed_at is None:
        return Standing.ONLY_AT_SES
    return Standing.REMOVED_HERE if updated_at <= known.removed_at else Standing.LISTED_AGAIN


class Verdict(StrEnum):
    """What becomes of an entry of SES's list that a person had removed here."""

    REMOVE = "remove"
    SUPPRESS = "suppress"
    WAIT = "wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Why SES has an entry: since when, by which mail if any, and when that mail left us if it was ours."""

    updated_at: datetime
    by_mail: bool
    mail_left_at: datetime | None


def judge(removed_at: datetime, evidence: Evidence, *, now: datetime) -> Verdict:
    """Whether SES's entry is fresh evidence after the removal.

    A mail that had left before it proves nothing, however late SES heard of its bounce. While the mail may yet turn
    out to be one of ours, nothing is decided.
    """
    if evidence.updated_at <= removed_at:
        return Verdict.REMOVE
    if evidence.mail_left_at is not None:
        return Verdict.REMOVE if evidence.mail_left_at <= removed_at else Verdict.SUPPRESS
    may_be_ours = evidence.by_mail and now - evidence.updated_at < NEWS_MAY_COME
    return Verdict.WAIT if may_be_ours else Verdict.SUPPRESS
