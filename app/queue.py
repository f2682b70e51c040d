"""Lanes, queues, task names and bells: all that the app knows of Celery.

It decides how the broker is spoken to, and that only bells travel through it: "there is work for this task". It never
carries a mail or an id, never delays a task and never lets an unreachable broker fail or hold up whoever rings.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs, urlsplit

from celery import Celery
from kombu.exceptions import OperationalError
from redis import Redis

from app.store.redis import Breaker

PATIENCE_S = 1.8
BELL_LASTS_MS = 5000
RINGS_UNREMEMBERED_EVERY_S = 1.0


class Lane(StrEnum):
    """The two ways out. `bulk` never delays `transactional`."""

    TRANSACTIONAL = "transactional"
    BULK = "bulk"


class Queue(StrEnum):
    """The Celery queues: one per lane, one for feedback, one for the sweepers."""

    TRANSACTIONAL = Lane.TRANSACTIONAL.value
    BULK = Lane.BULK.value
    FEEDBACK = "feedback"
    UPKEEP = "upkeep"


class Task(StrEnum):
    """The names under which the worker registers its tasks."""

    DELIVER = "postern.deliver"
    SETTLE = "postern.settle"
    UPKEEP = "postern.upkeep"
    CANARY = "postern.canary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bell:
    """One kind of work that may be waiting: the task that does it, where that task is queued, and its arguments."""

    name: str
    task: Task
    queue: Queue
    args: tuple[str, ...] = ()


DELIVER = {
    lane: Bell(name=f"deliver:{lane}", task=Task.DELIVER, queue=Queue(lane.value), args=(lane.value,)) for lane in Lane
}
SETTLE = Bell(name="settle", task=Task.SETTLE, queue=Queue.FEEDBACK)


class Bells:
    """Rings for work, once until it is answered.

    `breaker` guards the Redis that remembers what has been rung; the broker, which may be another, has a breaker of its
    own, so that its being away costs one caller two seconds now and then, and not every caller.
    """

    def __init__(
        self, celery: Celery, redis: Redis, *, breaker: Breaker, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._celery = celery
        self._redis = redis
        self._breaker = breaker
        self._broker_breaker = Breaker()
        self._monotonic = monotonic
        self._rung_here: dict[str, float] = {}

    def ring(self, bell: Bell) -> bool:
        """Queue the task of `bell` unless it is queued already; False when the broker did not take it.

        Takes 2 s at most and never raises: what was not rung is found by the sweepers, which ring every second.
        """
        if not self._first(bell):
            return True
        if self._broker_breaker.call(lambda: self._publish(bell), otherwise=lambda: False):
            return True
        self.answered(bell)
        return False

    def any_rung(self, bells: Iterable[Bell]) -> bool:
        """Whether one of them has been rung and not been answered; False when Redis does not say."""
        keys = [_key(bell) for bell in bells]
        return self._breaker.call(lambda: bool(self._redis.exists(*keys)), otherwise=lambda: False)

    def answered(self, bell: Bell) -> None:
        """Let the next ring through. The task calls this before it claims, so that no later commit goes unheard."""
        self._rung_here.pop(bell.name, None)
        self._breaker.call(lambda: self._redis.delete(_key(bell)), otherwise=lambda: None)

    def _first(self, bell: Bell) -> bool:
        """Whether nobody has rung yet; without Redis, whether this process has not rung within the last second.

        Who rings for every mail of a busy moment would fill the broker with tasks that keep all others waiting.
        """
        return self._breaker.call(
            lambda: bool(self._redis.set(_key(bell), 1, nx=True, px=BELL_LASTS_MS)),
            otherwise=lambda: self._first_here(bell),
        )

    def _first_here(self, bell: Bell) -> bool:
        now = self._monotonic()
        if now - self._rung_here.get(bell.name, -RINGS_UNREMEMBERED_EVERY_S) < RINGS_UNREMEMBERED_EVERY_S:
            return False
        self._rung_here[bell.name] = now
        return True

    def _publish(self, bell: Bell) -> bool:
        """By queue name: a message for an exchange vanishes without an error when a flush has taken its bindings."""
        try:
            self._celery.send_task(bell.task, args=bell.args, queue=bell.queue, retry=False, ignore_result=True)
        except OperationalError as error:
            raise ConnectionError("the broker did not take the bell") from error
        return True


def _key(bell: Bell) -> str:
    return f"postern:bell:{bell.name}"


def make_celery(broker_url: str) -> Celery:
    """The Celery app of web and worker alike.

    Early acknowledgement, because a bell is worthless once rung and a worker of Celery 5.7 that acknowledges late may
    exit when Redis restarts. The workers are told nothing from outside: no remote control, no events, JSON only.
    """
    url = celery_url(broker_url)
    celery = Celery("postern", broker=url, set_as_current=False)
    celery.conf.update(
        accept_content=["json"],
        broker_connection_max_retries=None,
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=PATIENCE_S,
        broker_transport_options=_transport_options(url),
        enable_utc=True,
        result_backend=None,
        task_acks_late=False,
        task_create_missing_queues=True,
        task_default_queue=Queue.UPKEEP.value,
        task_ignore_result=True,
        task_publish_retry=False,
        task_serializer="json",
        timezone="UTC",
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_prefetch_multiplier=1,
        worker_send_task_events=False,
        worker_soft_shutdown_timeout=25,
    )
    return celery


def celery_url(url: str) -> str:
    """`url` as Celery spells it: redis-py's `unix:///path?db=1` is `redis+socket:///path?virtual_host=1` there."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    login = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    database = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{login}{parts.path}?virtual_host={database}"


def _transport_options(url: str) -> dict[str, Any]:
    """The options that the broker of this URL knows; another would refuse them or hand them to its own client."""
    return TRANSPORT_OPTIONS.get(urlsplit(url).scheme.partition("+")[0], {})


_REDIS = {
    "global_keyprefix": "postern:broker:",
    "health_check_interval": 10,
    "max_retries": 0,
    "socket_connect_timeout": PATIENCE_S,
    "socket_keepalive": True,
    "socket_timeout": PATIENCE_S,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "visibility_timeout": 300,
}
_AMQP = {"confirm_publish": True, "max_retries": 0}

# By the scheme of the URL, in seconds.
TRANSPORT_OPTIONS: dict[str, dict[str, Any]] = {
    "redis": _REDIS,
    "rediss": _REDIS,
    "amqp": _AMQP,
    "amqps": _AMQP,
    "pyamqp": _AMQP,
    "sqs": {"visibility_timeout": 300, "queue_name_prefix": "postern-"},
}
