"""STS's GetCallerIdentity: in which account a caller is, and as whom.

https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from simulator.http.query import QueryError, element, result
from simulator.http.refusals import Kind, Refusal
from simulator.http.server import Request, Response
from simulator.http.signature_shape import is_signed, out_of_time
from simulator.iam.arns import caller_arn
from simulator.iam.denials import Denials

VERSION = "2011-06-15"
NAMESPACE = f"https://sts.amazonaws.com/doc/{VERSION}/"
NAMES = {
    Kind.DENIED: "AccessDenied",
    Kind.EXPIRED: "ExpiredToken",
    Kind.UNKNOWN_CALLER: "InvalidClientTokenId",
    Kind.THROTTLED: "Throttling",
    Kind.FAILED: "InternalFailure",
}
USER_ID = "AIDASIMULATOREXAMPLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class StsApi:
    """The one action that anybody may call."""

    region: str
    account_id: str
    denials: Denials
    clock: Callable[[], datetime]

    def operation(self, request: Request) -> str:
        """Return the action that the request names."""
        return request.form().get("Action", "")

    def refused(self, request: Request, refusal: Refusal) -> Response:
        """Return the answer that refuses the request."""
        words = refusal.words(self.denials.of_sts(self.operation(request)))
        return QueryError(refusal.status or 400, refusal.code_among(NAMES), words).response(NAMESPACE)

    async def answer(self, request: Request) -> Response:
        """Return the answer to one query request."""
        action = request.form().get("Action", "")
        try:
            self._check(request, action)
        except QueryError as refusal:
            return refusal.response(NAMESPACE)
        shown = {"Arn": caller_arn(self.region, self.account_id), "UserId": USER_ID, "Account": self.account_id}
        return result(action, "".join(element(name, text) for name, text in shown.items()), NAMESPACE)

    def _check(self, request: Request, action: str) -> None:
        if not is_signed(request):
            raise QueryError(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
        late = out_of_time(request, now=self.clock())
        if late is not None:
            raise QueryError(403, "SignatureDoesNotMatch", late)
        if action != "GetCallerIdentity":
            raise QueryError(400, "InvalidAction", f"Could not find operation {action} for version {VERSION}")
