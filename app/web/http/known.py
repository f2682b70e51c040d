"""JSON objects and query strings of which every field is known, and the query of a page.

What is not known is refused, never ignored: what a caller asked for and did not get would be found out too late.
"""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from app.services.paging import Page
from app.web.http.fields import IntegerText


class Known(BaseModel):
    """A JSON object or a query string in which unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NoQuery(Known):
    """A request without a query string."""


class PageQuery(Known):
    """Which page of a list: `limit` entries, after or before the entry of that id."""

    limit: Annotated[IntegerText, Field(ge=1, le=100)] = 20
    after: UUID | None = None
    before: UUID | None = None

    @model_validator(mode="after")
    def _one_direction(self) -> "PageQuery":
        if self.after is not None and self.before is not None:
            raise PydanticCustomError("one_of", "Give after or before, not both.")
        return self

    def page(self) -> Page:
        """The page as the services take it."""
        return Page(limit=self.limit, after=self.after, before=self.before)
