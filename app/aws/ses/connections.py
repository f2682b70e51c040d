"""Kept connections to one endpoint: one POST at a time on each, written with one call and read to its end.

It decides when a connection may carry another request. It raises what boto3 raises, so that the error shows whether a
request can have left. It never sends one twice, verifies TLS as boto3 does, and goes through no proxy.
"""

import io
import socket
import ssl
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from select import POLLIN, poll
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from botocore import exceptions as boto
from botocore.awsrequest import HeadersDict
from botocore.httpsession import create_urllib3_context, get_cert_path

from app.aws.clients import CONNECT_TIMEOUT_S

LONGEST_ANSWER: Final = 64 * 1024
# SES closes idle connections; one that was idle for long may be closed at the very moment that it is used.
LONGEST_REST_S: Final = 15.0
# The size of the buffer that Linux gives a new socket.
TAKEN_AT_ONCE: Final = 16 * 1024

_READ: Final = 16 * 1024
_END_OF_HEAD: Final = b"\r\n\r\n"
_PLAIN: Final = b"HTTP/1.1 200 OK\r\n"

HttpResponse = tuple[int, HeadersDict, bytes]


class HandshakeFailed(boto.SSLError):
    """The TLS handshake failed, so no part of a request has left. boto3 has no class for it."""


class KeptConnections:
    """Connections to the host of `url`. Safe to use from many threads; none is shared while a request is on it.

    `now` counts seconds and never goes back. Raises `OSError` if `ca_bundle` cannot be read.
    """

    def __init__(self, url: str, *, ca_bundle: str | None, read_timeout_s: float, now: Callable[[], float]) -> None:
        parts = urlsplit(url)
        self._url = url
        self._host, self._port = parts.hostname or "", parts.port
        self._tls = _tls(ca_bundle) if parts.scheme == "https" else None
        self._read_timeout_s = read_timeout_s
        self._now = now
        self._resting: deque[tuple[socket.socket, float]] = deque()

    def send(self, request: bytes, *, before_waiting: Callable[[], None]) -> "Exchange":
        """Write one whole request; its answer is read from the exchange that this returns.

        A failure before the request can have left raises an error of its own class; a later one does not.
        `before_waiting` is called if a connection has to be opened, or if the request is longer than what the system
        buffers while the other side has read nothing.
        """
        rested = self._rested()
        if rested is None or len(request) > TAKEN_AT_ONCE:
            before_waiting()
        exchange = Exchange(rested or self.connect(), url=self._url, rest=self._rest)
        exchange.write(request)
        return exchange

    def close(self) -> None:
        """Close the idle connections."""
        while self._resting:
            self._resting.pop()[0].close()

    def _rest(self, connection: socket.socket) -> None:
        self._resting.append((connection, self._now()))

    def _rested(self) -> socket.socket | None:
        """The idle connection that was used last and is still good; others on the way to it are closed."""
        while self._resting:
            try:
                connection, since = self._resting.pop()
            except IndexError:
                return None
            if self._now() - since <= LONGEST_REST_S and not _has_ended(connection):
                return connection
            connection.close()
        return None

    def connect(self) -> socket.socket:
        """A connected socket, after the handshake where there is one."""
        opening = self._opening()
        try:
            opening.connect()
        except TimeoutError as error:
            opening.close()
            raise boto.ConnectTimeoutError(endpoint_url=self._url, error=error) from error
        except ssl.SSLError as error:
            opening.close()
            raise HandshakeFailed(endpoint_url=self._url, error=error) from error
        except OSError as error:
            opening.close()
            raise boto.EndpointConnectionError(endpoint_url=self._url, error=error) from error
        connection: socket.socket = opening.sock
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.settimeout(self._read_timeout_s)
        return connection

    def _opening(self) -> HTTPConnection:
        if self._tls is None:
            return HTTPConnection(self._host, self._port, timeout=CONNECT_TIMEOUT_S)
        return HTTPSConnection(self._host, self._port, timeout=CONNECT_TIMEOUT_S, context=self._tls)


