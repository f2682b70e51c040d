"""The list as the people of the gateway look through it: live entries or past ones, by filter, paged or all of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.domain.apps.callers import Caller, Scope
from app.domain.suppression.rules import Origin
from app.services.paging import Page, Paged, every_page, paged
from app.services.suppression.disclosure import disclosed
from app.services.suppression.entries import Entry, read_target
from app.store.engine.database import Database
from app.store.suppression import pages
from app.store.suppression.pages import Filter

PIECE: Final = 1_000
"""Entries that are read in one short transaction where all are wanted."""

COUNTED: Final = 1_000
"""Up to so many entries are counted."""


class Part(StrEnum):
    """A part of the list: the live entries, those of them that wait for a decision or that end, or the past ones."""

    LIVE = "live"
    REVIEW = "review"
    EXPIRING = "expiring"
    PAST = "past"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which entries are wanted.

    `begins` is the beginning of an address; `@example.org` finds the entry of a whole domain. `domain` finds that entry
    and those of all addresses at the domain. `scope` is one scope; `app` stands for the scopes of an application, its
    own and those of its streams.
    """

    part: Part = Part.LIVE
    origin: Origin | None = None
    begins: str | None = None
    domain: str | None = None
    scope: str | None = None
    app: str | None = None


class Browse:
    """Looks through the list, for administrators."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def page(self, caller: Caller, wanted: Wanted, page: Page) -> Paged[Entry]:
        """One page, newest first; with `begins` in the order of the addresses.

        Raises `ValidationFailed` for a domain that no address can have.
        """
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            found = pages.page(connection, _filter(wanted), limit=page.limit + 1, after=page.after, before=page.before)
            rows = disclosed(connection, caller, found)
        return paged(tuple(map(Entry.of, rows)), page)

    def count(self, caller: Caller, wanted: Wanted) -> int | None:
        """How many entries there are; None for more than `COUNTED`."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            found = pages.count(connection, _filter(wanted), at_most=COUNTED + 1)
        return found if found <= COUNTED else None

    def each(self, caller: Caller, wanted: Wanted) -> Iterator[tuple[Entry, ...]]:
        """All entries in pieces, in the order of the pages. Raises `ValidationFailed` at once."""
        return every_page(lambda page: self.page(caller, wanted, page), lambda entry: entry.id, size=PIECE)


def _filter(wanted: Wanted) -> Filter:
    return Filter(
        origin=wanted.origin,
        prefix=wanted.begins.lower() if wanted.begins else None,
        domain=read_target(f"@{wanted.domain.strip().removeprefix('@')}", "/domain").key if wanted.domain else None,
        scope=wanted.scope,
        only_app=wanted.app,
        under_review=wanted.part is Part.REVIEW,
        expiring=wanted.part is Part.EXPIRING,
        past=wanted.part is Part.PAST,
    )
