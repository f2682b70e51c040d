"""Whether the code of this process may run with the revision that the database is at.

A release adds to the tables what it needs, and takes away only what no release before it reads (expand, then contract:
ADR 0055). So code runs with a database that a later release has migrated, until a migration says that older code may
not. Such a migration names the revision that code has to contain.
"""

from dataclasses import dataclass
from enum import Enum


class Fit(Enum):
    """How a database fits the code: `AHEAD` is migrated further and may be used, `TOO_FAR` may not."""

    SAME = "same"
    BEHIND = "behind"
    AHEAD = "ahead"
    TOO_FAR = "too_far"


@dataclass(frozen=True, slots=True)
class CodeRevisions:
    """The revisions that the code contains; `head` is the last of them."""

    head: str | None
    contained: frozenset[str]

    def fit(self, found: str | None, oldest_code: str | None) -> Fit:
        """How a database at `found` fits. `oldest_code`: the revision that code has to contain; None is any code."""
        if found == self.head:
            return Fit.SAME
        if found is None or found in self.contained:
            return Fit.BEHIND
        if oldest_code is None or oldest_code in self.contained:
            return Fit.AHEAD
        return Fit.TOO_FAR
