"""A Redis of Debian's package: with TLS and the user that the docs describe, or with Sentinels."""

from functools import partial
from typing import Final

from redis import Redis

from app.cli.local.children.port_checks import free_port, pings
from tests.chaos.stage.machines import Machine
from tests.chaos.stage.site import Reached, Site
from tests.infrastructure.pieces.programs import program
from tests.support.redis.user import NAME, user_of_the_docs
from tests.support.servers.tls import self_signed

PASSWORD: Final = "pA55word-of-Redis"
SERVICE: Final = "mymaster"
_WITHOUT_A_DISK: Final = ("--save", "", "--appendonly", "no")


def guarded_redis(site: Site) -> Reached:
    """A Redis that speaks TLS only, behind the network `redis`; Postern has the user of the docs."""
    folder, port = site.folder("redis"), free_port()
    shown, _ = self_signed(folder, "127.0.0.1")
    rules = " ".join(user_of_the_docs(PASSWORD))
    (folder / "users.acl").write_text(f"user {NAME} {rules}\nuser default on nopass ~* &* +@all\n")
    tls = ("--tls-cert-file", str(shown), "--tls-key-file", str(folder / "key.pem"), "--tls-ca-cert-file", str(shown))
    listens = ("--port", "0", "--tls-port", str(port), "--unixsocket", str(folder / "socket"), *tls)
    more = ("--tls-auth-clients", "no", "--dir", str(folder), "--aclfile", str(folder / "users.acl"))
    url = f"unix://{folder / 'socket'}"
    argv = (program("redis-server", package="redis-server"), *listens, *more, *_WITHOUT_A_DISK)
    site.start(Machine(name="redis", argv=argv, log=site.log("redis"), ready=partial(pings, url)))
    proxy = site.networks.open_tcp("redis", port)
    return Reached(direct=url, gateway=f"rediss://{NAME}:{PASSWORD}@127.0.0.1:{proxy}/0?ssl_ca_certs={shown}")


def redis_with_sentinels(site: Site) -> Reached:
    """Two Redis, `redis-0` and `redis-1`, and three Sentinels that watch them; they carry the bells as well."""
    servers = [free_port(), free_port()]
    for number, port in enumerate(servers):
        after = () if number == 0 else ("--replicaof", "127.0.0.1", str(servers[0]))
        _start(
            site, f"redis-{number}", port, "redis-server", *_WITHOUT_A_DISK, "--repl-diskless-sync-delay", "0", *after
        )
    sentinels = [free_port() for _ in range(3)]
    for number, port in enumerate(sentinels):
        _start(site, f"sentinel-{number}", port, "redis-sentinel")
        with Redis(port=port) as client:
            client.sentinel_monitor(SERVICE, "127.0.0.1", servers[0], 2)
            client.sentinel_set(SERVICE, "down-after-milliseconds", 1000)
            client.sentinel_set(SERVICE, "failover-timeout", 4000)
    hosts = ",".join(f"127.0.0.1:{port}" for port in sentinels)
    return Reached(direct=f"redis://127.0.0.1:{servers[0]}", gateway=f"sentinel://{hosts}/{SERVICE}/0")


def _start(site: Site, name: str, port: int, command: str, *words: str) -> None:
    """Start a server with a file of its own, in which Sentinel keeps what it has learnt."""
    folder = site.folder(name)
    config = folder / "server.conf"
    config.write_text(f"port {port}\nbind 127.0.0.1\ndir {folder}\n")
    argv = (program(command, package=command), str(config), *words)
    ready = partial(pings, f"redis://127.0.0.1:{port}")
    site.start(Machine(name=name, argv=argv, log=site.log(name), ready=ready))
