"""A Redis whose primary is named by Sentinels, and follows it when they fail over.

This module reads the URL, and decides how a client finds the primary: it asks the Sentinels for each new connection,
one after the other. Redis's own page on clients of Sentinel has the rules:
https://redis.io/docs/latest/develop/reference/sentinel-clients/
"""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from redis import Redis
from redis.sentinel import Sentinel, SentinelConnectionPool

SCHEMES: Final = ("sentinel", "sentinels")
PORT: Final = 26379


@dataclass(frozen=True, slots=True, kw_only=True)
class SentinelAddress:
    """What a URL says: `sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT/SERVICE/DATABASE`, with `sentinels` for TLS.

    `login` is for the primary, `login_of_sentinels` for the Sentinels: `username` and `password`, as far as given.
    `tls` has the files of the authorities and of the client, None without TLS. It holds for both.
    """

    sentinels: tuple[tuple[str, int], ...]
    service: str
    database: int
    login: dict[str, str]
    login_of_sentinels: dict[str, str]
    tls: dict[str, str] | None


class FollowedPrimary(Redis):
    """A client of the primary. To close it closes its connections to the Sentinels as well."""

    def close(self) -> None:
        """Close all connections."""
        super().close()
        pool = self.connection_pool
        if isinstance(pool, SentinelConnectionPool):
            pool.sentinel_manager.close()


def sentinel_address(url: str) -> SentinelAddress | None:
    """The parts of a URL of Sentinels, None for any other one. The settings have checked it (`config_urls`)."""
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        return None
    login, _, hosts = parts.netloc.rpartition("@")
    username, _, password = map(unquote, login.partition(":"))
    service, _, database = parts.path.strip("/").partition("/")
    options = dict(parse_qsl(parts.query))
    tls = {name: value for name, value in options.items() if name.startswith("ssl_")}
    return SentinelAddress(
        sentinels=tuple(_host_and_port(host) for host in hosts.split(",")),
        service=service,
        database=int(database or 0),
        login=_given(username=username, password=password),
        login_of_sentinels=_given(username=options.get("sentinel_username"), password=options.get("sentinel_password")),
        tls=tls if parts.scheme == "sentinels" else None,
    )


def follow_primary(address: SentinelAddress, options: dict[str, Any]) -> Redis:
    """A client of the primary of that service, which connects when first used. `options` hold for Sentinels as well."""
    shared = options | ({} if address.tls is None else {"ssl": True} | address.tls)
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        address.sentinels,
        sentinel_kwargs=shared | address.login_of_sentinels,
        **shared,
        **address.login,
        db=address.database,
    )
    primary: Redis = sentinel.master_for(address.service, FollowedPrimary)  # type: ignore[no-untyped-call]
    return primary


def _host_and_port(host: str) -> tuple[str, int]:
    parts = urlsplit(f"//{host}")
    return parts.hostname or "", parts.port or PORT


def _given(**values: str | None) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}
