"""The kinds of API keys: to which recipients a key writes, and how its kind is seen in its text."""

from enum import StrEnum
from typing import Final


class KeyKind(StrEnum):
    """A `live` key writes to every recipient, a `team` key only to those of the team of its application.

    What a `test` key submits goes the whole way except to SES (`app.domain.sending.trying`).
    """

    LIVE = "live"
    TEAM = "team"
    TEST = "test"

    def access_key_id(self, public_id: str) -> str:
        """What a key begins with, and its id at the doors. It shows the kind, unless that is `live`."""
        return f"ptn_{public_id}" if self is KeyKind.LIVE else f"ptn_{self}_{public_id}"


_KINDS: Final = tuple(f"{kind}_" for kind in KeyKind if kind is not KeyKind.LIVE)

ID_PATTERN: Final = rf"(?:{'|'.join(_KINDS)})?[a-z0-9]{{12}}"
"""An access key id without its `ptn_`, as a regular expression."""


def public_half(key: str) -> str:
    """The public id of a key that is given by it, by its access key id, or whole."""
    rest = key.removeprefix("ptn_")
    for kind in _KINDS:
        rest = rest.removeprefix(kind)
    return rest.partition("_")[0]
