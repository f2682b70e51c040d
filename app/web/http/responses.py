"""How an answer is written: compact JSON in UTF-8, times in RFC 3339 UTC, ids as text.

What an answer holds is said in `app.web.email_bodies` and `app.web.suppression_bodies`.
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


class Told(BaseModel):
    """A part of an answer. Members that were not given are left out; those that are null stay."""

    model_config = ConfigDict(frozen=True)

    def as_json(self) -> dict[str, Any]:
        """The JSON object that this is."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def answer(self) -> Response:
        """This as the answer to a request."""
        return Response(self.model_dump_json(by_alias=True, exclude_unset=True), mimetype="application/json")


Item = TypeVar("Item", bound=Told)


class Listed(Told, Generic[Item]):
    """One page of a list, and whether there is another in the same direction."""

    object: Literal["list"]
    data: list[Item]
    has_more: bool


def written(body: Any, *, status: int = 200) -> Response:
    """`body`, which is JSON already, as an answer."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status=status, mimetype="application/json")
