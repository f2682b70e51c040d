"""All queues of the account in one region, by name."""

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from simulator.control.consistency import Consistency
from simulator.iam.arns import arn_of
from simulator.sqs.attributes import checked, redrive_of
from simulator.sqs.errors import invalid_value, missing, modelled, no_such_queue, older
from simulator.sqs.queue import Message, Queue

REUSE_SECONDS = 60

_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")


class Queues:
    """Queues, and the names that may not be used again yet.

    `name_is_taken_for` is how long after a deletion that is, in seconds; SQS has 60, here it is 0 until a test sets it.
    """

    def __init__(self, *, region: str, account_id: str, consistency: Consistency, clock: Callable[[], float]) -> None:
        self._consistency = consistency
        self._account_id = account_id
        self._arn_prefix = arn_of("sqs", "", region, account_id)
        self._clock = clock
        self._queues: dict[str, Queue] = {}
        self._deleted: dict[str, float] = {}
        self.name_is_taken_for = 0.0

    def create(self, name: str, attributes: Mapping[str, object], tags: Mapping[str, str]) -> Queue:
        """Return the queue of this name; make it when there is none. Raises SqsError.

        The attributes that are given must be those of a queue that exists. Its tags stay as they are.
        """
        if not _NAME.fullmatch(name):
            raise invalid_value("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
        wanted = self._checked(attributes)
        queue = self._queues.get(name)
        if queue is not None:
            _require_the_same(queue, wanted)
            return queue
        if self._clock() - self._deleted.get(name, float("-inf")) < self.name_is_taken_for:
            message = f"You must wait {REUSE_SECONDS} seconds after deleting a queue before you can create another "
            raise older("QueueDeletedRecently", message + "with the same name.")
        queue = Queue(name=name, arn=self._arn_prefix + name, clock=self._clock, give=self._give)
        queue.attributes.update({attribute: value for attribute, value in wanted.items() if value})
        queue.tags.update(tags)
        self._queues[name] = queue
        self._consistency.made(queue.arn)
        return queue

    def set_attributes(self, queue: Queue, given: Mapping[str, object]) -> None:
        """Change attributes; an empty text removes one. Raises SqsError."""
        for name, value in self._checked(given).items():
            if value:
                queue.attributes[name] = value
            else:
                queue.attributes.pop(name, None)
        queue.modified_at = self._clock()

    def delete(self, queue: Queue) -> None:
        """Remove the queue and its messages."""
        del self._queues[queue.name]
        self._deleted[queue.name] = self._clock()
        queue.purge()
        queue.wake()

    def named(self, name: str) -> Queue:
        """Return the queue of this name. Raises SqsError."""
        queue = self._queues.get(name)
        if queue is None or not self._consistency.shows(queue.arn):
            raise no_such_queue()
        return queue

    def at(self, url: str) -> Queue:
        """Return the queue of this URL, whatever its host. Raises SqsError."""
        if not url:
            raise missing("QueueUrl")
        account, _, name = urlsplit(url).path.strip("/").rpartition("/")
        if account.rpartition("/")[2] != self._account_id:
            raise no_such_queue()
        return self.named(name)

    def by_arn(self, arn: str) -> Queue | None:
        """Return the queue of this ARN, None when there is none."""
        queue = self._queues.get(arn.removeprefix(self._arn_prefix))
        return queue if queue is not None and queue.arn == arn else None

    def visible(self, prefix: str = "") -> list[Queue]:
        """Return the queues that calls see and whose names start so, by name."""
        return [one for one in self.all() if one.name.startswith(prefix) and self._consistency.shows(one.arn)]

    def all(self) -> list[Queue]:
        """Return every queue, by name."""
        return [queue for _, queue in sorted(self._queues.items())]

    def exists(self, queue: Queue) -> bool:
        """Return whether the queue was not deleted."""
        return self._queues.get(queue.name) is queue

    def _checked(self, given: Mapping[str, object]) -> dict[str, str]:
        attributes = checked(given)
        redrive = redrive_of(attributes)
        if redrive is not None and self.by_arn(redrive[0]) is None:
            value = attributes["RedrivePolicy"]
            reason = "Dead letter target does not exist."
            raise invalid_value(f"Value {value} for parameter RedrivePolicy is invalid. Reason: {reason}")
        return attributes

    def _give(self, arn: str, message: Message) -> bool:
        queue = self.by_arn(arn)
        if queue is not None:
            queue.put(message)
        return queue is not None


def _require_the_same(queue: Queue, wanted: Mapping[str, str]) -> None:
    for name, value in wanted.items():
        if queue.attributes.get(name, "") != value:
            message = f"A queue already exists with the same name and a different value for attribute {name}"
            raise modelled("QueueNameExists", message, code="QueueAlreadyExists")
