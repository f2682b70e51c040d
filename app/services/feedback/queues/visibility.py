"""Messages stay hidden while they are worked on, however slow the database is, and come back after a wait that grows.

SQS shows a message again when its time is over: to another poller, and as one more receive, which a queue may count
up to its dead-letter queue.
"""

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from app.aws.sqs.queue import QueueMessage, QueueUnavailable, SqsQueue

log = structlog.get_logger()

HIDDEN_S: Final = 30
_EXTEND_EVERY_S: Final = 10.0
_FIRST_WAIT_S: Final = 10
_LONGEST_WAIT_S: Final = 900


def wait_of(receives: int) -> int:
    """How many seconds a message that was left in the queue stays hidden: twice as long each time, up to 15 min."""
    return min(_FIRST_WAIT_S << min(receives - 1, 20), _LONGEST_WAIT_S)


@contextmanager
def kept_hidden(
    queue: SqsQueue, messages: Collection[QueueMessage], *, every_s: float = _EXTEND_EVERY_S
) -> Iterator[None]:
    """Keep the messages hidden for as long as the block takes."""
    over = threading.Event()

    def extend() -> None:
        while not over.wait(every_s):
            try:
                queue.hide(dict.fromkeys(messages, HIDDEN_S))
            except QueueUnavailable as error:
                log.warning("queue_messages_not_kept_hidden", queue=queue.name, detail=error.detail)

    extending = threading.Thread(target=extend, name="hide", daemon=True)
    extending.start()
    try:
        yield
    finally:
        over.set()
        extending.join()
