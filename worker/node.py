"""One worker as its broker and its host know it: a queue that it alone consumes, and a main process that can be ended.

It decides how a message is addressed to this one worker. A process can end its own parent and no other process.
"""

import os
import signal
import socket
import time
from typing import Any, Final

from celery import Celery
from kombu.entity import Exchange
from kombu.entity import Queue as CeleryQueue

from app.broker_url import TRANSPORT_OPTIONS
from app.queue import Task

_LOOK_EVERY_S: Final = 0.1
_QUEUE_LASTS_S: Final = 600
# Their queues cost nothing and disappear by themselves; those of SQS are created and paid for in the AWS account.
_HAVE_QUEUES_OF_NODES: Final = frozenset(TRANSPORT_OPTIONS) - {"sqs"}


class Node:
    """A Celery worker, known by the id of its main process on this host."""

    def __init__(self, celery: Celery, *, main: int) -> None:
        self.name = f"{socket.gethostname()}:{main}"
        self._celery = celery
        self._main = main
        self._scheme = str(celery.conf.broker_write_url).partition(":")[0].partition("+")[0]

    def consume(self) -> None:
        """Let the worker of this process consume its own queue, in addition to the queues that it was started with."""
        if self._can_be_addressed:
            self._celery.amqp.queues.select_add(self._queue)

    def send_canary(self) -> bool:
        """Publish a canary to this node, within 2 s; False when the broker did not take it."""
        if not self._can_be_addressed:
            return False
        try:
            self._celery.send_task(Task.CANARY, queue=self._queue, retry=False, ignore_result=True)
        except Exception:  # noqa: BLE001 - a canary that cannot be sent proves nothing about the worker
            return False
        return True

    def end(self, *, grace_s: float) -> None:
        """Ask the main process to stop, and kill it if it has not after `grace_s`: a frozen one cannot react.

        The calling process is its child, and ends with it.
        """
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + grace_s
        while self._is_our_parent and time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY_S)
        self._signal(signal.SIGKILL)

    @property
    def _can_be_addressed(self) -> bool:
        return self._scheme in _HAVE_QUEUES_OF_NODES

    @property
    def _is_our_parent(self) -> bool:
        return os.getppid() == self._main

    def _signal(self, number: signal.Signals) -> None:
        if self._is_our_parent:
            os.kill(self._main, number)

    @property
    def _queue(self) -> Any:
        """The node's queue. It has an exchange of its own, so that no message to all workers comes through it."""
        name = f"node.{self.name}"
        exchange = Exchange(name, auto_delete=True)  # type: ignore[no-untyped-call]
        return CeleryQueue(name, exchange, name, auto_delete=True, expires=_QUEUE_LASTS_S)  # type: ignore[no-untyped-call]
