"""Lists of SNS, a hundred entries at a time."""

from collections.abc import Sequence
from typing import TypeVar

from simulator.http.query import Fields, element
from simulator.sns.errors import invalid_parameter

PAGE = 100

One = TypeVar("One")


def page(found: Sequence[One], fields: Fields) -> tuple[Sequence[One], str]:
    """Return the page that is asked for, and the XML of the token for the next one. Raises SnsError."""
    token = fields.get("NextToken") or "0"
    if not token.isdecimal():
        raise invalid_parameter("NextToken")
    start = int(token)
    further = element("NextToken", str(start + PAGE)) if start + PAGE < len(found) else ""
    return found[start : start + PAGE], further
