"""Links to pages of outcomes: what one may show, and how long it may last.

A link shows the outcomes of one application that have one actor, reference, stream or tag. Its URL holds a token
(`app.domain.signed_links`) and nothing of what it shows.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Final

PURPOSE: Final = b"postern outcomes 1"
USUAL: Final = timedelta(days=30)
LONGEST: Final = timedelta(days=365)


class LinkKind(StrEnum):
    """What the emails that a link shows have in common."""

    ACTOR = "actor"
    REFERENCE = "reference"
    STREAM = "stream"
    TAG = "tag"


def link(base: str, token: str) -> str:
    """The link of a token below the public URL."""
    return f"{base.rstrip('/')}/outcomes/{token}"
