"""SNS's query protocol: form fields in, XML out. https://docs.aws.amazon.com/sns/latest/api/API_Operations.html

It handles the wire format only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4
from xml.sax.saxutils import escape

from simulator.http.server import Request, Response
from simulator.ses.signature_shape import is_signed, out_of_time
from simulator.sns.errors import SnsError, authorization_error, invalid_parameter
from simulator.sns.publisher import Publisher
from simulator.sns.topics import Subscription, Topics

NAMESPACE = "http://sns.amazonaws.com/doc/2010-03-31/"
PENDING = "pending confirmation"
OPEN_ACTIONS = frozenset({"ConfirmSubscription", "Unsubscribe"})
"""Callers that have the token or the ARN may call these without credentials."""

Fields = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SnsApi:
    """Every action, by its name in the `Action` field."""

    topics: Topics
    publisher: Publisher
    account_id: str
    clock: Callable[[], datetime]

    async def answer(self, request: Request) -> Response:
        """Return the answer to one query request."""
        fields = request.form()
        action = fields.get("Action", "")
        signed = is_signed(request)
        try:
            self._require_time(request, signed=signed)
            act = self._action(action, signed=signed)
            result = act(fields | {"Signed": "true" if signed else ""})
        except SnsError as refusal:
            return _xml(refusal.status, _error_body(refusal))
        inner = f"<{action}Result>{result}</{action}Result>" if result else ""
        metadata = f"<ResponseMetadata><RequestId>{uuid4()}</RequestId></ResponseMetadata>"
        return _xml(200, f'<{action}Response xmlns="{NAMESPACE}">{inner}{metadata}</{action}Response>')

    def _require_time(self, request: Request, *, signed: bool) -> None:
        late = out_of_time(request, now=self.clock()) if signed else None
        if late is not None:
            raise SnsError(403, "SignatureDoesNotMatch", late)

    def _action(self, name: str, *, signed: bool) -> Callable[[Fields], str]:
        actions = {
            "CreateTopic": self._create_topic,
            "DeleteTopic": self._delete_topic,
            "ListTopics": self._list_topics,
            "GetTopicAttributes": self._get_topic_attributes,
            "SetTopicAttributes": self._set_topic_attributes,
            "Subscribe": self._subscribe,
            "ConfirmSubscription": self._confirm,
            "Unsubscribe": self._unsubscribe,
            "GetSubscriptionAttributes": self._get_subscription_attributes,
            "SetSubscriptionAttributes": self._set_subscription_attributes,
            "ListSubscriptionsByTopic": self._list_subscriptions,
            "Publish": self._publish,
        }
        if name not in actions:
            raise SnsError(400, "InvalidAction", "The action is not valid for this endpoint.")
        if not signed and name not in OPEN_ACTIONS:
            raise SnsError(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
        return actions[name]

    def _create_topic(self, fields: Fields) -> str:
        return _element("TopicArn", self.topics.create(_required(fields, "Name"), _attributes(fields)).arn)

    def _delete_topic(self, fields: Fields) -> str:
        self.topics.delete(_required(fields, "TopicArn"))
        return ""

    def _list_topics(self, _fields: Fields) -> str:
        return f"<Topics>{''.join(_member(_element('TopicArn', topic.arn)) for topic in self.topics.topics())}</Topics>"

    def _get_topic_attributes(self, fields: Fields) -> str:
        topic = self.topics.topic(_required(fields, "TopicArn"))
        return _map({"TopicArn": topic.arn, "Owner": self.account_id} | topic.attributes)

    def _set_topic_attributes(self, fields: Fields) -> str:
        self.topics.set_topic_attribute(
            _required(fields, "TopicArn"), _required(fields, "AttributeName"), fields.get("AttributeValue", "")
        )
        return ""

    def _subscribe(self, fields: Fields) -> str:
        subscription = self.topics.subscribe(
            _required(fields, "TopicArn"),
            protocol=_required(fields, "Protocol"),
            endpoint=_required(fields, "Endpoint"),
            attributes=_attributes(fields),
        )
        if not subscription.confirmed:
            self.publisher.ask_to_confirm(subscription)
        known = subscription.confirmed or fields.get("ReturnSubscriptionArn") == "true"
        return _element("SubscriptionArn", subscription.arn if known else PENDING)

    def _confirm(self, fields: Fields) -> str:
        authenticated = fields.get("AuthenticateOnUnsubscribe") == "true"
        if authenticated and not fields["Signed"]:
            raise authorization_error("AuthenticateOnUnsubscribe needs a signed request")
        subscription = self.topics.confirm(
            _required(fields, "TopicArn"), _required(fields, "Token"), authenticated_unsubscribe=authenticated
        )
        return _element("SubscriptionArn", subscription.arn)

    def _unsubscribe(self, fields: Fields) -> str:
        subscription = self.topics.unsubscribe(_required(fields, "SubscriptionArn"), signed=bool(fields["Signed"]))
        if subscription.protocol != "sqs":
            self.publisher.tell_unsubscribed(subscription)
        return ""

    def _get_subscription_attributes(self, fields: Fields) -> str:
        subscription = self.topics.subscription(_required(fields, "SubscriptionArn"))
        return _map(
            {
                "SubscriptionArn": subscription.arn,
                "TopicArn": subscription.topic_arn,
                "Protocol": subscription.protocol,
                "Endpoint": subscription.endpoint,
                "Owner": self.account_id,
                "PendingConfirmation": "false" if subscription.confirmed else "true",
                "ConfirmationWasAuthenticated": "true" if subscription.authenticated_unsubscribe else "false",
            }
            | subscription.attributes
        )

    def _set_subscription_attributes(self, fields: Fields) -> str:
        subscription = self.topics.subscription(_required(fields, "SubscriptionArn"))
        name = _required(fields, "AttributeName")
        if name == "RawMessageDelivery" and fields.get("AttributeValue") == "true" and subscription.protocol != "sqs":
            raise invalid_parameter("the simulator delivers raw messages to queues only")
        subscription.attributes[name] = fields.get("AttributeValue", "")
        return ""

    def _list_subscriptions(self, fields: Fields) -> str:
        subscriptions = self.topics.subscriptions(self.topics.topic(_required(fields, "TopicArn")).arn)
        return f"<Subscriptions>{''.join(_member(self._described(each)) for each in subscriptions)}</Subscriptions>"

    def _described(self, subscription: Subscription) -> str:
        shown = {
            "SubscriptionArn": subscription.arn if subscription.confirmed else "PendingConfirmation",
            "Owner": self.account_id,
            "Protocol": subscription.protocol,
            "Endpoint": subscription.endpoint,
            "TopicArn": subscription.topic_arn,
        }
        return "".join(_element(name, value) for name, value in shown.items())

    def _publish(self, fields: Fields) -> str:
        message_id, _ = self.publisher.publish(
            _required(fields, "TopicArn"), _required(fields, "Message"), subject=fields.get("Subject")
        )
        return _element("MessageId", message_id)


def _required(fields: Fields, name: str) -> str:
    if not fields.get(name):
        raise invalid_parameter(name)
    return fields[name]


def _attributes(fields: Fields) -> dict[str, str]:
    return {
        value: fields.get(name.removesuffix("key") + "value", "")
        for name, value in fields.items()
        if name.startswith("Attributes.entry.") and name.endswith(".key")
    }


def _element(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>"


def _member(inner: str) -> str:
    return f"<member>{inner}</member>"


def _map(attributes: dict[str, str]) -> str:
    entries = (f"<entry>{_element('key', key)}{_element('value', value)}</entry>" for key, value in attributes.items())
    return f"<Attributes>{''.join(entries)}</Attributes>"


def _error_body(refusal: SnsError) -> str:
    inner = _element("Type", "Sender") + _element("Code", refusal.code) + _element("Message", refusal.message)
    request_id = _element("RequestId", str(uuid4()))
    return f'<ErrorResponse xmlns="{NAMESPACE}"><Error>{inner}</Error>{request_id}</ErrorResponse>'


def _xml(status: int, body: str) -> Response:
    return Response(status, body.encode(), content_type="text/xml")
