"""The calls about messages: send, receive, delete, and change for how long a message is hidden."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulator.sqs.batches import each_entry
from simulator.sqs.errors import invalid_value, missing, modelled, older
from simulator.sqs.queue import Message, Queue
from simulator.sqs.queues import Queues

Content = Mapping[str, Any]

MOST_MESSAGES = 10
LONGEST_WAIT = 20
LONGEST_HIDING = 43_200

_NOT_ALLOWED = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageCalls:
    """Each call takes the queue and the JSON of the request, and returns the JSON of the answer."""

    queues: Queues
    sender_id: str

    async def send(self, queue: Queue, content: Content) -> dict[str, Any]:
        """Add one message."""
        return self._send(queue, content)

    async def send_batch(self, queue: Queue, content: Content) -> dict[str, Any]:
        """Add up to ten messages, which together may be as large as one."""
        entries = content.get("Entries") or []
        size = sum(_size(entry) for entry in entries)
        most = queue.number("MaximumMessageSize")
        if size > most:
            message = f"Batch requests cannot be longer than {most} bytes. You have sent {size} bytes."
            raise older("BatchRequestTooLong", message)
        return each_entry(entries, "SendMessage", lambda entry: self._send(queue, entry))

    async def receive(self, queue: Queue, content: Content) -> dict[str, Any]:
        """Return up to ten messages; wait for the first one when asked to."""
        most = _within(content, "MaxNumberOfMessages", 1, (1, MOST_MESSAGES))
        wait = _within(content, "WaitTimeSeconds", queue.number("ReceiveMessageWaitTimeSeconds"), (0, LONGEST_WAIT))
        hiding = _within(content, "VisibilityTimeout", queue.number("VisibilityTimeout"), (0, LONGEST_HIDING))
        taken = await queue.receive(most=most, wait=wait, visibility=hiding, is_open=lambda: self.queues.exists(queue))
        asked = {*(content.get("AttributeNames") or ()), *(content.get("MessageSystemAttributeNames") or ())}
        wanted = list(content.get("MessageAttributeNames") or ())
        shown = [self._shown(queue, message, asked, wanted) for message in taken]
        return {"Messages": shown} if shown else {}

    async def delete(self, queue: Queue, content: Content) -> dict[str, Any]:
        """Remove one message."""
        return self._delete(queue, content)

    async def delete_batch(self, queue: Queue, content: Content) -> dict[str, Any]:
        """Remove up to ten messages."""
        entries = content.get("Entries") or []
        return each_entry(entries, "DeleteMessage", lambda entry: self._delete(queue, entry))

    async def change(self, queue: Queue, content: Content) -> dict[str, Any]:
        """Hide one message for another time."""
        return self._change(queue, content)

    async def change_batch(self, queue: Queue, content: Content) -> dict[str, Any]:
        """Hide up to ten messages for another time each."""
        entries = content.get("Entries") or []
        return each_entry(entries, "ChangeMessageVisibility", lambda entry: self._change(queue, entry))

    def _send(self, queue: Queue, content: Content) -> dict[str, Any]:
        body = content.get("MessageBody")
        if not body:
            raise missing("MessageBody")
        if _NOT_ALLOWED.search(body):
            raise modelled("InvalidMessageContents", "Invalid characters found.")
        most = queue.number("MaximumMessageSize")
        if _size(content) > most:
            raise invalid_value(
                f"One or more parameters are invalid. Reason: Message must be shorter than {most} bytes."
            )
        delay = _within(content, "DelaySeconds", queue.number("DelaySeconds"), (0, 900))
        message = queue.send(body, attributes=content.get("MessageAttributes"), delay=delay)
        return {"MessageId": message.message_id, "MD5OfMessageBody": _md5(body)}

    def _delete(self, queue: Queue, content: Content) -> dict[str, Any]:
        queue.delete(*_read_handle(queue, content))
        return {}

    def _change(self, queue: Queue, content: Content) -> dict[str, Any]:
        if "VisibilityTimeout" not in content:
            raise missing("VisibilityTimeout")
        seconds = _within(content, "VisibilityTimeout", 0, (0, LONGEST_HIDING))
        queue.change_visibility(*_read_handle(queue, content), seconds)
        return {}

    def _shown(self, queue: Queue, message: Message, asked: set[str], wanted: list[str]) -> dict[str, Any]:
        content: dict[str, Any] = {
            "MessageId": message.message_id,
            "ReceiptHandle": _handle(queue, message),
            "MD5OfBody": _md5(message.body),
            "Body": message.body,
        }
        system = {
            "SenderId": self.sender_id,
            "SentTimestamp": _millis(message.sent_at),
            "ApproximateReceiveCount": str(message.receives),
            "ApproximateFirstReceiveTimestamp": _millis(message.first_received_at or message.sent_at),
        } | ({"DeadLetterQueueSourceArn": message.came_from} if message.came_from else {})
        chosen = {name: value for name, value in system.items() if name in asked or "All" in asked}
        own = {name: value for name, value in message.attributes.items() if _is_wanted(name, wanted)}
        return content | ({"Attributes": chosen} if chosen else {}) | ({"MessageAttributes": own} if own else {})


def _within(content: Content, name: str, default: int, bounds: tuple[int, int]) -> int:
    least, most = bounds
    given = content.get(name)
    value = default if given is None else given
    if not isinstance(value, int) or not least <= value <= most:
        reason = f"Must be between {least} and {most}, if provided."
        raise invalid_value(f"Value {value} for parameter {name} is invalid. Reason: {reason}")
    return value


def _size(content: Content) -> int:
    attributes = content.get("MessageAttributes") or {}
    return len(str(content.get("MessageBody") or "").encode()) + sum(
        len(name) + sum(len(str(part)) for part in value.values()) for name, value in attributes.items()
    )


def _is_wanted(name: str, wanted: list[str]) -> bool:
    return any(
        one in ("All", ".*", name) or (one.endswith(".*") and name.startswith(one.removesuffix("*"))) for one in wanted
    )


def _handle(queue: Queue, message: Message) -> str:
    return base64.b64encode(json.dumps([queue.arn, message.message_id, message.receives]).encode()).decode()


def _read_handle(queue: Queue, content: Content) -> tuple[str, int]:
    handle = content.get("ReceiptHandle")
    if not handle:
        raise missing("ReceiptHandle")
    try:
        arn, message_id, receives = json.loads(base64.b64decode(handle, validate=True))
    except (ValueError, TypeError):
        arn, message_id, receives = None, "", 0
    if arn != queue.arn:
        raise modelled("ReceiptHandleIsInvalid", f'The input receipt handle "{handle}" is not a valid receipt handle.')
    return str(message_id), int(receives)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _millis(moment: float) -> str:
    return str(int(moment * 1000))
