"""The only writer of the suppression list: every new entry, every change and every removal goes through here.

It keeps the list and the filter in Redis in step: a name is added to the positives before its entry commits, and is
removed from them after the removal of the entry has committed. A positive that is left over costs acceptance one query
in SQL. When one is missing, acceptance takes an email that the claim then refuses. So a name stays in Redis while an
entry of it is live, and while SQL cannot be asked.

It also tells the endpoints of applications what changed, except for the entries of a file that is imported.

This module does not decide what suppresses. The caller owns the transaction, holds the locks of docs/adr/0034, and
writes the audit. The store notes every change in the history of its entry, in the same transaction.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from app.domain.errors import ServiceUnavailable
from app.domain.suppression.rules import Change
from app.services.outbox import tell_of_entries
from app.store.engine.database import Database
from app.store.suppression import bulk, covered_unsubscribes, ses_removals, suppressions
from app.store.suppression.bulk import BulkEntry, PlaceName
from app.store.suppression.covered_unsubscribes import Unsubscription
from app.store.suppression.positive_cache import Positives
from app.store.suppression.suppressions import NewSuppression, Suppression

_AT_ONCE: Final = 1_000


class ListWriter:
    """Writes the list, and keeps Redis in step with it."""

    def __init__(self, *, database: Database, positives: Positives) -> None:
        self._database = database
        self._positives = positives

    def put(self, connection: Connection, new: NewSuppression) -> tuple[Suppression, bool]:
        """Put an entry: the live entry of this key and scope afterwards, and whether it is the new one."""
        [put] = self.put_each(connection, [new])
        return put

    def put_each(self, connection: Connection, new: Sequence[NewSuppression]) -> list[tuple[Suppression, bool]]:
        """As `put` for each, in the order of keys and scopes: every writer locks entries in this order."""
        self._remember(one.key for one in new)
        put = [suppressions.put(connection, one) for one in sorted(new, key=lambda one: (one.key, one.scope))]
        tell_of_entries(connection, Change.ADDED, [entry for entry, is_new in put if is_new])
        return put

    def put_all(
        self,
        connection: Connection,
        entries: Collection[BulkEntry],
        *,
        ended: Sequence[Suppression],
        covered: Iterable[Unsubscription],
        actor: str,
    ) -> set[PlaceName]:
        """Put many entries in few statements; return the places that another transaction took meanwhile.

        `ended`: entries that have expired and make room. `covered`: unsubscriptions to be kept under stronger entries.
        """
        suppressions.end(connection, ended)
        self._remember(entry.key for entry in entries)
        taken = bulk.put_all(connection, entries, actor=actor)
        covered_unsubscribes.cover_all(connection, covered, actor=actor)
        return taken

    def restore(self, connection: Connection, tombstone: Suppression, *, actor: str, reason: str) -> Suppression | None:
        """Make an unsuppressed entry live again and return it; None where another entry is live in its place."""
        self._remember([tombstone.key])
        restored = suppressions.restore(connection, tombstone, actor=actor, reason=reason)
        tell_of_entries(connection, Change.RESTORED, [restored] if restored else [])
        return restored

    def unsuppress(
        self, connection: Connection, entry_ids: Sequence[UUID], *, actor: str, reason: str, at_ses_too: bool = True
    ) -> tuple[Suppression, ...]:
        """Unsuppress live entries, and return them. After the commit, `evict` their names."""
        removed = suppressions.unsuppress(connection, entry_ids, actor=actor, reason=reason, at_ses_too=at_ses_too)
        tell_of_entries(connection, Change.REMOVED, removed)
        return removed

    def withdraw(self, connection: Connection, entry_ids: Sequence[UUID], *, actor: str, reason: str) -> None:
        """Take back the unsubscriptions that these entries cover."""
        covered_unsubscribes.withdraw(connection, entry_ids, actor=actor, reason=reason)

    def expire(self, connection: Connection, *, limit: int) -> tuple[Suppression, ...]:
        """End up to `limit` entries that have expired, and return them. After the commit, `evict` their names."""
        expired = suppressions.expire(connection, limit=limit)
        tell_of_entries(connection, Change.EXPIRED, expired)
        return expired

    def prolong(
        self,
        connection: Connection,
        entry_id: UUID,
        *,
        expires_at: datetime | None,
        reason: str,
        source: Mapping[str, Any],
    ) -> None:
        """Give a live entry another end (None is never), with a reason and a source."""
        suppressions.prolong(connection, entry_id, expires_at=expires_at, reason=reason, source=dict(source))

    def put_under_review(
        self, connection: Connection, entry_ids: Sequence[UUID], *, review_id: UUID, reason: str
    ) -> tuple[Suppression, ...]:
        """Let live entries wait for a person's decision, and return those that were not waiting for it yet."""
        waiting = suppressions.put_under_review(connection, entry_ids, review_id=review_id, reason=reason)
        tell_of_entries(connection, Change.REVIEW, waiting)
        return waiting

    def confirm(
        self, connection: Connection, entry_ids: Sequence[UUID], *, actor: str, reason: str
    ) -> tuple[Suppression, ...]:
        """Confirm live entries that waited for a decision, so that they stay, and return them."""
        return suppressions.confirm(connection, entry_ids, actor=actor, reason=reason)

    def note_ses_removal(self, connection: Connection, entry_ids: Sequence[UUID]) -> None:
        """Note that the addresses of these tombstones are off SES's account list."""
        ses_removals.note_done(connection, entry_ids)

    def remember_live(self, connection: Connection, *names: str) -> None:
        """Add those of these names that have live entries to the positives: an entry may have moved to another name."""
        if live := suppressions.live(connection, *names):
            self._remember(one.key for one in live)

    def evict(self, names: Iterable[str]) -> None:
        """Remove these names from Redis after the commit, except names that are live or were suppressed again."""
        distinct = list(dict.fromkeys(names))
        for start in range(0, len(distinct), _AT_ONCE):
            some = distinct[start : start + _AT_ONCE]
            over = sorted(set(some) - self._live(some))
            self._positives.remove(over)
            self._positives.add(sorted(self._live(over)))

    def _remember(self, keys: Iterable[str]) -> None:
        """Add the keys to the positives before the commit, so that acceptance asks SQL as soon as it is committed."""
        self._positives.add(dict.fromkeys(keys))

    def _live(self, names: Sequence[str]) -> set[str]:
        """The names that have a live entry; all of them when SQL is away."""
        if not names:
            return set()
        try:
            with self._database.reading() as connection:
                return {entry.key for entry in suppressions.live(connection, *names)}
        except ServiceUnavailable:
            return set(names)
