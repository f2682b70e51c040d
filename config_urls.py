"""The URLs among the settings: which ones are usable, which spellings are accepted, and what stands behind one.

It decides what `config.py` refuses in DATABASE_URL, REDIS_URL, CELERY_BROKER_URL and SQS_QUEUE_URLS. It connects to
nothing; it only checks that the files that a URL names exist.
"""

import re
import sqlite3
from collections.abc import Container
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field

DatabasePooled = Annotated[
    bool,
    Field(
        description="A pooler such as PgBouncer stands before PostgreSQL. Then the role has to have the timeouts that "
        "docs/infrastructure.md lists."
    ),
]

_OLDEST_SQLITE = (3, 35)
"""The first with RETURNING, by which rows are claimed (https://sqlite.org/lang_returning.html)."""

_REDIS_SCHEMES = ("redis", "rediss", "unix", "sentinel", "sentinels")
_ALIASES = {
    "valkey": "redis",
    "valkeys": "rediss",
    "valkey+socket": "redis+socket",
    "redis+sentinel": "sentinel",
    "rediss+sentinel": "sentinels",
    "valkey+sentinel": "sentinel",
    "valkeys+sentinel": "sentinels",
}
_TLS_SCHEMES = ("rediss", "amqps", "sentinels")
_SENTINEL_SCHEMES = ("sentinel", "sentinels")
_SENTINEL = r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?"
_BEHIND_SENTINELS = re.compile(
    rf"(?:[^@/?]{{1,1000}}@)?{_SENTINEL}(?:,{_SENTINEL}){{0,8}}/[A-Za-z0-9._-]{{1,100}}(?:/[0-9]{{0,5}})?(?:\?.*)?"
)
_SENTINEL_OPTIONS = ("sentinel_username", "sentinel_password")
_TLS_FILES = ("ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile")
_VERIFIED = {"ssl_cert_reqs": ("required", "cert_required"), "ssl_check_hostname": ("true", "1", "yes", "on")}
_MOST_QUEUES = 10
_LONGEST_QUEUE_URL = 400
_QUEUE_OF_AWS = re.compile(
    r"https://(?:(?:vpce-[a-z0-9-]{1,80}\.)?sqs(?:-fips)?\.[a-z0-9-]{6,32}\.(?:vpce\.)?(?:amazonaws\.(?:com(?:\.cn)?|eu)"
    r"|api\.aws|api\.amazonwebservices\.(?:com\.cn|eu))|(?:[a-z0-9-]{6,32}\.)?queue\.amazonaws\.com(?:\.cn)?)"
    r"/[0-9]{12}/[A-Za-z0-9_-]{1,80}"
)
_QUEUE_OF_A_SIMULATOR = re.compile(
    r"http://(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?/[0-9]{12}/[A-Za-z0-9_-]{1,80}"
)


def usable_database(url: str, *, sqlite: tuple[int, ...] = sqlite3.sqlite_version_info) -> str:
    """The URL as SQLAlchemy takes it. Raises `ValueError` for a database that is neither PostgreSQL nor SQLite.

    `sqlite` is the version of the SQLite that this Python has; an older one than Postern needs is refused too.
    """
    if url.startswith("postgresql://"):
        url = url.replace("postgresql://", "postgresql+psycopg://", 1)
    if not url.startswith(("postgresql+psycopg://", "sqlite:///")):
        raise ValueError("must start with postgresql:// or sqlite:///")
    if url.startswith("sqlite") and sqlite < _OLDEST_SQLITE:
        has, needs = (".".join(map(str, version)) for version in (sqlite, _OLDEST_SQLITE))
        raise ValueError(f"SQLite is {has} here, and Postern needs {needs} or newer: upgrade it, or use PostgreSQL")
    return url


def usable_redis(url: str) -> str:
    """The URL as redis-py takes it. Raises `ValueError` if it is not Redis, is unsafe, or would fail."""
    url = _usable_broker(url)
    if not url.startswith(tuple(f"{scheme}://" for scheme in _REDIS_SCHEMES)):
        raise ValueError("must start with redis://, rediss://, unix:// or sentinel:// (valkey:// is redis://)")
    return url


