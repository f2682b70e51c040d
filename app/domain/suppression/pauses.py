"""How long the bounces of an address pause it, and when they suppress it for good.

A pause is for bounces that prove nothing about the mailbox: passing failures, a refusal that is not understood, SES's
list of other senders' bounces. Pure rules over all such bounces of one address, in any order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

SOURCE: Final = "soft_bounces"
"""The member of an entry's `source` that marks it as made by these rules, so that a delivery ends it."""

SOFT_BOUNCE_LIMIT: Final = 3
SOFT_BOUNCE_WINDOW: Final = timedelta(days=7)
SOFT_BOUNCES_IN_A_ROW: Final = 5
LAID_TO_US_IN_A_ROW: Final = 3
PAUSE: Final = timedelta(days=14)
_LONGEST_PAUSE: Final = timedelta(days=448)


class Weight(StrEnum):
    """What one bounce counts for.

    `soft`: several of them pause the address. `refused`: permanent and not understood; one pauses the address, and a
    second suppresses it. `global_list`: SES did not try, because of other senders; one pauses the address.
    `laid_to_us`: refused for our policy, reputation or content; it counts only where others of the domain get email.
    """

    LAID_TO_US = "laid_to_us"
    SOFT = "soft"
    REFUSED = "refused"
    GLOBAL_LIST = "global_list"


@dataclass(frozen=True, slots=True)
class CountedBounce:
    """When an email last bounced, when it had left us, and what the bounce counts for."""

    occurred_at: datetime
    mail_sent_at: datetime
    weight: Weight = Weight.SOFT


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPause:
    """A pause: its end, None for ever; the number of emails that led to it, and the reason in one plain sentence."""

    until: datetime | None
    emails: int
    reason: str

    @property
    def effect(self) -> str:
        """What becomes of the address, in one plain sentence."""
        if self.until is None:
            return "The address is suppressed, until an email to it is delivered."
        return f"The address is paused until {self.until:%Y-%m-%d}."


def pause_of(
    bounces: Sequence[CountedBounce],
    *,
    fresh_since: datetime,
    earlier_pauses: int,
    others_delivered_at: datetime | None = None,
) -> AddressPause | None:
    """The pause that these bounces call for, in any order; None if they call for none.

    `bounces` are those since the last delivery or removal. Those until `fresh_since`, the end of the last pause, have
    led to one already. Each of the `earlier_pauses` since the last delivery doubles the length, up to 448 days.
    `others_delivered_at`: when another address of the domain last got an email.
    """
    in_order = sorted(bounces, key=lambda one: one.occurred_at)
    refused = [one for one in in_order if one.weight is Weight.REFUSED]
    # An email that had left before the first refusal came back shares its cause, so it proves nothing more.
    if refused and any(one.mail_sent_at > refused[0].occurred_at for one in refused[1:]):
        words = "emails were refused for good, and none was delivered between them."
        return AddressPause(until=None, emails=len(refused), reason=f"{len(refused)} {words}")
    fresh = [one for one in in_order if one.occurred_at > fresh_since]
    laid_to_us = [one for one in fresh if one.weight is Weight.LAID_TO_US]
    own = [one for one in fresh if one.weight is not Weight.LAID_TO_US]
    rules = (_at_once(own), _in_a_week(own), _in_a_row(own), _of_one_mailbox(laid_to_us, others_delivered_at))
    found = [one for one in rules if one]
    if not found:
        return None
    last = max(found, key=lambda one: one.begins)
    length = min(PAUSE * 2 ** min(earlier_pauses, 5), _LONGEST_PAUSE)
    return AddressPause(until=last.begins + length, emails=last.emails, reason=last.reason)


@dataclass(frozen=True, slots=True)
class _Found:
    begins: datetime
    emails: int
    reason: str


def _at_once(fresh: Sequence[CountedBounce]) -> _Found | None:
    alone = [one for one in fresh if one.weight is not Weight.SOFT]
    if not alone:
        return None
    reason = {
        Weight.REFUSED: "An email was refused for good, for a reason that is not clear.",
        Weight.GLOBAL_LIST: "SES did not try: email of other senders to this address bounced lately.",
    }
    return _Found(alone[-1].occurred_at, 1, reason[alone[-1].weight])


def _in_a_week(fresh: Sequence[CountedBounce]) -> _Found | None:
    times = [one.occurred_at for one in fresh]
    runs = zip(times, times[SOFT_BOUNCE_LIMIT - 1 :], strict=False)
    reached = [last for first, last in runs if last - first <= SOFT_BOUNCE_WINDOW]
    if not reached:
        return None
    emails = sum(reached[-1] - SOFT_BOUNCE_WINDOW <= time <= reached[-1] for time in times)
    return _Found(reached[-1], emails, f"{emails} emails bounced softly within {SOFT_BOUNCE_WINDOW.days} days.")


def _in_a_row(fresh: Sequence[CountedBounce]) -> _Found | None:
    if len(fresh) < SOFT_BOUNCES_IN_A_ROW:
        return None
    words = "emails in a row bounced softly, and none was delivered between them."
    return _Found(fresh[-1].occurred_at, len(fresh), f"{len(fresh)} {words}")


def _of_one_mailbox(laid_to_us: Sequence[CountedBounce], others_delivered_at: datetime | None) -> _Found | None:
    """Refusals that are laid to us, again and again, of a mailbox whose neighbours get email: it is the mailbox.

    Exchange Online, for one, says "access denied" of a recipient that it does not know.
    """
    if len(laid_to_us) < LAID_TO_US_IN_A_ROW or others_delivered_at is None:
        return None
    if others_delivered_at <= laid_to_us[0].occurred_at:
        return None
    words = "emails in a row were refused as our fault, while others of its domain got email."
    return _Found(laid_to_us[-1].occurred_at, len(laid_to_us), f"{len(laid_to_us)} {words}")
