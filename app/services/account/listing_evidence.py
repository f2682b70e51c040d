"""What we know of the addresses on SES's list, and of the email for which SES listed one of them.

SES lists each address that bounces permanently by itself, whatever the server's reply says. We have read the same
bounce, so an entry of SES's list never counts for more than that reading. This module reads, and decides nothing.
"""

from collections.abc import Callable, Mapping

from sqlalchemy import Connection

from app.aws.ses.account import Suppressed
from app.domain.account.list_comparison import REASON_OF, Known, ListingReason
from app.domain.feedback.bounce_causes import BounceCause
from app.domain.feedback.events import Bounce, BounceType
from app.domain.suppression.rules import EVERY_EMAIL, ListEffect, Origin, effect_of
from app.store.account import ses_list
from app.store.feedback import events
from app.store.suppression import suppressions

CauseOf = Callable[[Bounce], BounceCause]

_NOT_SENT = frozenset({"onaccountsuppressionlist", "ontenantsuppressionlist"})


def what_is_known(connection: Connection, pseudonyms: Mapping[str, str], cause_of: CauseOf) -> dict[str, Known]:
    """What we know of these addresses, by key; `pseudonyms` has the pseudonym of each key."""
    ours = suppressions.live_among(connection, [*pseudonyms, *pseudonyms.values()], scopes=[EVERY_EMAIL])
    removed = ses_list.removals(connection, [*pseudonyms, *pseudonyms.values()])
    bounced = events.bounces(connection, list(pseudonyms))
    known = {}
    for key, name in pseudonyms.items():
        entry = ours.get((key, EVERY_EMAIL))
        known[key] = Known(
            ours=entry,
            because_of_ses=entry is not None and ses_list.is_because_of_ses(entry),
            removed_at=max((removed[one] for one in (key, name) if one in removed), default=None),
            forgotten=(name, EVERY_EMAIL) in ours,
            bounced_blameless=any(
                effect_of(cause_of(one.bounce)) is not ListEffect.SUPPRESS
                for one in bounced.get(key, ())
                if _lists(one.bounce)
            ),
        )
    return known


def listing_reason(connection: Connection, entry: Suppressed, key: str, cause_of: CauseOf) -> ListingReason:
    """Why SES has this entry. `entry` is SES's answer about the one address, which names the email behind it."""
    message = entry.ses_message_id
    stored = events.bounces(connection, [key]).get(key, ()) if message and _is_bounce(entry) else ()
    return ListingReason(
        updated_at=entry.updated_at,
        by_email=message is not None,
        email_left_at=ses_list.email_left_at(connection, message) if message else None,
        effects=_effects(
            [one.bounce for one in stored if one.ses_message_id == message and _lists(one.bounce)], cause_of
        ),
    )


def _is_bounce(entry: Suppressed) -> bool:
    return entry.reason == REASON_OF[Origin.BOUNCE]


def _lists(bounce: Bounce) -> bool:
    """Whether SES lists an address for such a bounce: it is permanent, and SES had tried to deliver the email.

    https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html
    """
    return bounce.type is BounceType.PERMANENT and bounce.subtype.lower() not in _NOT_SENT


def _effects(bounces: list[Bounce], cause_of: CauseOf) -> frozenset[ListEffect]:
    return frozenset(effect_of(cause_of(bounce)) for bounce in bounces)
