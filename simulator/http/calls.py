"""One call to an API of the simulator, and the route to the handler that answers it."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from simulator.http.server import Request, Response
from simulator.ses.errors import bad_request

ANSWERED = "answered"


@dataclass(slots=True, kw_only=True)
class Call:
    """A request with the parameters of its path, decoded.

    `mode` says how the caller learns of an acceptance: `answered`, or the name of the fault that strikes afterwards.
    """

    request: Request
    parameters: Mapping[str, str]
    mode: str = ANSWERED

    def content(self) -> dict[str, Any]:
        """Return the JSON object of the body. Raises SesError."""
        try:
            content = self.request.json()
        except ValueError:
            raise bad_request("Request body is not valid JSON.") from None
        if not isinstance(content, dict):
            raise bad_request("Request body is not a JSON object.")
        return content


Answer = Callable[[Call], Awaitable[Response | None]]
"""Answers a call; None closes the connection without an answer."""


@dataclass(frozen=True, slots=True)
class Route:
    """`path` may hold `{Name}` for one segment; `operation` is AWS's name for it."""

    method: str
    path: str
    operation: str
    answer: Answer

    def pattern(self) -> re.Pattern[str]:
        """Return the pattern of the whole path."""
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path))
