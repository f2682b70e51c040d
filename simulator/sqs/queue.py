"""One queue: which messages a consumer gets, when they come back, and when they go to the dead-letter queue.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from simulator.sqs.attributes import DEFAULTS, redrive_of
from simulator.sqs.errors import invalid_value, older

Clock = Callable[[], float]
"""Seconds since 1970: the timestamps of messages are shown to callers."""


@dataclass(slots=True, kw_only=True)
class Message:
    """One message; it is hidden until `visible_at`, and `receives` numbers its receipt handles."""

    message_id: str
    body: str
    sent_at: float
    visible_at: float
    attributes: Mapping[str, Any] = field(default_factory=dict)
    receives: int = 0
    first_received_at: float | None = None
    came_from: str | None = None


class Queue:
    """A standard queue. `give` moves a message to the queue with an ARN, and returns whether there is one."""

    def __init__(self, *, name: str, arn: str, clock: Clock, give: Callable[[str, Message], bool]) -> None:
        self.name = name
        self.arn = arn
        self.attributes: dict[str, str] = dict(DEFAULTS)
        self.tags: dict[str, str] = {}
        self.created_at = self.modified_at = clock()
        self._clock = clock
        self._give = give
        self._messages: dict[str, Message] = {}
        self._ready: deque[Message] = deque()
        self._hidden: list[tuple[float, str, Message]] = []
        self._arrived = asyncio.Event()

    def number(self, attribute: str) -> int:
        """Return the value of a numeric attribute."""
        return int(self.attributes[attribute])

    def send(self, body: str, *, attributes: Mapping[str, Any] | None = None, delay: int | None = None) -> Message:
        """Add a new message, hidden for the delay, by default the queue's own."""
        now = self._clock()
        wait = self.number("DelaySeconds") if delay is None else delay
        message = Message(
            message_id=str(uuid4()), body=body, sent_at=now, visible_at=now + wait, attributes=attributes or {}
        )
        self.put(message)
        return message

    def put(self, message: Message) -> None:
        """Add a message, and wake everyone who waits for one."""
        self._messages[message.message_id] = message
        if message.visible_at > self._clock():
            self._hide(message)
        else:
            self._ready.append(message)
        self.wake()

    def wake(self) -> None:
        """Make every long poll look again."""
        self._arrived.set()
        self._arrived = asyncio.Event()

    async def receive(self, *, most: int, wait: float, visibility: int, is_open: Callable[[], bool]) -> list[Message]:
        """Return up to `most` messages, hidden from others for `visibility` seconds; wait for the first one."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait
        while not (taken := self._take(most, visibility)) and (left := deadline - loop.time()) > 0 and is_open():
            arrived = self._arrived
            back = self._hidden[0][0] - self._clock() if self._hidden else left
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.001, min(left, back))):
                    await arrived.wait()
        return taken

    def delete(self, message_id: str, receives: int) -> None:
        """Remove a message. With a receipt handle that is not its latest, SQS says yes and keeps the message."""
        message = self._messages.get(message_id)
        if message is not None and message.receives == receives:
            del self._messages[message_id]

    def change_visibility(self, message_id: str, receives: int, seconds: int) -> None:
        """Hide a message that is being processed for this long from now on. Raises SqsError when it is not."""
        message = self._messages.get(message_id)
        now = self._clock()
        if message is None:
            reason = "Message does not exist or is not available for visibility timeout change."
            raise invalid_value(f"Value for parameter ReceiptHandle is invalid. Reason: {reason}")
        if message.receives != receives or message.visible_at <= now:
            raise older("MessageNotInflight", "The specified message is not in flight.")
        message.visible_at = now + seconds
        self._hide(message)
        self.wake()

    def purge(self) -> None:
        """Remove every message."""
        self._messages.clear()
        self._ready.clear()
        self._hidden.clear()

    def counts(self) -> dict[str, str]:
        """Return how many messages are visible, being processed, and delayed."""
        now = self._clock()
        hidden = [message for message in self._messages.values() if message.visible_at > now]
        delayed = sum(1 for message in hidden if not message.receives)
        return {
            "ApproximateNumberOfMessages": str(len(self._messages) - len(hidden)),
            "ApproximateNumberOfMessagesDelayed": str(delayed),
            "ApproximateNumberOfMessagesNotVisible": str(len(hidden) - delayed),
        }

    def _hide(self, message: Message) -> None:
        heapq.heappush(self._hidden, (message.visible_at, str(uuid4()), message))

    def _take(self, most: int, visibility: int) -> list[Message]:
        now = self._clock()
        self._bring_back(now)
        taken: list[Message] = []
        while self._ready and len(taken) < most:
            message = self._ready.popleft()
            if self._messages.get(message.message_id) is not message or self._is_gone(message, now):
                continue
            message.receives += 1
            message.first_received_at = message.first_received_at or now
            message.visible_at = now + visibility
            self._hide(message)
            taken.append(message)
        return taken

    def _bring_back(self, now: float) -> None:
        while self._hidden and self._hidden[0][0] <= now:
            visible_at, _, message = heapq.heappop(self._hidden)
            if message.visible_at == visible_at:  # otherwise its visibility was changed since
                self._ready.append(message)

    def _is_gone(self, message: Message, now: float) -> bool:
        """Return whether the message is too old, or was received so often that it moves to the dead-letter queue."""
        if message.sent_at + self.number("MessageRetentionPeriod") <= now:
            del self._messages[message.message_id]
            return True
        redrive = redrive_of(self.attributes)
        if redrive is None or message.receives < redrive[1]:
            return False
        message.came_from, message.visible_at = self.arn, now
        if not self._give(redrive[0], message):
            return False
        del self._messages[message.message_id]
        return True