def usable_brokers(urls: str) -> str:
    """The URLs of one or more brokers, as Celery takes them. Raises `ValueError` as `usable_redis` does."""
    usable = [_usable_broker(url) for url in urls.split(";")]
    if len(usable) > 1 and any(url.startswith(_SENTINEL_SCHEMES) for url in usable):
        raise ValueError("name all Sentinels in one URL, with commas: sentinel://HOST:26379,HOST:26379/SERVICE/0")
    return ";".join(usable)


def usable_queues(urls: tuple[str, ...]) -> tuple[str, ...]:
    """The URLs, which are of SQS queues that SNS can deliver to. Raises `ValueError`, also for too many or repeated."""
    if len(urls) > _MOST_QUEUES or len(set(urls)) < len(urls):
        raise ValueError(f"at most {_MOST_QUEUES} queues, each once")
    for url in urls:
        if url.endswith(".fifo"):
            raise ValueError("a FIFO queue cannot be subscribed to a topic of SES; no .fifo works here")
        known = _QUEUE_OF_AWS.fullmatch(url) or _QUEUE_OF_A_SIMULATOR.fullmatch(url)
        if len(url) > _LONGEST_QUEUE_URL or known is None:
            raise ValueError("each must be the URL of a queue, https://sqs.REGION.amazonaws.com/ACCOUNT/NAME")
    return urls


def _usable_broker(url: str) -> str:
    """The URL as redis-py and Celery take it. Raises `ValueError` if they take it but it is unsafe or fails."""
    scheme, mark, rest = url.strip().partition("://")
    scheme = _ALIASES.get(scheme.lower(), scheme.lower())
    if scheme in _SENTINEL_SCHEMES:
        _check_sentinels(scheme, rest)
    if "cluster" in scheme:
        raise ValueError("a Redis Cluster is not supported: name one primary (cluster mode disabled)")
    options = {name: value for name, value in parse_qsl(urlsplit(f"//{rest}").query) if name.startswith("ssl_")}
    if options and scheme not in _TLS_SCHEMES:
        raise ValueError(
            f"{min(options)} is for rediss://, sentinels:// and amqps://; {scheme}:// sends everything unencrypted"
        )
    for name, value in options.items():
        if name in _VERIFIED and value.lower() not in _VERIFIED[name]:
            raise ValueError(
                f"{name}={value} is refused: a host on the way could read the password; leave it out, and name the "
                "certificate authority with ssl_ca_certs=/path/to/ca.pem if the system does not know it"
            )
        if name in _TLS_FILES and not Path(value).exists():
            raise ValueError(f"{name}: there is no such file")
        if name not in _VERIFIED and (name not in _TLS_FILES or (scheme, name) == ("amqps", "ssl_ca_path")):
            raise ValueError(f"{name} is not known; known are {', '.join(sorted({*_VERIFIED, *_TLS_FILES}))}")
    return f"{scheme}{mark}{_without(rest, _VERIFIED)}"


def _check_sentinels(scheme: str, rest: str) -> None:
    """Raise `ValueError` unless it names Sentinels and what they watch, and has no option that would have no effect."""
    if not _BEHIND_SENTINELS.fullmatch(rest):
        raise ValueError(
            f"must be {scheme}://USER:PASSWORD@HOST:26379,HOST:26379/SERVICE/0: the Sentinels, the name of what they "
            "watch, and a database number; user and password, percent-encoded, are those of the primary"
        )
    given = {name for name, _ in parse_qsl(urlsplit(f"//{rest}").query) if not name.startswith("ssl_")}
    if unknown := given - {*_SENTINEL_OPTIONS}:
        raise ValueError(f"{min(unknown)} is not known; known are {' and '.join(_SENTINEL_OPTIONS)}")


def _without(url: str, names: Container[str]) -> str:
    """The URL without these parameters: redis-py and Celery spell them differently."""
    path, mark, query = url.partition("?")
    kept = "&".join(one for one in query.split("&") if one.partition("=")[0] not in names)
    return f"{path}{mark}{kept}" if kept else path
