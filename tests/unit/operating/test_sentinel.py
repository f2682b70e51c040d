"""The URL of Sentinels: what it says, and which login and which TLS each server gets."""

from contextlib import closing

import pytest
from redis.sentinel import SentinelConnectionPool

from app.store.engine.redis import connect
from app.store.engine.sentinel import sentinel_address


@pytest.mark.parametrize(
    "url, sentinels, service, database, login",
    [
        ("sentinel://a/main", (("a", 26379),), "main", 0, {}),
        ("sentinel://a:1,[::1]:2/main/3", (("a", 1), ("::1", 2)), "main", 3, {}),
        (
            "sentinel://u:p%40%2C@a,b/main/0",
            (("a", 26379), ("b", 26379)),
            "main",
            0,
            {"username": "u", "password": "p@,"},
        ),
        ("sentinel://:p@a/main", (("a", 26379),), "main", 0, {"password": "p"}),
    ],
)
def test_a_url_names_sentinels_and_what_they_watch(
    url: str, sentinels: tuple[tuple[str, int], ...], service: str, database: int, login: dict[str, str]
) -> None:
    """The database is 0 unless another is named; user and password are percent-decoded."""
    address = sentinel_address(url)
    assert address is not None
    assert (address.sentinels, address.service, address.database, address.login) == (
        sentinels,
        service,
        database,
        login,
    )


def test_other_urls_name_none() -> None:
    """Each is the address of one server."""
    for url in ("redis://host/0", "rediss://host/0", "unix:///run/valkey.sock", "amqp://host//"):
        assert sentinel_address(url) is None


def test_each_server_gets_its_own_login_and_both_get_tls() -> None:
    """The password of the primary is not for Sentinels, nor theirs for it."""
    url = "sentinels://app:one@a/main?sentinel_username=watch&sentinel_password=two&ssl_ca_certs=/ca.pem"
    with closing(connect(url)) as redis:
        pool = redis.connection_pool
        assert isinstance(pool, SentinelConnectionPool)
        for given, login in (
            (pool.connection_kwargs, ("app", "one")),
            (pool.sentinel_manager.sentinel_kwargs, ("watch", "two")),
        ):
            assert (given["username"], given["password"]) == login
            assert given["ssl_ca_certs"] == "/ca.pem"
        assert pool.connection_class.__name__ == "SentinelManagedSSLConnection"
