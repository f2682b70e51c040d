"""Step 4, its commit: notifications that wait for one at the same moment share it.

It decides what is committed together and what becomes of each when that fails. Nobody is told anything before the
commit that holds his notification has ended, and one that the database refuses fails by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from app.domain.errors import ServiceUnavailable
from app.services.combine import Combine
from app.services.one_by_one import one_by_one
from app.store import inbox
from app.store.db import Database
from app.store.inbox import NewNotification

_AT_MOST: Final = 50


@dataclass(frozen=True, slots=True)
class Filed:
    """What became of one notification: `fresh` when SNS had not brought it before, or it failed by itself.

    `rings`: whoever is told this has to ring, for his own or for others'.
    """

    fresh: bool = False
    failure: Exception | None = None
    rings: bool = False


class StoreNews:
    """Commits notifications. One per process, for all its threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._together: Combine[NewNotification, Filed] = Combine(self._store_all, at_most=_AT_MOST)

    def __call__(self, new: NewNotification) -> Filed:
        """What became of it, committed. Raises `ServiceUnavailable`, and what the database says of a row it refuses."""
        return self._together(new)

    def _store_all(self, new: Sequence[NewNotification]) -> Sequence[Filed]:
        """All or, when one of them spoils it for the others, one by one: what failed so was rolled back for certain."""
        try:
            filed = self._commit(new)
        except ServiceUnavailable:
            raise  # it may have come after the commit, and then nobody knows whether they are kept
        except Exception:
            if len(new) == 1:
                raise
            filed = one_by_one(new, self._commit, failed=lambda error: Filed(failure=error))
        return _rung_by_the_first(filed)

    def _commit(self, new: Sequence[NewNotification]) -> list[Filed]:
        with self._database.transaction() as connection:
            fresh = inbox.store(connection, new)
        return [Filed(fresh=one.id in fresh) for one in new]


def _rung_by_the_first(filed: Sequence[Filed]) -> Sequence[Filed]:
    """One ring is enough for many; the first is told to the thread that has led, which always returns."""
    first, *others = filed
    return [replace(first, rings=any(one.fresh for one in filed)), *others]
