"""How a response is written: compact JSON in UTF-8, times in RFC 3339 UTC, ids as text.

Their fields are in `app.web.submission.email_views` and `app.web.suppression.suppression_views`.
"""

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from flask import Response
from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


Moment = Annotated[
    datetime, PlainSerializer(_rfc3339, return_type=str), WithJsonSchema({"type": "string", "format": "date-time"})
]


class View(BaseModel):
    """A JSON object of a response. Fields that were not set are left out; fields that are null stay."""

    model_config = ConfigDict(frozen=True)

    def as_json(self) -> dict[str, Any]:
        """This object as JSON-compatible values."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def answer(self) -> Response:
        """This object as a response."""
        return Response(self.model_dump_json(by_alias=True, exclude_unset=True), mimetype="application/json")


Item = TypeVar("Item", bound=View)


class Listed(View, Generic[Item]):
    """One page of a list, and whether there is another in the same direction."""

    object: Literal["list"]
    data: list[Item]
    has_more: bool


def written(body: Any, *, status: int = 200) -> Response:
    """A response with `body`, which holds JSON-compatible values."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status=status, mimetype="application/json")
