"""Keyset pages: a limit, a row to start after or before, and whether there is more in that direction."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page:
    """The requested page: at most `limit` rows older than `after`, or newer than `before`."""

    limit: int
    after: UUID | None = None
    before: UUID | None = None


@dataclass(frozen=True, slots=True)
class PageByName:
    """The same of a list by name: at most `limit` rows whose names come after `after`, or before `before`."""

    limit: int
    after: str | None = None
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Paged(Generic[T]):
    """One page in the order of its list, and whether there is another one in the requested direction."""

    data: tuple[T, ...]
    has_more: bool


def paged(rows: tuple[T, ...], page: Page | PageByName) -> Paged[T]:
    """The page, from up to one row more than its limit."""
    more = len(rows) > page.limit
    if page.before is not None:
        return Paged(rows[-page.limit :], more)
    return Paged(rows[: page.limit], more)


def every_page(
    read: Callable[[Page], Paged[T]], id_of: Callable[[T], UUID], *, size: int = 500
) -> Iterator[tuple[T, ...]]:
    """All rows of a list, a page at a time; each is read when it is needed.

    The first page is read at once, so that what it raises comes before an answer has begun.
    """
    return _pages(read, id_of, read(Page(limit=size)), size)


def _pages(
    read: Callable[[Page], Paged[T]], id_of: Callable[[T], UUID], found: Paged[T], size: int
) -> Iterator[tuple[T, ...]]:
    yield found.data
    while found.has_more:
        found = read(Page(limit=size, after=id_of(found.data[-1])))
        yield found.data
