"""Make the unsubscribe link of a recipient, and read the token of a link. It asks no database."""

from collections.abc import Mapping
from uuid import UUID

from app.domain.signed_links import may_lead_to, read_token, write_token
from app.domain.suppression.unsubscribe_link import PURPOSE, link

RULE = (
    "One-click unsubscribe needs a PUBLIC_URL that begins with https:// and has only letters, digits and - . _ ~ / "
    "(http:// is for this machine only)."
)


class NoLink(Exception):
    """No link can be made here; the text says what is missing."""


class Links:
    """Links below the public URL `base`; None when it is not configured.

    `keys` by their ids: the first signs links, and each of them can verify one.
    """

    def __init__(self, *, base: str | None, keys: Mapping[bytes, bytes]) -> None:
        self._base = base if base is not None and may_lead_to(base) else None
        self._keys = keys

    @property
    def can_be_made(self) -> bool:
        """Whether the public URL is suitable for links."""
        return self._base is not None

    def __call__(self, recipient_id: UUID) -> str:
        """The link of this recipient. Raises `NoLink`."""
        if self._base is None:
            raise NoLink(RULE)
        return link(self._base, write_token(PURPOSE, recipient_id, self._keys))

    def recipient_of(self, token: str) -> UUID | None:
        """The recipient that a token names, or None when we did not make it."""
        return read_token(PURPOSE, token, self._keys)
