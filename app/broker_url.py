"""The URL of a broker in the spellings of Celery and redis-py, with its options and the verification of TLS.

One URL serves redis-py and Celery, which disagree about unix sockets and about TLS. By default, Celery accepts any
certificate of a `rediss://` broker, and of an `amqps://` broker it checks the chain but not the name.
"""

import ssl
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from redis.backoff import NoBackoff
from redis.retry import Retry

from app.store.engine.sentinel import SCHEMES as OF_SENTINELS
from app.store.engine.sentinel import SentinelAddress, sentinel_address

BROKER_PATIENCE_S: Final = 1.8
_AMQP_PATIENCE_S: Final = BROKER_PATIENCE_S / 3
_SENTINEL_PATIENCE_S: Final = 0.2
_TLS: Final = "ssl_"


def celery_url(urls: str) -> str:
    """The URLs as Celery spells them: redis-py's `unix:///path?db=1` is `redis+socket:///path?virtual_host=1` there.

    The TLS options of a URL are left out; `tls_options` has them.
    """
    return ";".join(_celery_url(url) for url in urls.split(";"))


def tls_options(urls: str) -> dict[str, Any] | None:
    """Celery's `broker_use_ssl`: with `rediss://` and `amqps://` the certificate and its name are always verified.

    None for every other scheme. Of several URLs the first one counts.
    """
    url = urls.partition(";")[0]
    given = {name: value for name, value in parse_qsl(urlsplit(url).query) if name.startswith(_TLS)}
    match urlsplit(url).scheme:
        case "rediss" | "sentinels":
            return given | {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
        case "amqps":
            # Where the name is None, kombu sets the host name of each URL in turn.
            verified = {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None}
            return {name.removeprefix(_TLS): value for name, value in given.items()} | verified
    return None


def redis_url(url: str) -> str | None:
    """The URL as redis-py spells it; None when the broker is no Redis, or there are several URLs."""
    parts = urlsplit(url)
    if ";" in url or parts.scheme not in {"redis", "rediss", "unix", "redis+socket", *OF_SENTINELS}:
        return None
    if parts.scheme != "redis+socket":
        return url
    database = parse_qs(parts.query).get("virtual_host", ["0"])[0]
    return f"unix://{parts.netloc}{parts.path}?db={database}"


def transport_options(url: str) -> dict[str, Any]:
    """The options for the broker of this URL; another kind of broker would refuse them or pass them to its client."""
    address = sentinel_address(url)
    if address is None:
        return TRANSPORT_OPTIONS.get(urlsplit(url).scheme.partition("+")[0], {})
    return TRANSPORT_OPTIONS["sentinel"] | {"master_name": address.service, "sentinel_kwargs": _for_sentinels(address)}


def connection_patience_s(url: str) -> float:
    """How long to wait for a connection, in seconds; by `amqps://` that is how long each later answer may take, too."""
    return _AMQP_PATIENCE_S if "amqp" in urlsplit(url).scheme else BROKER_PATIENCE_S


def _celery_url(url: str) -> str:
    parts = urlsplit(url)
    address = sentinel_address(url)
    if address is not None:
        login, at, _ = parts.netloc.rpartition("@")
        hosts = (f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in address.sentinels)
        return ";".join(f"sentinel://{login}{at}{host}/{address.database}" for host in hosts)
    if parts.scheme == "unix":
        login = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        database = parse_qs(parts.query).get("db", ["0"])[0]
        return f"redis+socket://{login}{parts.path}?virtual_host={database}"
    if tls_options(url) is None or not parts.query:
        return url
    kept = urlencode([(name, value) for name, value in parse_qsl(parts.query) if not name.startswith(_TLS)])
    return url.partition("?")[0] + (f"?{kept}" if kept else "")


def _for_sentinels(address: SentinelAddress) -> dict[str, Any]:
    """The options for the Sentinels. Without a retry policy redis-py waits 3.6 s for each one that refuses."""
    waits = {"socket_timeout": _SENTINEL_PATIENCE_S, "socket_connect_timeout": _SENTINEL_PATIENCE_S}
    tls = {} if address.tls is None else {"ssl": True} | address.tls
    return {"retry": Retry(NoBackoff(), 0)} | waits | tls | address.login_of_sentinels


_REDIS: Final = {
    "global_keyprefix": "postern:broker:",
    "health_check_interval": 10,
    "max_retries": 0,
    "socket_connect_timeout": BROKER_PATIENCE_S,
    "socket_keepalive": True,
    "socket_timeout": BROKER_PATIENCE_S,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "visibility_timeout": 300,
}
# A frozen RabbitMQ, or one that has raised an alarm, confirms nothing. What waits then, one after the other, are the
# publication, the close of the channel, that of the connection, and with TLS that of TLS.
_AMQP: Final = {
    "confirm_publish": True,
    "max_retries": 0,
    "read_timeout": _AMQP_PATIENCE_S,
    "write_timeout": _AMQP_PATIENCE_S,
}

# By the scheme of the URL, in seconds.
TRANSPORT_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "redis": _REDIS,
    "rediss": _REDIS,
    "unix": _REDIS,
    "sentinel": _REDIS,
    "amqp": _AMQP,
    "amqps": _AMQP,
    "pyamqp": _AMQP,
    "sqs": {"visibility_timeout": 300, "queue_name_prefix": "postern-"},
}
