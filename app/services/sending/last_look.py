"""Step 3, right before the call: may SES be called for this claimed email now?

SQL always gives the whole answer: whether the claim still holds the email, by the database's clock, and whether the
address is suppressed. Redis is not consulted. All emails that wait for a look at the same moment share one statement.
"""

from collections.abc import Sequence
from typing import Final

from app.domain.errors import ServiceUnavailable
from app.services.coalesce import Combine
from app.services.sending.call_results import FoundSuppressed, NotCalled
from app.store.engine.database import Database
from app.store.sending import claims
from app.store.sending.claims import OpenAttempt

Refusal = NotCalled | FoundSuppressed

_AT_MOST: Final = 200
_AWAY = NotCalled("The database could not be asked before the call.")
_LOST = NotCalled("The claim on the email was over before the call.")


class LastLook:
    """Looks at a claimed email once more. One per process, for all its threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._look: Combine[OpenAttempt, Refusal | None] = Combine(self._look_at_all, at_most=_AT_MOST)

    def __call__(self, attempt: OpenAttempt) -> Refusal | None:
        """Why SES must not be called, or None. It sees every suppression committed before this call."""
        try:
            return self._look(attempt)
        except ServiceUnavailable:
            return _AWAY

    def together(self, emails: Sequence[OpenAttempt]) -> Sequence[Refusal | None]:
        """The same for emails that are about to be sent together, in their order."""
        try:
            return self._look_at_all(emails)
        except ServiceUnavailable:
            return [_AWAY] * len(emails)

    def _look_at_all(self, emails: Sequence[OpenAttempt]) -> Sequence[Refusal | None]:
        with self._database.asking() as connection:
            looks = claims.look_again(connection, emails)
        return [_refusal(look) for look in looks]


def _refusal(look: claims.Look) -> Refusal | None:
    if not look.holds:
        return _LOST
    return FoundSuppressed(look.suppressed_by) if look.suppressed_by is not None else None
