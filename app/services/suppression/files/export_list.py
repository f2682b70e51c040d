"""Give the suppression list out as a file that can be imported again, in constant memory, however long it is.

It decides who sees which entries: an application what concerns it, an administrator all, and the evidence too. An entry
that is live from the beginning of the export to its end is in the file once. What is added, replaced or lifted
meanwhile may be in it or not. Forgotten people are left out: their names mean nothing elsewhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from app.domain.callers import Caller, Scope
from app.domain.list_files import Exported, cells_of, header, written
from app.domain.pseudonym import is_pseudonym
from app.store.db import Database
from app.store.suppression_bulk import piece
from app.store.suppression_pages import Filter
from app.store.suppressions import Suppression

PIECE: Final = 2_000
"""Rows that are read in one short transaction."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the file, and how many entries it holds."""

    text: str
    entries: int


class ExportList:
    """Exports the list."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def __call__(self, caller: Caller, *, scope: str | None = None, origin: str | None = None) -> Iterator[Piece]:
        """The file, a piece at a time, its first line before all.

        Raises `RestrictedApiKey` at once, and `ServiceUnavailable` where the database is away, for the first piece at
        once: whoever was promised a file finds it short, never whole without an entry.
        """
        caller.require(Scope.SUPPRESSIONS_READ)
        wanted = Filter(origin=origin, scope=scope, app=None if caller.is_admin else caller.app)
        first, bound = self._read(wanted, after=None)
        return self._pieces(caller, wanted, first, bound)

    def _pieces(
        self, caller: Caller, wanted: Filter, entries: tuple[Suppression, ...], bound: UUID | None
    ) -> Iterator[Piece]:
        yield Piece(header(), 0)
        while True:
            told = [one for one in entries if not is_pseudonym(one.key)]
            yield Piece(written(cells_of(_exported(one, with_source=caller.is_admin)) for one in told), len(told))
            if bound is None:
                return
            entries, bound = self._read(wanted, after=bound)

    def _read(self, wanted: Filter, *, after: UUID | None) -> tuple[tuple[Suppression, ...], UUID | None]:
        with self._database.reading() as connection:
            return piece(connection, wanted, size=PIECE, after=after)


def _exported(entry: Suppression, *, with_source: bool) -> Exported:
    return Exported(
        email=entry.address,
        scope=entry.scope,
        origin=entry.origin,
        reason=entry.reason,
        created_at=entry.created_at,
        expires_at=entry.expires_at,
        source=entry.source if with_source else None,
    )
