"""How the broker is addressed and what of Celery is switched off."""

import pytest

from app.queue import DELIVER, SETTLE, Lane, Queue, celery_url, make_celery


@pytest.mark.parametrize(
    "url, spelled",
    [
        ("unix:///run/valkey.sock", "redis+socket:///run/valkey.sock?virtual_host=0"),
        ("unix:///run/valkey.sock?db=3", "redis+socket:///run/valkey.sock?virtual_host=3"),
        ("unix://app:secret@/run/valkey.sock?db=1", "redis+socket://app:secret@/run/valkey.sock?virtual_host=1"),
        ("redis+socket:///run/valkey.sock?virtual_host=2", "redis+socket:///run/valkey.sock?virtual_host=2"),
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("rediss://host/1", "rediss://host/1"),
        ("amqp://guest@host//", "amqp://guest@host//"),
        ("sqs://", "sqs://"),
    ],
)
def test_a_unix_socket_is_spelled_as_celery_wants_it(url: str, spelled: str) -> None:
    """One URL serves redis-py and Celery; every other broker's is left as it is."""
    assert celery_url(url) == spelled


def test_the_broker_carries_bells_only() -> None:
    """Early acknowledgement, JSON, no results, no remote control, no events, no prefetch, no retry."""
    conf = make_celery("redis://127.0.0.1:6379/0").conf
    assert conf.task_acks_late is False
    assert conf.accept_content == ["json"]
    assert conf.result_backend is None
    assert conf.task_ignore_result is True
    assert conf.task_publish_retry is False
    assert conf.worker_enable_remote_control is False
    assert conf.worker_send_task_events is False
    assert conf.worker_prefetch_multiplier == 1


@pytest.mark.parametrize(
    "url, known",
    [
        ("redis://host/0", "socket_timeout"),
        ("rediss://host/0", "socket_timeout"),
        ("unix:///run/valkey.sock", "socket_timeout"),
        ("amqp://host//", "confirm_publish"),
        ("sqs://", "queue_name_prefix"),
    ],
)
def test_a_broker_gets_only_its_own_options(url: str, known: str) -> None:
    """What bounds a Redis socket means nothing to RabbitMQ or SQS."""
    options = make_celery(url).conf.broker_transport_options
    assert known in options
    assert ("socket_timeout" in options) == (known == "socket_timeout")


def test_every_bell_has_a_queue_and_no_two_share_a_name() -> None:
    """One bell per lane and one for feedback."""
    bells = [*DELIVER.values(), SETTLE]
    assert set(DELIVER) == set(Lane)
    assert len({bell.name for bell in bells}) == len(bells)
    assert {bell.queue for bell in bells} == set(Queue) - {Queue.UPKEEP}
