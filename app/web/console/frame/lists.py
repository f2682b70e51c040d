"""Lists of the console: the page of a list that a URL asks for, and the URLs of its neighbours."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self, TypeVar
from uuid import UUID

from flask import url_for
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.services.paging import Page, PageByName, Paged
from app.web.console.frame.forms import Form

T = TypeVar("T")
ROWS: Final = 50


class ListQuery(Form):
    """Which page of a list: the rows after or before the row of that id."""

    after: UUID | None = None
    before: UUID | None = None

    @model_validator(mode="after")
    def _one_direction(self) -> Self:
        if self.after is not None and self.before is not None:
            raise PydanticCustomError("one_of", "Give after or before, not both.")
        return self

    def page(self) -> Page:
        """The page as the services take it."""
        return Page(limit=ROWS, after=self.after, before=self.before)


class ByNameQuery(Form):
    """Which page of a list by name: the rows after or before this name."""

    after: Annotated[str, Field(max_length=64)] | None = None
    before: Annotated[str, Field(max_length=64)] | None = None

    def page(self) -> PageByName:
        """The page as the services take it."""
        return PageByName(limit=ROWS, after=self.after, before=self.before)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The URLs of the pages with newer and with older rows, or None."""

    newer: str | None
    older: str | None


def neighbours(
    endpoint: str, query: ListQuery | ByNameQuery, found: Paged[T], id_of: Callable[[T], UUID | str], **path: Any
) -> Neighbours:
    """The pages before and after the one that `query` asked for, with the same filters."""
    rows: Sequence[T] = found.data
    kept = {**path, **filters_of(query)}
    is_newer = found.has_more if query.before else query.after is not None
    is_older = True if query.before else found.has_more
    return Neighbours(
        newer=url_for(endpoint, **kept, before=id_of(rows[0])) if rows and is_newer else None,
        older=url_for(endpoint, **kept, after=id_of(rows[-1])) if rows and is_older else None,
    )


def filters_of(query: ListQuery | ByNameQuery) -> Mapping[str, Any]:
    """The filters of a list, for a URL."""
    return query.model_dump(mode="json", exclude={"after", "before"}, exclude_defaults=True)
