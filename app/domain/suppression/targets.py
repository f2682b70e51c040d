"""The target of an entry of the suppression list, as people write it: one address, or a whole domain.

It decides which texts are targets. Which callers may use them is decided by `app.services`.
"""

from dataclasses import dataclass
from typing import Final

from app.domain.message.address import Address, parse_address

_ANYBODY: Final = "x"


@dataclass(frozen=True, slots=True)
class Target:
    """The target of an entry: the text as given, and its key on the list; `address` is None for a whole domain."""

    email: str
    key: str
    address: Address | None


def parse_target(text: str) -> Target:
    """An address, or `@example.org` for every address at exactly that domain.

    The domain has to be one that an address can have, so `@` and `@org` are not valid. Raises `InvalidAddress`.
    """
    if not text.startswith("@"):
        address = parse_address(text)
        return Target(text, address.key, address)
    return Target(text, f"@{parse_address(_ANYBODY + text).domain}", None)
