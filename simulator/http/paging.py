"""Lists of SES, as many entries at a time as the caller asks for."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from simulator.ses.errors import SesError, bad_request

LARGEST_PAGE = 1000

One = TypeVar("One")


def page(found: Sequence[One], asked: Mapping[str, Any]) -> tuple[Sequence[One], dict[str, str]]:
    """Return the page that `PageSize` and `NextToken` ask for, and the token for the next one. Raises SesError."""
    size, token = asked.get("PageSize") or LARGEST_PAGE, asked.get("NextToken") or "0"
    if not isinstance(size, int) or not 0 < size <= LARGEST_PAGE:
        raise bad_request(f"PageSize must be 1 to {LARGEST_PAGE}.")
    if not str(token).isdecimal():
        raise SesError(400, "InvalidNextTokenException", "The specified next token is not valid.")
    start = int(token)
    further = {"NextToken": str(start + size)} if start + size < len(found) else {}
    return found[start : start + size], further
