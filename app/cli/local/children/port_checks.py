"""Quick checks on loopback: whether a port is free, and whether a server answers. None waits more than a second."""

import http.client
import socket
from urllib.parse import urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

PATIENCE_S = 1.0


class PortInUse(Exception):
    """Another process listens on the port already. The text is one line that says what to do."""


def require_free_port(host: str, port: int, *, option: str = "--port") -> None:
    """Raise `PortInUse` when the port cannot be listened on. `option` is the option that chooses another port."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            why = error.strerror.lower() if error.strerror else str(error)
            raise PortInUse(f"cannot listen on {host}:{port}, {why}: pass {option} with a free one") from error


def free_port(host: str = "127.0.0.1") -> int:
    """A port that is free now. A process that binds it soon most likely gets it."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def answers(url: str) -> bool:
    """Whether a plain-HTTP GET of this URL is answered with a status below 400 right now."""
    target = urlsplit(url)
    connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=PATIENCE_S)
    try:
        connection.request("GET", target.path or "/")
        return connection.getresponse().status < http.HTTPStatus.BAD_REQUEST
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def greets(port: int) -> bool:
    """Whether an SMTP server on this port of loopback sends its greeting right now."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connected:
            return connected.recv(4) == b"220 "
    except OSError:
        return False


def pings(redis_url: str) -> bool:
    """Whether the Redis or Valkey at this URL answers PING right now."""
    with Redis.from_url(redis_url, socket_timeout=PATIENCE_S, retry=Retry(NoBackoff(), 0)) as client:
        try:
            return bool(client.ping())
        except RedisError:
            return False
