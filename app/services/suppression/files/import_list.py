"""Take a file into the suppression list: ours, or a vendor's; row by row a verdict, batch by batch a transaction.

It decides what becomes of each row beside what stands on the list, and never weakens that: an entry that lasts longer
or is stronger stays, and nobody who was taken off since comes back (promise 6). An import that was broken off is simply
run again: rows that are on the list already change nothing. Neither memory nor a transaction grows with the file.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.domain.callers import Caller, Scope
from app.domain.errors import Fault, ServiceUnavailable, ValidationFailed
from app.domain.file_text import UnreadableFile
from app.domain.list_files import ListFile, Reading
from app.domain.list_rows import Admission, BadRow, ListRow, Refused, RowVerdict, scope_in
from app.services.import_batch import Batch, Told
from app.store import audit, covered, suppression_bulk, suppressions
from app.store.db import Database, clock
from app.store.ids import new_id
from app.store.positives import Positives
from app.store.pseudonyms import Pseudonyms
from app.store.rehearsal import Rehearsal

BATCH: Final = 2_000
"""Rows of one transaction: about 0.1 s in which other writers of SQLite wait."""

_TRIES: Final = 5
_PAUSE_S: Final = 0.5

Tell = Callable[[Sequence[Told]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How to import. `fresh`: rows without a time are as new as today, and so bring back who was taken off."""

    reading: Reading = field(default_factory=Reading)
    dry_run: bool = False
    fresh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of a file: its format, and how many rows came to which verdict."""

    id: UUID
    format: str
    dry_run: bool
    rows: int
    counts: dict[RowVerdict, int]


@dataclass(slots=True, kw_only=True)
class _Run:
    """One import under way."""

    id: UUID
    caller: Caller
    how: How
    admission: Admission
    rehearsal: Rehearsal
    begun: bool = False


class ImportList:
    """Imports files into the list."""

    def __init__(
        self, *, database: Database, positives: Positives, pseudonyms: Pseudonyms, exempt_mailbox_simulator: bool
    ) -> None:
        self._database = database
        self._positives = positives
        self._pseudonyms = pseudonyms
        self._exempt = exempt_mailbox_simulator

    def __call__(self, caller: Caller, pieces: Iterable[bytes], how: How, *, tell: Tell) -> Imported:
        """Import a file as it comes, in pieces of some 64 KB; `tell` hears of each batch once it is on the list.

        Raises `ValidationFailed` where the file cannot be read on; what was told of before that stays on the list.
        """
        caller.require(Scope.SUPPRESSIONS_WRITE)
        how = replace(how, reading=_reading(how.reading, caller))
        admission = Admission(app=None if caller.is_admin else caller.app, exempt_mailbox_simulator=self._exempt)
        file = ListFile(pieces, how.reading)
        counts = dict.fromkeys(RowVerdict, 0)
        with Rehearsal() as rehearsal:
            run = _Run(id=new_id(), caller=caller, how=how, admission=admission, rehearsal=rehearsal)
            try:
                for rows in _batches(file):
                    told = self._take(run, rows, file.format)
                    for one in told:
                        counts[one.verdict] += 1
                    tell(told)
            except UnreadableFile as error:
                raise _unreadable(error, taken=0 if how.dry_run else sum(counts.values())) from error
        done = Imported(
            id=run.id, format=file.format.value, dry_run=how.dry_run, rows=sum(counts.values()), counts=counts
        )
        self._finish(run, done)
        return done

    def _take(self, run: _Run, rows: Sequence[ListRow | Refused], file_format: str) -> Sequence[Told]:
        """One batch, again when the database is away for a moment or somebody else was quicker with an address."""
        for remaining in reversed(range(_TRIES)):
            try:
                return self._rehearse(run, rows) if run.how.dry_run else self._write(run, rows, file_format)
            except ServiceUnavailable:
                if not remaining:
                    raise
                time.sleep(_PAUSE_S)
        raise AssertionError("the last try ends by itself")

    def _rehearse(self, run: _Run, rows: Sequence[ListRow | Refused]) -> Sequence[Told]:
        batch = Batch(rows, run.admission, fresh=run.how.fresh, pseudonym=self._pseudonyms)
        with self._database.reading() as connection:
            batch.decide(
                suppression_bulk.places(connection, batch.keys, lock=False),
                rehearsed=run.rehearsal.among(batch.keys),
                now=clock(connection),
            )
        run.rehearsal.put(batch.would_stand)
        return batch.told

    def _write(self, run: _Run, rows: Sequence[ListRow | Refused], file_format: str) -> Sequence[Told]:
        batch = Batch(rows, run.admission, fresh=run.how.fresh, pseudonym=self._pseudonyms)
        with self._database.transaction() as connection:
            if not run.begun:
                _audit(connection, run, "import", {"format": file_format})
            batch.decide(
                suppression_bulk.places(connection, batch.keys, lock=True), rehearsed={}, now=clock(connection)
            )
            entries = batch.entries(import_id=run.id)
            suppressions.end(connection, batch.ended)
            self._positives.add({entry.key for entry in entries})
            if suppression_bulk.put_all(connection, entries, actor=run.caller.actor):
                raise ServiceUnavailable("Somebody else put the same address on the list; repeat the import.")
            covered.cover_all(connection, batch.covered(entries), actor=run.caller.actor)
        run.begun = True
        return batch.told

    def _finish(self, run: _Run, done: Imported) -> None:
        if run.how.dry_run:
            return
        data = {"format": done.format, "rows": done.rows, **{name.value: count for name, count in done.counts.items()}}
        with self._database.transaction() as connection:
            _audit(connection, run, "imported", data)


def _reading(reading: Reading, caller: Caller) -> Reading:
    """The reading as far as this caller may have it: only an administrator's files bring evidence."""
    try:
        scope = None if reading.scope is None else scope_in(reading.scope)
    except BadRow as error:
        raise ValidationFailed(str(error), faults=(error.rule.fault("/scope"),)) from error
    return replace(reading, scope=scope, with_source=caller.is_admin)


def _batches(rows: Iterable[ListRow | Refused]) -> Iterator[list[ListRow | Refused]]:
    unread = iter(rows)
    while batch := list(islice(unread, BATCH)):
        yield batch


def _unreadable(error: UnreadableFile, *, taken: int) -> ValidationFailed:
    rest = f" The {taken} rows before it are done; repair the file and import it again." if taken else ""
    return ValidationFailed(f"{error}{rest}", faults=(Fault("", "unreadable_file", str(error)),))


def _audit(connection: Connection, run: _Run, action: str, data: dict[str, object]) -> None:
    audit.write(
        connection,
        actor=run.caller.actor,
        action=action,
        key=None,
        reason=None,
        data={"import": str(run.id), "scope": run.how.reading.scope, **data},
    )
