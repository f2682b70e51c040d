"""What the entry point needs of a service whose requests all have the same path."""

from typing import Protocol

from simulator.http.refusals import Refusal
from simulator.http.server import Request, Response


class Service(Protocol):
    """SNS, SQS or STS."""

    def operation(self, request: Request) -> str:
        """Return AWS's name of what is asked for, empty when the request names none."""
        ...

    async def answer(self, request: Request) -> Response:
        """Return the answer to one request."""
        ...

    def refused(self, request: Request, refusal: Refusal) -> Response:
        """Return the answer that refuses the request, in the service's own shape and words."""
        ...
