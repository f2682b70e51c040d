"""Keyset pages: a limit, a row to start after or before, and whether there is more in that direction."""

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
class Paged(Generic[T]):
    """One page, newest first, and whether there is another one in the requested direction."""

    data: tuple[T, ...]
    has_more: bool


def paged(rows: tuple[T, ...], page: Page) -> Paged[T]:
    """The page, from up to one row more than its limit."""
    more = len(rows) > page.limit
    if page.before is not None:
        return Paged(rows[-page.limit :], more)
    return Paged(rows[: page.limit], more)
