"""The audit for people: who changed what, when and why, newest first."""

from collections.abc import Iterator
from typing import Final

from app.domain.apps.callers import Caller, Scope
from app.services.paging import Page, Paged, every_page, paged
from app.store.engine.database import Database
from app.store.operating import audit
from app.store.operating.audit import Entry, Sought

__all__ = ["Entry", "ReadAudit", "Sought"]

_PIECE: Final = 1_000


class ReadAudit:
    """Reads the audit, for admins."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def page(self, caller: Caller, sought: Sought, page: Page) -> Paged[Entry]:
        """One page of the entries that are sought."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            rows = audit.page(connection, sought, limit=page.limit + 1, after=page.after, before=page.before)
        return paged(rows, page)

    def all(self, caller: Caller, sought: Sought) -> Iterator[tuple[Entry, ...]]:
        """All entries that are sought, a piece at a time: no transaction is open while a piece is used."""
        return every_page(lambda page: self.page(caller, sought, page), lambda entry: entry.id, size=_PIECE)
