"""The URL of the broker, and the features of Celery that are switched off."""

import ssl

import pytest

from app.broker_url import BROKER_PATIENCE_S, celery_url, redis_url, tls_options
from app.queue import DELIVER, SETTLE, WEBHOOKS, Lane, Queue, make_celery


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
        ("rediss://:p@host/1?ssl_ca_certs=/ca.pem&health=1", "rediss://:p@host/1?health=1"),
        ("amqps://u:p@host//?ssl_ca_certs=/ca.pem", "amqps://u:p@host//"),
        ("amqps://u:p@a//;amqps://u:p@b//", "amqps://u:p@a//;amqps://u:p@b//"),
        ("sentinel://u:%40@a,b:1/main/2", "sentinel://u:%40@a:26379/2;sentinel://u:%40@b:1/2"),
        ("sentinels://[::1]/main?ssl_ca_certs=/ca.pem", "sentinel://[::1]:26379/0"),
    ],
)
def test_a_unix_socket_is_spelled_as_celery_wants_it(url: str, spelled: str) -> None:
    """One URL works for redis-py and Celery; URLs of other brokers stay unchanged."""
    assert celery_url(url) == spelled


def test_the_environment_does_not_undo_the_spelling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Celery reads CELERY_BROKER_URL by itself, and would take the options of TLS for arguments of the broker."""
    given = "amqps://u:p@host//?ssl_ca_certs=/ca.pem"
    monkeypatch.setenv("CELERY_BROKER_URL", given)
    celery = make_celery(given)
    for connection in (celery.connection_for_read(), celery.connection_for_write()):
        assert "ssl_ca_certs" not in {**connection.info(), **connection.ssl}


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
        ("sentinel://host/main", "socket_timeout"),
        ("amqp://host//", "confirm_publish"),
        ("sqs://", "queue_name_prefix"),
    ],
)
def test_a_broker_gets_only_its_own_options(url: str, known: str) -> None:
    """The limits of a Redis socket do not apply to RabbitMQ or SQS."""
    options = make_celery(url).conf.broker_transport_options
    assert known in options
    assert ("socket_timeout" in options) == (known == "socket_timeout")


def test_every_bell_has_a_queue_and_no_two_share_a_name() -> None:
    """There is one bell per lane, one for notifications and one for webhooks."""
    bells = [*DELIVER.values(), SETTLE, WEBHOOKS]
    assert set(DELIVER) == set(Lane)
    assert len({bell.name for bell in bells}) == len(bells)
    assert {bell.queue for bell in bells} == set(Queue) - {Queue.UPKEEP}


@pytest.mark.parametrize("query", ["", "?ssl_ca_certs=/ca.pem"])
def test_a_broker_with_tls_is_verified(query: str) -> None:
    """Celery's default accepts any certificate of Redis, and any host name of RabbitMQ."""
    authority = {"ssl_ca_certs": "/ca.pem"} if query else {}
    redis = make_celery(f"rediss://host/0{query}").connection_for_write()
    assert redis.ssl == {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True, **authority}
    amqp = make_celery(f"amqps://host//{query}").connection_for_write()
    authority = {"ca_certs": "/ca.pem"} if query else {}
    assert amqp.ssl == {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None, **authority}


def test_sentinels_get_a_login_of_their_own_and_the_same_verification() -> None:
    """The password of the primary is not for them. What they watch goes to Celery as an option."""
    url = "sentinels://u:of-the-primary@host/main?sentinel_password=theirs&ssl_ca_certs=/ca.pem"
    celery = make_celery(url)
    options = celery.conf.broker_transport_options
    assert options["master_name"] == "main"
    assert options["sentinel_kwargs"].items() >= {"ssl": True, "ssl_ca_certs": "/ca.pem", "password": "theirs"}.items()
    assert celery.connection_for_write().ssl["ssl_cert_reqs"] is ssl.CERT_REQUIRED


@pytest.mark.parametrize("url", ["amqp://host//", "amqps://host//"])
def test_a_rabbitmq_that_confirms_nothing_is_waited_for_as_briefly_as_a_redis(url: str) -> None:
    """The publication, the close of the channel and that of the connection each wait once."""
    conf = make_celery(url).conf
    waits = conf.broker_transport_options["read_timeout"], conf.broker_transport_options["write_timeout"]
    assert 3 * max(*waits, conf.broker_connection_timeout) <= BROKER_PATIENCE_S


@pytest.mark.parametrize("url", ["redis://host/0", "unix:///run/valkey.sock", "amqp://host//", "sqs://"])
def test_a_broker_without_tls_gets_none(url: str) -> None:
    """Nothing turns TLS on implicitly."""
    assert tls_options(url) is None
    assert not make_celery(url).connection_for_write().ssl


@pytest.mark.parametrize(
    "url, asked",
    [
        ("redis://host/0", "redis://host/0"),
        ("unix:///run/valkey.sock?db=1", "unix:///run/valkey.sock?db=1"),
        ("redis+socket:///run/valkey.sock?virtual_host=2", "unix:///run/valkey.sock?db=2"),
        ("redis+socket://app:secret@/run/valkey.sock", "unix://app:secret@/run/valkey.sock?db=0"),
        ("sentinels://a,b/main/2", "sentinels://a,b/main/2"),
        ("amqp://host//", None),
        ("redis://a/0;redis://b/0", None),
    ],
)
def test_a_broker_that_is_a_redis_is_asked_as_one(url: str, asked: str | None) -> None:
    """redis-py queries it to find out what is wrong; other brokers are not queried."""
    assert redis_url(url) == asked
