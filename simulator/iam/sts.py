"""STS's GetCallerIdentity: in which account a caller is, and as whom.

https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from simulator.http.query import QueryError, element, result
from simulator.http.server import Request, Response
from simulator.http.signature_shape import is_signed, out_of_time
from simulator.iam.callers import caller_arn

VERSION = "2011-06-15"
NAMESPACE = f"https://sts.amazonaws.com/doc/{VERSION}/"
USER_ID = "AIDASIMULATOREXAMPLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class StsApi:
    """The one action that anybody may call."""

    account_id: str
    clock: Callable[[], datetime]

    async def answer(self, request: Request) -> Response:
        """Return the answer to one query request."""
        action = request.form().get("Action", "")
        try:
            self._check(request, action)
        except QueryError as refusal:
            return refusal.response(NAMESPACE)
        shown = {"Arn": caller_arn(self.account_id), "UserId": USER_ID, "Account": self.account_id}
        return result(action, "".join(element(name, text) for name, text in shown.items()), NAMESPACE)

    def _check(self, request: Request, action: str) -> None:
        if not is_signed(request):
            raise QueryError(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
        late = out_of_time(request, now=self.clock())
        if late is not None:
            raise QueryError(403, "SignatureDoesNotMatch", late)
        if action != "GetCallerIdentity":
            raise QueryError(400, "InvalidAction", f"Could not find operation {action} for version {VERSION}")
