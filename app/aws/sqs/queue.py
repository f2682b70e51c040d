"""One queue: receive messages, delete them, and decide when they become visible again.

It decides nothing about a message: its body is text that anyone may have written who may write to the queue
(`app.aws.sns.verifier`). Each call is one request; the caller decides when to try again.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from app.aws.sqs.queue_url import QueueUrl
from app.domain.errors import ServiceUnavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

BATCH: Final = 10
"""As many messages as one request of SQS can receive, delete or change."""

T = TypeVar("T")

_LONGEST_REASON: Final = 200
_ATTRIBUTES: Final = ("ApproximateReceiveCount", "SentTimestamp")


class QueueUnavailable(ServiceUnavailable):
    """SQS did not do what was asked, or was not reached. `detail` has its code and no message of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueMessage:
    """One message as SQS delivered it.

    `id` is the same each time, `receipt` belongs to this delivery. `receives` is how often it was delivered, and
    `sent_at` when it came into the queue, as far as SQS says.
    """

    id: str
    receipt: str
    body: str
    receives: int = 1
    sent_at: datetime | None = None


class SqsQueue:
    """A queue by its URL. Thread-safe, as clients of boto3 are. It makes its client with the first call."""

    def __init__(self, url: QueueUrl, *, region: str, clients: "Callable[[str], SQSClient]") -> None:
        """`region` is for a URL that names none; `clients` makes the client of a region."""
        self.url = url.url
        self.name = url.name
        self.region = url.region or region
        self._clients = clients
        self._client: SQSClient | None = None
        self._making = threading.Lock()

    def receive(self, *, wait_s: int, hidden_s: int) -> tuple[QueueMessage, ...]:
        """Up to `BATCH` messages, hidden from other receivers for `hidden_s`; waits up to `wait_s` for the first one.

        Raises `QueueUnavailable`.
        """
        answer = self._call(
            "receive_message",
            MaxNumberOfMessages=BATCH,
            WaitTimeSeconds=wait_s,
            VisibilityTimeout=hidden_s,
            MessageSystemAttributeNames=list(_ATTRIBUTES),
        )
        return tuple(map(_read, answer.get("Messages", ())))

    def delete(self, messages: Sequence[QueueMessage]) -> int:
        """Delete these messages. How many SQS has deleted; the others are delivered again. Raises `QueueUnavailable`.

        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html
        """
        deleted = 0
        for some in _batches(messages):
            entries = [{"Id": str(number), "ReceiptHandle": one.receipt} for number, one in enumerate(some)]
            deleted += len(self._call("delete_message_batch", Entries=entries).get("Successful", ()))
        return deleted

    def hide(self, messages: Mapping[QueueMessage, int]) -> None:
        """Let each message become visible after its seconds from now, 0 for at once. Raises `QueueUnavailable`.

        A message that SQS does not change, such as one that was deleted, keeps its time.
        """
        for some in _batches(list(messages.items())):
            entries = [
                {"Id": str(number), "ReceiptHandle": one.receipt, "VisibilityTimeout": seconds}
                for number, (one, seconds) in enumerate(some)
            ]
            self._call("change_message_visibility_batch", Entries=entries)

    def count(self) -> int:
        """About how many messages are in the queue, visible and hidden. Raises `QueueUnavailable`."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._call("get_queue_attributes", AttributeNames=names).get("Attributes", {})
        return sum(_number(found.get(name)) or 0 for name in names)

    def _made(self) -> "SQSClient":
        with self._making:
            if self._client is None:
                self._client = self._clients(self.region)
            return self._client

    def _call(self, operation: str, **request: Any) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = getattr(self._made(), operation)(QueueUrl=self.url, **request)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "Unknown"))[:_LONGEST_REASON]
            raise QueueUnavailable(f"SQS refused {operation} of the queue {self.name}: {code}") from error
        except BotoCoreError as error:
            detail = f"SQS was not reached for the queue {self.name}: {type(error).__name__}"
            raise QueueUnavailable(detail) from error
        return answer


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))


def _read(message: Mapping[str, Any]) -> QueueMessage:
    attributes = message.get("Attributes", {})
    sent_ms = _number(attributes.get("SentTimestamp"))
    return QueueMessage(
        id=str(message["MessageId"]),
        receipt=str(message["ReceiptHandle"]),
        body=str(message.get("Body", "")),
        receives=_number(attributes.get("ApproximateReceiveCount")) or 1,
        sent_at=datetime.fromtimestamp(sent_ms / 1000, UTC) if sent_ms else None,
    )


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() and len(text) <= 15 else None
