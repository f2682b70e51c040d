"""What follows from one message of a queue: it is stored, refused, left in the queue, or it was answered.

The verifier is the webhook's, so a message counts for the same reasons in both. What the webhook answers with 4xx is
refused here: it is kept aside, since no sender sees the answer. What the webhook answers with 503 stays in the queue.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from app.aws.sns.envelope import is_bare_event
from app.aws.sns.verifier import SnsMessage, SnsType, SnsVerifier
from app.aws.sqs.queue import QueueMessage
from app.domain.errors import MalformedNotification, PosternError, ServiceUnavailable
from app.domain.feedback.rejections import Reason, rejected
from app.services.feedback.receive import Receipt, new_notification
from app.store.feedback.notifications import NewNotification

log = structlog.get_logger()

CRASHED: Final = "crashed"
"""The reason of a message that made our code fail, each time that it was received."""

POISON_RECEIVES: Final = 5
_TOKEN_LASTS: Final = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Stored:
    """An authentic notification, which is to be stored before it is deleted."""

    new: NewNotification


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that is kept aside and deleted. `reason` is a `Reason` or `CRASHED`."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Left:
    """A message that stays in the queue, since the fault may be ours."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A confirmation that was answered: there is nothing to store."""


Verdict = Stored | Refused | Left | Answered


class Judge:
    """Judges messages. `answer` confirms a subscription or notes its end (`Receive.answer`). Thread-safe."""

    def __init__(
        self, *, verifier: SnsVerifier, answer: Callable[[SnsMessage], Receipt], clock: Callable[[], datetime]
    ) -> None:
        self._verifier = verifier
        self._answer = answer
        self._clock = clock

    def __call__(self, message: QueueMessage) -> Verdict:
        """The verdict on a message. It never raises: a message that breaks our code delays no other."""
        try:
            return self._judged(message)
        except ServiceUnavailable as error:
            return Left(error.reason or error.name, error.detail)
        except PosternError as error:
            return _refused(error)
        except Exception as error:  # noqa: BLE001 - any error concerns this message alone
            return crashed(message, error)

    def _judged(self, message: QueueMessage) -> Verdict:
        verified = verify(self._verifier, message)
        if verified.type is SnsType.NOTIFICATION:
            return Stored(new_notification(verified))
        try:
            self._answer(verified)
        except ServiceUnavailable as error:
            # SNS takes the token of a confirmation for some days only, and would refuse it for as long as it is asked.
            if error.reason == Reason.NOT_CONFIRMED and self._clock() - verified.timestamp > _TOKEN_LASTS:
                return _refused(error)
            raise
        return Answered()


def verify(verifier: SnsVerifier, message: QueueMessage, *, of_any_age: bool = False) -> SnsMessage:
    """The message if AWS signed it for a topic of ours; raises as `SnsVerifier.verify`.

    SQS adds no headers, so raw delivery is recognised by what it leaves out.
    """
    body = message.body.encode("utf-8", "surrogatepass")
    try:
        return verifier.verify(body, {}, of_any_age=of_any_age)
    except MalformedNotification:
        if is_bare_event(body):
            raise rejected(Reason.RAW_DELIVERY) from None
        raise


def crashed(message: QueueMessage, error: Exception) -> Verdict:
    """The verdict on a message that made our code fail: it is tried again, and kept aside after a few receives."""
    log.error(
        "queue_message_crashed",
        message_id=message.id,
        receives=message.receives,
        error=type(error).__name__,
        exc_info=error,
    )
    detail = f"the message makes Postern fail: {type(error).__name__}"
    return Refused(CRASHED, detail) if message.receives >= POISON_RECEIVES else Left(CRASHED, detail)


def _refused(error: PosternError) -> Refused:
    compared = f" Expected: {error.expected}. Found: {error.found}." if error.found else ""
    return Refused(error.reason or error.name, f"{error.detail}.{compared}")
