"""The commit of step 1: single emails that wait for one at the same moment share a transaction.

This module decides which emails of a request are kept, and whether its idempotency key was used before.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from app.domain.apps.limits import Limits
from app.domain.reporting.counted import Counted
from app.domain.sending.state_machine import State
from app.services.apps.spend_limits import Spending, spend_limits
from app.services.deadlock_retry import again
from app.services.group_commit import Committed, GroupCommit
from app.services.moves import note_moves
from app.services.submission.supersede import Superseded, supersede
from app.services.tally import ACCEPTED
from app.store.engine.database import Database
from app.store.sending import recipients
from app.store.submission import emails, idempotency_keys, single_emails
from app.store.submission.emails import NewEmail
from app.store.submission.idempotency_keys import Claim, Remembered
from app.store.submission.single_emails import Single

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """The emails of one request, its claim to the idempotency key that came with it, and its application's limits.

    The claim has the answer of emails that supersede none; `answer` makes that of emails that do.
    """

    emails: tuple[NewEmail, ...]
    claim: Claim | None
    answer: Callable[[Superseded], Json]
    limits: Limits | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one request: its `emails` were kept and `superseded` others, or it was answered `earlier`."""

    earlier: Remembered | None = None
    emails: tuple[NewEmail, ...] = ()
    superseded: Superseded = field(default_factory=dict)


class Keep:
    """Commits requests. One per process, for all its threads."""

    def __init__(self, *, database: Database, idempotency_lasts: timedelta) -> None:
        self._database = database
        self._idempotency_lasts = idempotency_lasts
        self._single: GroupCommit[Entry, Outcome] = GroupCommit(self._commit_single)
        self._at_once: GroupCommit[Entry, Outcome] = GroupCommit(self._commit)
        # Where a limit refuses an email, or a count or an older email is waited for, no other email waits or fails.
        self._waiting: GroupCommit[Entry, Outcome] = GroupCommit(self._commit)

    @property
    def waiting(self) -> int:
        """How many requests wait for the commits that are under way."""
        return sum(group.waiting for group in (self._single, self._at_once, self._waiting))

    def __call__(self, entry: Entry) -> Committed[Outcome]:
        """The committed outcome: its emails and the answer under its key. A batch gets its own transaction.

        Raises `RateLimitExceeded`, `ConcurrentIdempotentRequests` and `ServiceUnavailable`, and the database's error
        for rows that it refuses.
        """
        if self._database.on_postgres and _is_single(entry):
            return self._single(entry)
        waits = entry.limits is not None or any(email.supersedes is not None for email in entry.emails)
        group = self._waiting if waits else self._at_once
        return group(entry) if len(entry.emails) == 1 else group.alone(entry)

    def _commit_single(self, entries: Sequence[Entry]) -> list[Outcome]:
        """Commit entries that are single. One whose key is taken gets its answer in a transaction."""
        singles = [_single(entry) for entry in entries]
        with self._database.by_statement() as cursor:
            kept = single_emails.add(cursor, singles, lasts=self._idempotency_lasts)
        return [
            Outcome(emails=entry.emails) if added else self._commit([entry])[0]
            for entry, added in zip(entries, kept, strict=True)
        ]

    def _commit(self, entries: Sequence[Entry]) -> list[Outcome]:
        return again(lambda: self._commit_once(entries))

    def _commit_once(self, entries: Sequence[Entry]) -> list[Outcome]:
        claims = [entry.claim for entry in entries if entry.claim is not None]
        with self._database.transaction() as connection:
            earlier = iter(idempotency_keys.take(connection, claims, lasts=self._idempotency_lasts))
            outcomes = [_outcome(entry, next(earlier) if entry.claim is not None else None) for entry in entries]
            spend_limits(connection, [*_spendings(entries, outcomes)])
            added = [email for outcome in outcomes for email in outcome.emails]
            emails.add(connection, added)
            found = supersede(connection, added)
            recipients.save(connection, [move.after for move in found.moves])
            if found.superseded:
                outcomes = [_with_superseded(outcome, found.superseded) for outcome in outcomes]
                outcomes = _with_new_answers(entries, outcomes, _store_answers(connection, entries, outcomes))
            note_moves(connection, found.moves, added=added)
        return outcomes


def _is_single(entry: Entry) -> bool:
    """Whether it is one email to one recipient that is due at once, without limits and `supersedes`: most posts are.

    No event of a webhook reports it, and it is counted.
    """
    if entry.limits is not None or len(entry.emails) != 1:
        return False
    (email,) = entry.emails
    states = [recipient.state for recipient in email.recipients]
    return states == [State.QUEUED] and email.supersedes is None and not email.is_test


def _single(entry: Entry) -> Single:
    (email,) = entry.emails
    return Single(email, entry.claim, counted=Counted.ACCEPTED.value, tallied=ACCEPTED)


def _outcome(entry: Entry, earlier: Remembered | None) -> Outcome:
    return Outcome(emails=entry.emails) if earlier is None else Outcome(earlier=earlier)


def _with_superseded(outcome: Outcome, superseded: Superseded) -> Outcome:
    own = {email.id: superseded[email.id] for email in outcome.emails if email.id in superseded}
    return replace(outcome, superseded=own)


def _store_answers(
    connection: Connection, entries: Sequence[Entry], outcomes: Sequence[Outcome]
) -> dict[tuple[UUID, str], Json]:
    """Replace the answers of requests that superseded emails: a repetition has to name them too. The new ones."""
    stored = {}
    for entry, outcome in zip(entries, outcomes, strict=True):
        if entry.claim is not None and outcome.superseded:
            answer = stored[entry.claim.app_id, entry.claim.key] = entry.answer(outcome.superseded)
            idempotency_keys.replace_answer(connection, entry.claim, answer)
    return stored


def _with_new_answers(
    entries: Sequence[Entry], outcomes: Sequence[Outcome], stored: Mapping[tuple[UUID, str], Json]
) -> list[Outcome]:
    """The outcomes; a repetition in the same commit gets the answer that took the place of the first one."""
    return [_repeated(entry, outcome, stored) for entry, outcome in zip(entries, outcomes, strict=True)]


def _repeated(entry: Entry, outcome: Outcome, stored: Mapping[tuple[UUID, str], Json]) -> Outcome:
    if outcome.earlier is None or entry.claim is None:
        return outcome
    answer = stored.get((entry.claim.app_id, entry.claim.key), outcome.earlier.answer)
    return replace(outcome, earlier=replace(outcome.earlier, answer=answer))


def _spendings(entries: Sequence[Entry], outcomes: Sequence[Outcome]) -> Iterator[Spending]:
    """What the entries spend of limits. An entry that was answered earlier adds no emails, and spends nothing."""
    for entry, outcome in zip(entries, outcomes, strict=True):
        if entry.limits is not None and outcome.emails:
            recipients = sum(len(email.recipients) for email in outcome.emails)
            yield Spending(outcome.emails[0].app_id, entry.limits, recipients)
