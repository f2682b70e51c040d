"""Entries of SES's suppression list as we keep them: in a spelling that can be stored, in our copy, on our list.

What follows from them is decided in `app.services.account.sync_pull`. This module reads and writes nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from app.aws.ses.account import Suppressed
from app.domain.account.list_comparison import Standing
from app.domain.message.address import Address, read_reported
from app.domain.suppression.rules import EVERY_EMAIL, Origin
from app.store.account import ses_list
from app.store.account.ses_list import Mirrored
from app.store.suppression.suppressions import POSTERN, NewSuppression

_LONGEST_ADDRESS: Final = 320


@dataclass(frozen=True, slots=True)
class Stands:
    """An entry of SES's list, its address if it can be read, and how it compares with our list."""

    entry: Suppressed
    address: Address | None
    where: Standing


def mirrored(stands: Iterable[Stands]) -> Iterator[Mirrored]:
    """Entries of SES's list as our copy keeps them."""
    for one in stands:
        entry = one.entry
        key = one.address.key if one.address else ses_list.NO_KEY
        yield Mirrored(address=entry.address, key=key, reason=entry.reason[:16], updated_at=entry.updated_at)


def storable(entries: Iterable[Suppressed]) -> Iterator[Suppressed]:
    """The entries in a spelling that can be stored: SES's own, or else the address in it. The rest is left out."""
    for entry in entries:
        if len(entry.address) <= _LONGEST_ADDRESS and entry.address.isprintable():
            yield entry
        elif address := read_reported(entry.address):
            yield replace(entry, address=address.email)


def as_ours(entry: Suppressed, address: Address) -> NewSuppression:
    """The entry of our list that follows from one of SES's."""
    since = f"{entry.updated_at:%Y-%m-%d}"
    return NewSuppression(
        key=address.key,
        scope=EVERY_EMAIL,
        address=entry.address,
        origin=Origin.SES_ACCOUNT,
        reason=f"On the suppression list of the SES account since {since}, as a {entry.reason.lower()}.",
        actor=POSTERN,
        source={ses_list.SOURCE: {"reason": entry.reason, "updated_at": entry.updated_at.isoformat()}},
    )