class Exchange:
    """One request on one connection. `rest` takes the connection when it may carry another request; else it is closed.

    A caller that cannot wait calls `look` when the connection turns readable, and `read` once a part of the answer is
    there.
    """

    def __init__(self, connection: socket.socket, *, url: str, rest: Callable[[socket.socket], None]) -> None:
        self._connection = connection
        self._url = url
        self._rest = rest
        self._received = b""
        self.has_begun = False
        """Whether anything of an answer has come, its end included."""

    def fileno(self) -> int:
        """The file descriptor of the connection, to wait until it is readable."""
        return self._connection.fileno()

    def write(self, request: bytes) -> None:
        """Write the whole request. A failure raises the same as a missing answer: the request may have left."""
        with self._translated():
            self._connection.sendall(request)

    def look(self) -> HttpResponse | None:
        """The answer, if all of it is there and it is the plain 200 that nearly every request gets. Never waits."""
        patience_s = self._connection.gettimeout()
        with self._translated():
            self._connection.settimeout(0)
            try:
                self._received = self._connection.recv(_READ)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return None
            finally:
                self._connection.settimeout(patience_s)
            self.has_begun = True
            answer = read_plain(self._received)
        if answer:
            self._rest(self._connection)
        return answer

    def read(self) -> HttpResponse:
        """Wait for the answer and return it. `http.client` reads it, from its first byte, if it is no plain 200."""
        with self._translated():
            received = self._received if self.has_begun else self._connection.recv(_READ)
            answer, kept = _whole(received, self._connection)
        if kept:
            self._rest(self._connection)
        else:
            self._connection.close()
        return answer

    def give_up(self) -> NoReturn:
        """Close the connection without waiting for the answer."""
        self._connection.close()
        raise boto.ReadTimeoutError(endpoint_url=self._url)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Close the connection on any failure, and raise the error that boto3 would raise."""
        try:
            yield
        except TimeoutError as error:
            self._connection.close()
            raise boto.ReadTimeoutError(endpoint_url=self._url, error=error) from error
        except (OSError, HTTPException) as error:
            self._connection.close()
            raise boto.ConnectionClosedError(endpoint_url=self._url, error=error) from error
        except BaseException:
            self._connection.close()
            raise


def _whole(received: bytes, connection: socket.socket) -> tuple[HttpResponse, bool]:
    """The whole answer that begins with `received`, and whether the connection may carry another request."""
    if plain := read_plain(received):
        return plain, True
    # One that is left open complains when it is collected, from Python 3.13 on.
    with closing(HTTPResponse(_Received(received, connection), method="POST")) as response:  # type: ignore[arg-type]
        response.begin()
        content = response.read(LONGEST_ANSWER)
        if response.length and len(content) < LONGEST_ANSWER:
            raise IncompleteRead(content, response.length)
        whole = response.isclosed() and not response.will_close
        return (response.status, HeadersDict(response.getheaders()), content), whole


def read_plain(received: bytes) -> HttpResponse | None:
    """A whole 200 that came in one piece and says its length; None for everything else."""
    head, end, content = received.partition(_END_OF_HEAD)
    if not end or not head.startswith(_PLAIN):
        return None
    fields = dict(line.lower().split(b":", 1) for line in head[len(_PLAIN) :].split(b"\r\n") if b":" in line)
    if b"transfer-encoding" in fields or b"close" in fields.get(b"connection", b""):
        return None
    length = fields.get(b"content-length", b"").strip()
    if not length.isdigit() or int(length) != len(content):
        return None
    return 200, HeadersDict(), content


class _Received(io.RawIOBase):
    """The bytes received already, then the rest of the connection, as a socket that `http.client` can read."""

    def __init__(self, received: bytes, connection: socket.socket) -> None:
        self._received = received
        self._connection = connection

    def makefile(self, _mode: str) -> io.BufferedReader:
        """As `socket.makefile`."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """As `socket.recv_into`."""
        if not self._received:
            return self._connection.recv_into(buffer)
        count = min(len(buffer), len(self._received))
        buffer[:count] = self._received[:count]
        self._received = self._received[count:]
        return count


def _tls(ca_bundle: str | None) -> ssl.SSLContext:
    """What boto3 trusts, no more and no less: Python's default context refuses authorities that boto3 takes."""
    context: ssl.SSLContext = create_urllib3_context()
    context.check_hostname = True
    context.load_verify_locations(cafile=ca_bundle or get_cert_path(verify=True))
    return context


def _has_ended(connection: socket.socket) -> bool:
    """Whether there is anything to read on a connection on which nothing is expected: its end, as a rule."""
    waiting = poll()
    waiting.register(connection, POLLIN)
    return bool(waiting.poll(0))
