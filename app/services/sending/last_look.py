"""Step 3, right before the call: may SES be called for this claimed mail now?

SQL is asked, always, and for the whole truth: whether the claim still holds the mail, by the database's clock, and
whether its address is suppressed. Redis has no say. All mails that wait for a look at that moment share one statement.
"""

from collections.abc import Sequence
from typing import Final

from app.domain.errors import ServiceUnavailable
from app.services.combine import Combine
from app.services.results import FoundSuppressed, NotCalled
from app.store import claims
from app.store.claims import Mine
from app.store.db import Database

Refusal = NotCalled | FoundSuppressed

_AT_MOST: Final = 200
_AWAY = NotCalled("The database could not be asked before the call.")
_LOST = NotCalled("The claim of the mail was over before the call.")


class LastLook:
    """Looks at a claimed mail once more. One per process, for all its threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._look: Combine[Mine, Refusal | None] = Combine(self._look_at_all, at_most=_AT_MOST)

    def __call__(self, mine: Mine) -> Refusal | None:
        """Why SES must not be called, or None; committed suppressions from before this call are all seen."""
        try:
            return self._look(mine)
        except ServiceUnavailable:
            return _AWAY

    def together(self, mails: Sequence[Mine]) -> Sequence[Refusal | None]:
        """The same for mails that are about to be called together, in their order."""
        try:
            return self._look_at_all(mails)
        except ServiceUnavailable:
            return [_AWAY] * len(mails)

    def _look_at_all(self, mails: Sequence[Mine]) -> Sequence[Refusal | None]:
        with self._database.asking() as connection:
            looks = claims.look_again(connection, mails)
        return [_refusal(look) for look in looks]


def _refusal(look: claims.Look) -> Refusal | None:
    if not look.holds:
        return _LOST
    return FoundSuppressed(look.suppressed_by) if look.suppressed_by is not None else None
