"""Step 1, its commit: single mails that wait for one at the same moment share a transaction.

It decides what is committed together and what becomes of each when that fails. Nobody is told anything before the
commit that holds his mail has ended, and one mail that the database refuses fails by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from app.domain.errors import ServiceUnavailable
from app.services.combine import Combine
from app.services.one_by_one import one_by_one
from app.store import emails, keys
from app.store.db import Database
from app.store.emails import NewEmail
from app.store.keys import Claim, Remembered

_AT_MOST: Final = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """The mails of one request, and its claim to the idempotency key that came with it."""

    mails: tuple[NewEmail, ...]
    claim: Claim | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request: kept, or answered `earlier`, or failed by itself.

    `to_ring` are mails that were kept and that the thread which is told this has to ring for, its own or others'.
    """

    earlier: Remembered | None = None
    failure: Exception | None = None
    to_ring: tuple[NewEmail, ...] = ()


class Keep:
    """Commits requests. One per process, for all its threads."""

    def __init__(self, *, database: Database, idempotency_lasts: timedelta) -> None:
        self._database = database
        self._idempotency_lasts = idempotency_lasts
        self._together: Combine[Entry, Outcome] = Combine(self._keep_all, at_most=_AT_MOST)

    def __call__(self, entry: Entry) -> Outcome:
        """What became of it, its mails and the answer under its key committed. A batch has a transaction to itself.

        Raises `ConcurrentIdempotentRequests` and `ServiceUnavailable`, and what the database says of rows it refuses.
        """
        return self._together(entry) if len(entry.mails) == 1 else self._commit([entry])[0]

    def _keep_all(self, entries: Sequence[Entry]) -> Sequence[Outcome]:
        """All or, when one of them spoils it for the others, one by one: what failed so was rolled back for certain."""
        try:
            outcomes = self._commit(entries)
        except ServiceUnavailable:
            raise  # of a commit too, and then nobody knows whether they are kept
        except Exception:
            if len(entries) == 1:
                raise
            outcomes = one_by_one(entries, self._commit, failed=lambda error: Outcome(failure=error))
        return _rung_by_the_first(outcomes)

    def _commit(self, entries: Sequence[Entry]) -> list[Outcome]:
        claims = [entry.claim for entry in entries if entry.claim is not None]
        with self._database.transaction() as connection:
            earlier = iter(keys.take(connection, claims, lasts=self._idempotency_lasts))
            outcomes = [_outcome(entry, next(earlier) if entry.claim is not None else None) for entry in entries]
            emails.add(connection, [mail for outcome in outcomes for mail in outcome.to_ring])
        return outcomes


def _outcome(entry: Entry, earlier: Remembered | None) -> Outcome:
    return Outcome(to_ring=entry.mails) if earlier is None else Outcome(earlier=earlier)


def _rung_by_the_first(outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """One ring is enough for many mails; the first is the outcome of the thread that has led, which always returns."""
    everything = tuple(mail for outcome in outcomes for mail in outcome.to_ring)
    first, *others = outcomes
    return [replace(first, to_ring=everything), *(replace(one, to_ring=()) for one in others)]
