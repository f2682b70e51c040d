"""Import a file into the suppression list: our own format or a vendor's; a verdict per row, a transaction per batch.

Each row is judged against what is on the list, and never weakens it: an entry that lasts longer or is stronger stays,
and an address that was unsuppressed since the row's date does not come back (promise 6). After an interruption, run
the import again: rows that are on the list already change nothing. Neither memory nor a transaction grows with the
file.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Fault, ServiceUnavailable, ValidationFailed
from app.domain.suppression.files.file_text import UnreadableFile
from app.domain.suppression.files.formats import ListFile, Reading
from app.domain.suppression.files.rows import Admission, BadRow, ListRow, Refused, RowVerdict, scope_in
from app.services.suppression.files.import_batch import Batch, RowResult
from app.services.suppression.list_writer import ListWriter
from app.store.engine.database import Database, clock
from app.store.engine.ids import new_id
from app.store.operating import audit
from app.store.privacy.pseudonyms import Pseudonyms
from app.store.suppression import bulk
from app.store.suppression.dry_run import Rehearsal

BATCH: Final = 2_000
"""Rows of one transaction: about 0.1 s in which other writers of SQLite wait."""

_TRIES: Final = 5
PAUSE_S: Final = 0.5

OnResults = Callable[[Sequence[RowResult]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How to import.

    `fresh`: rows without a time count as new today, and so suppress unsuppressed addresses again. Without
    `whole_domains` their rows are refused to administrators too. `reason` is kept in the audit.
    """

    reading: Reading = field(default_factory=Reading)
    dry_run: bool = False
    fresh: bool = False
    whole_domains: bool = True
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The result of an import: the format of the file, and how many rows got which verdict."""

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
    file: ListFile
    counts: dict[RowVerdict, int] = field(default_factory=lambda: dict.fromkeys(RowVerdict, 0))
    begun: bool = False

    def done(self) -> Imported:
        """The result so far."""
        return Imported(
            id=self.id,
            format=self.file.format.value,
            dry_run=self.how.dry_run,
            rows=sum(self.counts.values()),
            counts=self.counts,
        )


class ImportList:
    """Imports files into the list."""

    def __init__(
        self, *, database: Database, writer: ListWriter, pseudonyms: Pseudonyms, exempt_mailbox_simulator: bool
    ) -> None:
        self._database = database
        self._writer = writer
        self._pseudonyms = pseudonyms
        self._exempt = exempt_mailbox_simulator

    def __call__(self, caller: Caller, pieces: Iterable[bytes], how: How, *, report: OnResults) -> Imported:
        """Import a file from pieces of some 64 KB; `report` is called for each batch once it is on the list.

        Raises `ValidationFailed` where the file becomes unreadable: all rows before that are on the list, none after.
        """
        run = self._begin(caller, pieces, how)
        for results in self._each(run):
            report(results)
        return run.done()

    def steps(self, caller: Caller, pieces: Iterable[bytes], how: How) -> Iterator[Sequence[RowResult]]:
        """The same, a batch for each step: it goes on when the next one is asked for, and ends where none is.

        Raises what depends on the caller and on `how` at once.
        """
        return self._each(self._begin(caller, pieces, how))

    def _begin(self, caller: Caller, pieces: Iterable[bytes], how: How) -> _Run:
        caller.require(Scope.SUPPRESSIONS_WRITE)
        how = replace(how, reading=_reading(how.reading, caller))
        admission = Admission(
            app=None if caller.is_admin else caller.app,
            whole_domains=caller.is_admin and how.whole_domains,
            exempt_mailbox_simulator=self._exempt,
        )
        return _Run(id=new_id(), caller=caller, how=how, admission=admission, file=ListFile(pieces, how.reading))

    def _each(self, run: _Run) -> Iterator[Sequence[RowResult]]:
        with Rehearsal() as rehearsal:
            try:
                for rows in _batches(run.file):
                    results = self._take(run, rehearsal, rows)
                    for one in results:
                        run.counts[one.verdict] += 1
                    yield results
            except UnreadableFile as error:
                raise _unreadable(error, taken=0 if run.how.dry_run else run.done().rows) from error
        self._finish(run, run.done())

    def _take(self, run: _Run, rehearsal: Rehearsal, rows: Sequence[ListRow | Refused]) -> Sequence[RowResult]:
        """Import one batch; try again when the database is briefly away or another writer put one of its addresses."""
        for remaining in reversed(range(_TRIES)):
            try:
                return self._rehearse(run, rehearsal, rows) if run.how.dry_run else self._write(run, rows)
            except ServiceUnavailable:
                if not remaining:
                    raise
                time.sleep(PAUSE_S)
        raise AssertionError("the last try ends by itself")

    def _rehearse(self, run: _Run, rehearsal: Rehearsal, rows: Sequence[ListRow | Refused]) -> Sequence[RowResult]:
        batch = Batch(rows, run.admission, fresh=run.how.fresh, pseudonym=self._pseudonyms)
        with self._database.reading() as connection:
            batch.decide(
                bulk.places(connection, batch.keys, lock=False),
                rehearsed=rehearsal.among(batch.keys),
                now=clock(connection),
            )
        rehearsal.put(batch.would_stand)
        return batch.results

    def _write(self, run: _Run, rows: Sequence[ListRow | Refused]) -> Sequence[RowResult]:
        batch = Batch(rows, run.admission, fresh=run.how.fresh, pseudonym=self._pseudonyms)
        with self._database.transaction() as connection:
            if not run.begun:
                _audit(connection, run, "import", {"format": run.file.format})
            batch.decide(bulk.places(connection, batch.keys, lock=True), rehearsed={}, now=clock(connection))
            entries = batch.entries(import_id=run.id)
            covered = batch.covered(entries)
            actor = run.caller.actor
            if self._writer.put_all(connection, entries, ended=batch.ended, covered=covered, actor=actor):
                raise ServiceUnavailable("Another writer put the same address on the list; repeat the import.")
        run.begun = True
        return batch.results

    def _finish(self, run: _Run, done: Imported) -> None:
        if run.how.dry_run:
            return
        data = {"format": done.format, "rows": done.rows, **{name.value: count for name, count in done.counts.items()}}
        with self._database.transaction() as connection:
            _audit(connection, run, "imported", data)


def _reading(reading: Reading, caller: Caller) -> Reading:
    """The settings for reading as far as this caller may use them: evidence is read only for an administrator."""
    try:
        scope = None if reading.scope is None else scope_in(reading.scope)
    except BadRow as error:
        raise ValidationFailed(str(error), faults=(error.rule.fault("/scope"),)) from error
    return replace(reading, scope=scope, with_source=caller.is_admin)


def _batches(rows: Iterable[ListRow | Refused]) -> Iterator[list[ListRow | Refused]]:
    """Batches of rows. Where the file becomes unreadable, yields the rows before that, and then raises."""
    unread, broken = iter(rows), None
    while broken is None:
        batch: list[ListRow | Refused] = []
        try:
            batch.extend(islice(unread, BATCH))
        except UnreadableFile as error:
            broken = error
        if batch:
            yield batch
        elif broken is None:
            return
    raise broken


def _unreadable(error: UnreadableFile, *, taken: int) -> ValidationFailed:
    done = f" The {taken} rows before it are done, and none after it; repair the file and import it again."
    rest = done if taken else ""
    return ValidationFailed(f"{error}{rest}", faults=(Fault("", "unreadable_file", str(error)),))


def _audit(connection: Connection, run: _Run, action: str, data: dict[str, object]) -> None:
    audit.write(
        connection,
        actor=run.caller.actor,
        action=action,
        key=None,
        reason=run.how.reason,
        data={"import": str(run.id), "scope": run.how.reading.scope, **data},
    )
