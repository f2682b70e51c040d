"""Whom an entry of the suppression list is about, as people write it: one address, or a whole domain.

It decides what is a name of either kind. Who may use it is decided by `app.services`.
"""

from dataclasses import dataclass
from typing import Final

from app.domain.address import Address, parse_address

_ANYBODY: Final = "x"


@dataclass(frozen=True, slots=True)
class Whom:
    """Whom an entry is about: the text as given, and the name on the list; `address` is None for a whole domain."""

    email: str
    key: str
    address: Address | None


def parse_whom(text: str) -> Whom:
    """An address, or `@example.org` for everybody at exactly that domain.

    The domain has to be one that an address can have, so `@` and `@org` are none. Raises `InvalidAddress`.
    """
    if not text.startswith("@"):
        address = parse_address(text)
        return Whom(text, address.key, address)
    return Whom(text, f"@{parse_address(_ANYBODY + text).domain}", None)
