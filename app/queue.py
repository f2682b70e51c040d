"""Lanes, queues, task names and bells: all that the app knows of Celery.

It decides how the broker is used, and that only bells travel through it: "there is work for this task". It never
carries an email or an id, never delays a task, and never lets an unreachable broker fail or hold up the caller.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from celery import Celery
from redis import Redis

from app.broker_url import celery_url, connection_patience_s, tls_options, transport_options
from app.domain.sending.trying import TEST_LANE
from app.store.engine.redis import RedisBreaker, ask

BELL_LASTS_MS = 5000
RINGS_UNREMEMBERED_EVERY_S = 1.0


class Lane(StrEnum):
    """The two ways out. `bulk` never delays `transactional`."""

    TRANSACTIONAL = "transactional"
    BULK = "bulk"


class Queue(StrEnum):
    """The Celery queues: one per lane, one for feedback, one for webhooks, one for the sweepers."""

    TRANSACTIONAL = Lane.TRANSACTIONAL.value
    BULK = Lane.BULK.value
    FEEDBACK = "feedback"
    WEBHOOKS = "webhooks"
    UPKEEP = "upkeep"


class Task(StrEnum):
    """The names under which the worker registers its tasks."""

    DELIVER = "postern.deliver"
    SETTLE = "postern.settle"
    WEBHOOKS = "postern.webhooks"
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
DELIVER_TESTS = Bell(
    name=f"deliver:{TEST_LANE}", task=Task.DELIVER, queue=Queue(Lane.TRANSACTIONAL.value), args=(TEST_LANE,)
)


def deliver_bell(lane: str) -> Bell:
    """The bell of a lane, also of that of test email. Raises `ValueError` for another word."""
    return DELIVER_TESTS if lane == TEST_LANE else DELIVER[Lane(lane)]


SETTLE = Bell(name="settle", task=Task.SETTLE, queue=Queue.FEEDBACK)
WEBHOOKS = Bell(name="webhooks", task=Task.WEBHOOKS, queue=Queue.WEBHOOKS)
SES_REMOVALS = Bell(name="ses_removals", task=Task.UPKEEP, queue=Queue.UPKEEP, args=("ses_removals",))


class Bells:
    """Rings each bell once until it is answered.

    `breaker` guards the Redis that remembers which bells have rung. The broker, which may be another server, has its
    own breaker: while it is away, one caller waits two seconds now and then, instead of every caller.
    """

    def __init__(
        self, celery: Celery, redis: Redis, *, breaker: RedisBreaker, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._celery = celery
        self._redis = redis
        self._breaker = breaker
        self._broker_breaker = RedisBreaker()
        self._monotonic = monotonic
        self._rung_here: dict[str, float] = {}

    def ring(self, bell: Bell) -> bool:
        """Queue the task of `bell` unless it is queued already; False when the broker did not take it.

        Takes 2 s at most, by `amqps://` 2.5, and never raises: if the bell did not ring, the sweepers find the work
        and ring every second.
        """
        if not self._first(bell):
            return True
        if self._broker_breaker.call(lambda: self._publish(bell), otherwise=lambda: False):
            return True
        self.answered(bell)
        return False

    def any_rung(self, bells: Iterable[Bell]) -> bool:
        """Whether one of them has been rung and not been answered; False when Redis does not answer."""
        keys = [_key(bell) for bell in bells]
        return self._breaker.call(lambda: bool(self._redis.exists(*keys)), otherwise=lambda: False)

    def answered(self, bell: Bell) -> None:
        """Let the next ring through. The task calls this before it claims, so that no later commit is missed."""
        key = self.answering(bell)
        self._breaker.call(lambda: self._redis.delete(key), otherwise=lambda: None)

    def answering(self, bell: Bell) -> str:
        """As `answered`, for a caller that deletes the key in Redis together with other work. The key."""
        self._rung_here.pop(bell.name, None)
        return _key(bell)

    def _first(self, bell: Bell) -> bool:
        """Whether this is the first ring; without Redis, whether this process has not rung within the last second.

        A ring for every email of a busy moment would fill the broker with tasks, and all others would wait for them.
        """
        return self._breaker.call(
            lambda: bool(ask(self._redis, "SET", _key(bell), 1, "NX", "PX", BELL_LASTS_MS)),
            otherwise=lambda: self._first_here(bell),
        )

    def _first_here(self, bell: Bell) -> bool:
        now = self._monotonic()
        if now - self._rung_here.get(bell.name, -RINGS_UNREMEMBERED_EVERY_S) < RINGS_UNREMEMBERED_EVERY_S:
            return False
        self._rung_here[bell.name] = now
        return True

    def _publish(self, bell: Bell) -> bool:
        """Send by queue name: once a flush has removed its bindings, an exchange loses messages without an error."""
        try:
            self._celery.send_task(bell.task, args=bell.args, queue=bell.queue, retry=False, ignore_result=True)
        except Exception as error:  # any error: the caller has committed, and the sweepers ring
            raise ConnectionError("the broker did not take the bell") from error
        return True


def _key(bell: Bell) -> str:
    return f"postern:bell:{bell.name}"


def make_celery(broker_url: str) -> Celery:
    """The Celery app of web and worker alike.

    Early acknowledgement, because a bell is worthless once rung and a worker of Celery 5.7 that acknowledges late may
    exit when Redis restarts. The workers take no orders from outside: no remote control, no events, JSON only. Celery
    itself reads CELERY_BROKER_URL, which is not spelled as it needs it, unless the URLs to read and to write are given.
    """
    url = celery_url(broker_url)
    celery = Celery("postern", broker=url, set_as_current=False)
    celery.conf.broker_use_ssl = tls_options(broker_url)
    celery.conf.update(
        accept_content=["json"],
        broker_channel_error_retry=True,
        broker_connection_max_retries=None,
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=connection_patience_s(broker_url),
        broker_read_url=url,
        broker_transport_options=transport_options(broker_url),
        broker_write_url=url,
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
