"""SQS's JSON protocol: the action in a header, JSON in and out.

It handles the wire format only.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from simulator.http.refusals import Refusal
from simulator.http.server import Request, Response
from simulator.http.signature_shape import is_signed, out_of_time
from simulator.iam.denials import Denials
from simulator.sqs.errors import CONTENT_TYPE, SqsError, of_every_service, refused
from simulator.sqs.message_calls import MessageCalls
from simulator.sqs.queue import Queue
from simulator.sqs.queue_calls import QueueCalls
from simulator.sqs.queues import Queues

TARGET = "AmazonSQS."

Content = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SqsApi:
    """Every action, by its name in the `X-Amz-Target` header."""

    queues: Queues
    about_queues: QueueCalls
    about_messages: MessageCalls
    denials: Denials
    clock: Callable[[], datetime]

    def operation(self, request: Request) -> str:
        """Return the action that the request names."""
        return request.headers.get("x-amz-target", "").removeprefix(TARGET)

    def refused(self, request: Request, refusal: Refusal) -> Response:
        """Return the answer that refuses the request."""
        denial = self.denials.of_sqs(self.operation(request), _content(request))
        return refused(refusal, denial).response(str(uuid4()))

    async def answer(self, request: Request) -> Response:
        """Return the answer to one request."""
        request_id = str(uuid4())
        try:
            self._require_signature(request)
            result = await self._result(request)
        except SqsError as refusal:
            return refusal.response(request_id)
        return Response(
            200,
            json.dumps(result, ensure_ascii=False).encode(),
            content_type=CONTENT_TYPE,
            headers=(("x-amzn-RequestId", request_id),),
        )

    async def _result(self, request: Request) -> dict[str, Any]:
        name = self.operation(request)
        content = _content(request)
        without_queue = self._without_queue().get(name)
        if without_queue is not None:
            return await without_queue(content, request.headers.get("host", ""))
        of_a_queue = self._of_a_queue().get(name)
        if of_a_queue is None:
            message = f"The action {name} is not valid for this endpoint."
            raise of_every_service(400, "InvalidAction", message, shape="UnknownOperationException")
        return await of_a_queue(self.queues.at(str(content.get("QueueUrl") or "")), content)

    def _require_signature(self, request: Request) -> None:
        if not is_signed(request):
            message = "Request is missing Authentication Token"
            raise of_every_service(
                403, "MissingAuthenticationToken", message, shape="MissingAuthenticationTokenException"
            )
        late = out_of_time(request, now=self.clock())
        if late is not None:
            raise of_every_service(403, "SignatureDoesNotMatch", late, shape="InvalidSignatureException")

    def _without_queue(self) -> dict[str, Callable[[Content, str], Awaitable[dict[str, Any]]]]:
        return {
            "CreateQueue": self.about_queues.create,
            "GetQueueUrl": self.about_queues.find,
            "ListQueues": self.about_queues.list,
        }

    def _of_a_queue(self) -> dict[str, Callable[[Queue, Content], Awaitable[dict[str, Any]]]]:
        return {
            "GetQueueAttributes": self.about_queues.get_attributes,
            "SetQueueAttributes": self.about_queues.set_attributes,
            "DeleteQueue": self.about_queues.delete,
            "PurgeQueue": self.about_queues.purge,
            "TagQueue": self.about_queues.tag,
            "UntagQueue": self.about_queues.untag,
            "ListQueueTags": self.about_queues.tags,
            "SendMessage": self.about_messages.send,
            "SendMessageBatch": self.about_messages.send_batch,
            "ReceiveMessage": self.about_messages.receive,
            "DeleteMessage": self.about_messages.delete,
            "DeleteMessageBatch": self.about_messages.delete_batch,
            "ChangeMessageVisibility": self.about_messages.change,
            "ChangeMessageVisibilityBatch": self.about_messages.change_batch,
        }


def _content(request: Request) -> dict[str, Any]:
    try:
        content = request.json()
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise of_every_service(400, "SerializationException", "The request body is not a JSON object.")
    return content
