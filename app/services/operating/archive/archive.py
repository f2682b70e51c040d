"""Move old emails to files: write each batch to the disk, and delete it in the transaction that read it.

The same emails may be archived that the sweep `old_emails` may delete: they have ended, and their bodies are erased.
What the suppression list needs of their events stays in the database as well.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Fault, ValidationFailed
from app.services.operating.retention import needed
from app.store.engine.database import Database, clock
from app.store.operating import audit
from app.store.operating.archive_files import DayFile, days, held
from app.store.submission import archived_emails, old_emails

_BATCH: Final = 200
YOUNGEST: Final = timedelta(days=60)
"""As the shortest retention of emails: links to unsubscribe work until then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many rows were moved, or are in an archive."""

    emails: int = 0
    recipients: int = 0
    attempts: int = 0
    events: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DayChecked:
    """One day of an archive: what its manifest counts, and what is wrong with its files, or None."""

    day: str
    counts: Counts
    fault: str | None


class Archive:
    """Moves emails that were accepted at least `youngest` ago, `batch` in a transaction."""

    def __init__(self, *, database: Database, youngest: timedelta, batch: int = _BATCH) -> None:
        self._database = database
        self._youngest = youngest
        self._batch = batch

    def write(
        self, caller: Caller, directory: Path, *, before: datetime, progress: Callable[[int], None] = lambda _: None
    ) -> Counts:
        """Move all emails that were accepted before then. It may be interrupted at any moment and called again.

        The first batch that is deleted is in the audit, as `archive`, by the same transaction; what the whole run has
        moved, as `archived`. `progress` gets how many emails were moved so far. Raises `ValidationFailed` if emails of
        that time are still needed, and `Conflict` if another process writes to the same directory.
        """
        caller.require(Scope.ADMIN)
        with held(directory):
            with self._database.transaction() as connection:
                self._require_old(before, clock(connection))
            self._undo_what_was_not_deleted(directory)
            moved, after = Counts(), None
            while True:
                with self._database.transaction() as connection:
                    batch, after = self._move(connection, directory, before, after)
                    if batch.emails and not moved.emails:
                        _audit(connection, caller, "archive", before)
                    moved = added(moved, batch)
                    if after is None and moved.emails:
                        _audit(connection, caller, "archived", before, **asdict(moved))
                progress(moved.emails)
                if after is None:
                    return moved

    def _require_old(self, before: datetime, now: datetime) -> None:
        if before > now - self._youngest:
            why = (
                f"Emails are needed for {self._youngest.days} days: links to unsubscribe work as long as their "
                "email is kept, and events of SES may come for 15 days. Give a date before that."
            )
            raise ValidationFailed(why, faults=(Fault("/before", "too_fresh", why),))

    def _move(
        self, connection: Connection, directory: Path, before: datetime, after: UUID | None
    ) -> tuple[Counts, UUID | None]:
        """Move the next batch. How many rows, and the last email that was looked at; None if there are no more."""
        moved = Counts()
        old = old_emails.lock(connection, accepted_before=before, after=after, limit=self._batch)
        if old is None:
            return moved, None
        by_day: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for email in archived_emails.read(connection, old.emails):
            by_day[f"{email['created_at']:%Y-%m-%d}"].append(email)
        told = old_emails.events_by_address(connection, old.recipients)
        keep = needed(connection, told)
        for day, emails in by_day.items():
            moved = added(moved, DayFile(directory, day).append(emails))
        old_emails.delete_all(connection, old, keep_events=keep)
        return moved, old.last

    def _undo_what_was_not_deleted(self, directory: Path) -> None:
        """Cut off what a run wrote whose transaction did not commit. Only the last part of a day can be of such a one.

        PostgreSQL may still commit the transaction of a process that was killed, so its end is waited for.
        Its emails are written again, as they are now: a person may have been forgotten since. If the sweep `old_emails`
        has deleted some of them, the part stays, so that none is lost, and the others are in the files twice.
        """
        for day in days(directory):
            file = DayFile(directory, day)
            parts = file.parts()
            if parts:
                ids = [UUID(one) for one in file.ids_of(parts[-1])]
                with self._database.transaction() as connection:
                    if archived_emails.all_are_there(connection, ids):
                        parts.pop()
            file.keep(parts)


def _audit(connection: Connection, caller: Caller, action: str, before: datetime, **moved: int) -> None:
    data = {"before": before.isoformat(), **moved}
    audit.write(connection, actor=caller.actor, action=action, key=None, reason=None, data=data)


def verify(directory: Path) -> list[DayChecked]:
    """Check every byte of an archive against its manifests. While it is written to, it may seem at fault."""
    found = []
    for day in days(directory):
        file, counts = DayFile(directory, day), Counts()
        for part in file.parts():
            counts = added(counts, part)
        found.append(DayChecked(day=day, counts=counts, fault=file.fault()))
    return found


def added(counts: Counts, more: Any) -> Counts:
    """The sum of both; `more` counts the same kinds of rows."""
    return Counts(**{one.name: getattr(counts, one.name) + getattr(more, one.name) for one in fields(Counts)})
