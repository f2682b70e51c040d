"""SNS's actions, and the requests that need no signature. https://docs.aws.amazon.com/sns/latest/api/API_Operations.html"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from simulator.http.query import Fields, QueryError, element, result
from simulator.http.refusals import Kind, Refusal
from simulator.http.server import Request, Response
from simulator.http.signature_shape import is_signed, out_of_time
from simulator.iam.denials import Denials
from simulator.sns.errors import SnsError
from simulator.sns.publisher import Publisher
from simulator.sns.subscription_calls import SubscriptionCalls
from simulator.sns.topic_calls import TopicCalls, required

NAMESPACE = "http://sns.amazonaws.com/doc/2010-03-31/"
NAMES = {
    Kind.DENIED: "AuthorizationError",
    Kind.EXPIRED: "ExpiredToken",
    Kind.UNKNOWN_CALLER: "InvalidClientTokenId",
    Kind.THROTTLED: "Throttling",
    Kind.FAILED: "InternalError",
}
OPEN_ACTIONS = frozenset({"ConfirmSubscription", "Unsubscribe"})
"""Callers that have the token or the ARN may call these without credentials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnsApi:
    """Every action, by its name in the `Action` field."""

    about_topics: TopicCalls
    about_subscriptions: SubscriptionCalls
    publisher: Publisher
    denials: Denials
    clock: Callable[[], datetime]

    def operation(self, request: Request) -> str:
        """Return the action that the request names."""
        return request.form().get("Action", "")

    def refused(self, request: Request, refusal: Refusal) -> Response:
        """Return the answer that refuses the request."""
        denial = self.denials.of_sns(self.operation(request), request.form())
        error = SnsError(refusal.status or 400, refusal.code_among(NAMES), refusal.words(denial))
        return error.response(NAMESPACE)

    async def answer(self, request: Request) -> Response:
        """Return the answer to one query request."""
        fields = request.form()
        action = fields.get("Action", "")
        signed = is_signed(request)
        try:
            self._require_time(request, signed=signed)
            act = self._action(action, signed=signed)
            inner = act(fields | {"Signed": "true" if signed else ""})
        except QueryError as refusal:
            return refusal.response(NAMESPACE)
        return result(action, inner, NAMESPACE)

    def _require_time(self, request: Request, *, signed: bool) -> None:
        late = out_of_time(request, now=self.clock()) if signed else None
        if late is not None:
            raise SnsError(403, "SignatureDoesNotMatch", late)

    def _action(self, name: str, *, signed: bool) -> Callable[[Fields], str]:
        actions = self.about_topics.actions() | self.about_subscriptions.actions() | {"Publish": self._publish}
        if name not in actions:
            raise SnsError(400, "InvalidAction", "The action is not valid for this endpoint.")
        if not signed and name not in OPEN_ACTIONS:
            raise SnsError(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
        return actions[name]

    def _publish(self, fields: Fields) -> str:
        message_id, _ = self.publisher.publish(
            required(fields, "TopicArn"), required(fields, "Message"), subject=fields.get("Subject")
        )
        return element("MessageId", message_id)
