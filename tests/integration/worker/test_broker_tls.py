"""A `rediss://` broker and Redis: a server whose certificate is not trusted never gets the password."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisAway

from app.broker_url import redis_url as as_redis
from app.queue import SETTLE, Bells, Queue, make_celery
from app.store.engine import redis_trouble
from app.store.engine.redis import RedisBreaker, connect
from tests.support.gateway.gateways import settings_for
from tests.support.servers.tls import self_signed
from tests.support.servers.tls_front import TlsFront, tls_front
from tests.support.servers.valkey import FailingValkey, failing_valkey

PASSWORD = "pA55word-of-the-broker"
PATIENCE_S = 10.0


@pytest.fixture(scope="module")
def valkey() -> Iterator[FailingValkey]:
    with failing_valkey() as server:
        with Redis.from_url(server.url) as client:
            client.config_set("requirepass", PASSWORD)
        yield server


@contextmanager
def front_of(valkey: FailingValkey, context: ssl.SSLContext) -> Iterator[TlsFront]:
    with tls_front(valkey.url.partition("://")[2].partition("?")[0], context) as front:
        yield front


def url_of(front: TlsFront, *, host: str = "127.0.0.1", trusted: Path | None = None) -> str:
    query = f"?ssl_ca_certs={quote(str(trusted))}" if trusted else ""
    url = f"rediss://:{PASSWORD}@{host}:{front.port}/0{query}"
    return settings_for("sqlite:///none", url).broker_url


def rings(url: str) -> bool:
    celery = make_celery(url)
    with connect("unix:///nowhere/valkey.sock") as forgetful, closing(celery):
        return Bells(celery, forgetful, breaker=RedisBreaker()).ring(SETTLE)


def pings(url: str) -> bool:
    with connect(url, patience_s=PATIENCE_S) as client:
        try:
            return bool(client.ping())
        except RedisAway:
            return False


@pytest.fixture(params=[rings, pings], ids=["Celery", "our own client"])
def reaches(request: pytest.FixtureRequest) -> Callable[[str], bool]:
    ask: Callable[[str], bool] = request.param
    return ask


def test_a_certificate_that_is_trusted_gets_the_password(
    valkey: FailingValkey, tmp_path: Path, reaches: Callable[[str], bool]
) -> None:
    """The authority is the one that the URL names."""
    shown, context = self_signed(tmp_path, "127.0.0.1")
    with front_of(valkey, context) as front:
        assert reaches(url_of(front, trusted=shown))
        assert PASSWORD.encode() in front.heard


@pytest.mark.parametrize("wrong", ["unknown to the system", "another authority", "another name"])
def test_a_certificate_that_is_not_trusted_gets_no_password(
    valkey: FailingValkey, tmp_path: Path, reaches: Callable[[str], bool], wrong: str
) -> None:
    """The server that shows it gets neither the password nor anything else."""
    (tmp_path / "other").mkdir()
    shown, context = self_signed(tmp_path, "127.0.0.2" if wrong == "another name" else "127.0.0.1")
    other, _ = self_signed(tmp_path / "other", "127.0.0.1")
    trusted = {"unknown to the system": None, "another authority": other, "another name": shown}[wrong]
    with front_of(valkey, context) as front:
        assert not reaches(url_of(front, trusted=trusted))
        assert front.met
        assert front.heard == b""


def test_readyz_names_the_certificate(valkey: FailingValkey, tmp_path: Path) -> None:
    """The message says what to do: name the authority."""
    _, context = self_signed(tmp_path, "127.0.0.1")
    with front_of(valkey, context) as front:
        url = as_redis(url_of(front))
        assert url is not None
        with connect(url, patience_s=PATIENCE_S) as client:
            assert "ssl_ca_certs" in str(redis_trouble.of_broker(client))


def test_a_bell_that_rang_over_tls_is_there(valkey: FailingValkey, tmp_path: Path) -> None:
    """The message is in the queue of the server behind the TLS front."""
    shown, context = self_signed(tmp_path, "127.0.0.1")
    with front_of(valkey, context) as front, Redis.from_url(valkey.url, password=PASSWORD) as behind:
        before = behind.llen(f"postern:broker:{Queue.FEEDBACK}")
        assert rings(url_of(front, trusted=shown))
        assert behind.llen(f"postern:broker:{Queue.FEEDBACK}") == before + 1
