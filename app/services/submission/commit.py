"""The commit of step 1: single emails that wait for one at the same moment share a transaction.

This module decides which emails of a request are kept, and whether its idempotency key was used before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from app.services.deadlock_retry import again
from app.services.group_commit import Committed, GroupCommit
from app.services.moves import note_moves
from app.store.engine.database import Database
from app.store.submission import emails, idempotency_keys
from app.store.submission.emails import NewEmail
from app.store.submission.idempotency_keys import Claim, Remembered


@dataclass(frozen=True, slots=True)
class Entry:
    """The emails of one request, and its claim to the idempotency key that came with it."""

    emails: tuple[NewEmail, ...]
    claim: Claim | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one request: its `emails` were kept, or it was answered `earlier`."""

    earlier: Remembered | None = None
    emails: tuple[NewEmail, ...] = ()


class Keep:
    """Commits requests. One per process, for all its threads."""

    def __init__(self, *, database: Database, idempotency_lasts: timedelta) -> None:
        self._database = database
        self._idempotency_lasts = idempotency_lasts
        self._group: GroupCommit[Entry, Outcome] = GroupCommit(self._commit)

    @property
    def waiting(self) -> int:
        """How many requests wait for the commit that is under way."""
        return self._group.waiting

    def __call__(self, entry: Entry) -> Committed[Outcome]:
        """The committed outcome: its emails and the answer under its key. A batch gets its own transaction.

        Raises `ConcurrentIdempotentRequests` and `ServiceUnavailable`, and the database's error for rows that it
        refuses.
        """
        return self._group(entry) if len(entry.emails) == 1 else self._group.alone(entry)

    def _commit(self, entries: Sequence[Entry]) -> list[Outcome]:
        return again(lambda: self._commit_once(entries))

    def _commit_once(self, entries: Sequence[Entry]) -> list[Outcome]:
        claims = [entry.claim for entry in entries if entry.claim is not None]
        with self._database.transaction() as connection:
            earlier = iter(idempotency_keys.take(connection, claims, lasts=self._idempotency_lasts))
            outcomes = [_outcome(entry, next(earlier) if entry.claim is not None else None) for entry in entries]
            added = [email for outcome in outcomes for email in outcome.emails]
            emails.add(connection, added)
            note_moves(connection, added=added)
        return outcomes


def _outcome(entry: Entry, earlier: Remembered | None) -> Outcome:
    return Outcome(emails=entry.emails) if earlier is None else Outcome(earlier=earlier)
