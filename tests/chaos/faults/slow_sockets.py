"""Clients that begin a request and send no more: more of them than the web process has threads."""

import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

NUMBER = 200
_HEAD = b"POST /feedback/sns HTTP/1.1\r\nHost: gateway\r\n"
BEGINNINGS = (
    b"G",
    _HEAD,
    _HEAD + b"Content-Length: 1000\r\n\r\n{",
    _HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\n{",
)


def slow_sockets(url: str) -> Callable[[], None]:
    """Open them; returns a function that closes them. A web process that is away is left alone."""
    address = urlsplit(url)
    opened = ExitStack()
    with suppress(OSError):
        for number in range(NUMBER):
            client = opened.enter_context(socket.create_connection((address.hostname, address.port), timeout=2))
            client.sendall(BEGINNINGS[number % len(BEGINNINGS)])
    return opened.close
