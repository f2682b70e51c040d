"""Export the suppression list as a file that can be imported again, in constant memory, however long it is.

This module decides who gets which entries: an application gets those that it may see; an administrator gets all, with
the evidence. What servers replied to the emails of another application is in no application's file. An entry that is
live from the beginning of the export to its end is in the file once. One that is added, replaced or unsuppressed
meanwhile may be in it or not. Forgotten people are left out: their pseudonyms mean nothing elsewhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from app.domain.apps.callers import Caller, Scope
from app.domain.csv_text import written
from app.domain.privacy.pseudonym import is_pseudonym
from app.domain.suppression.files.formats import Exported, cells_of, header
from app.services.suppression.disclosure import Disclosed, disclosed
from app.store.engine.database import Database
from app.store.suppression.bulk import piece
from app.store.suppression.pages import Filter

PIECE: Final = 2_000
"""Rows that are read in one short transaction."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the file, and how many entries it has."""

    text: str
    entries: int


class ExportList:
    """Exports the list."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def __call__(self, caller: Caller, *, scope: str | None = None, origin: str | None = None) -> Iterator[Piece]:
        """The file in pieces, beginning with its header line.

        Raises `RestrictedApiKey` at once, and `ServiceUnavailable` when the database is away: at once for the first
        piece, later while the pieces are read. A file may be cut short, but it never looks complete with an entry
        missing.
        """
        caller.require(Scope.SUPPRESSIONS_READ)
        wanted = Filter(origin=origin, scope=scope, app=None if caller.is_admin else caller.app)
        first, bound = self._read(caller, wanted, after=None)
        return self._pieces(caller, wanted, first, bound)

    def _pieces(
        self, caller: Caller, wanted: Filter, entries: tuple[Disclosed, ...], bound: UUID | None
    ) -> Iterator[Piece]:
        yield Piece(header(), 0)
        while True:
            shown = [one for one in entries if not is_pseudonym(one.key)]
            yield Piece(written(cells_of(_exported(one, with_source=caller.is_admin)) for one in shown), len(shown))
            if bound is None:
                return
            entries, bound = self._read(caller, wanted, after=bound)

    def _read(self, caller: Caller, wanted: Filter, *, after: UUID | None) -> tuple[tuple[Disclosed, ...], UUID | None]:
        with self._database.reading() as connection:
            entries, bound = piece(connection, wanted, size=PIECE, after=after)
            return disclosed(connection, caller, entries), bound


def _exported(entry: Disclosed, *, with_source: bool) -> Exported:
    return Exported(
        email=entry.address,
        scope=entry.scope,
        origin=entry.origin,
        reason=entry.reason,
        created_at=entry.created_at,
        expires_at=entry.expires_at,
        source=entry.source if with_source else None,
    )
