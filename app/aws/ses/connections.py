"""Connections to one endpoint that are kept: one POST at a time on each, written with one call and read to its end.

It decides when a connection may carry another request, and raises what boto3 raises, so that whoever judges knows
whether a request can have left. It never sends one twice, verifies TLS as boto3 does, and goes through no proxy.
"""

import io
import socket
import ssl
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from select import POLLIN, poll
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from botocore import exceptions as boto
from botocore.awsrequest import HeadersDict
from botocore.httpsession import get_cert_path

from app.aws.clients import CONNECT_TIMEOUT_S

LONGEST_ANSWER: Final = 64 * 1024
# SES closes connections that rest; one that rested for long may be closed at the very moment that it is used.
LONGEST_REST_S: Final = 15.0
# What Linux gives a socket to begin with.
TAKEN_AT_ONCE: Final = 16 * 1024

_READ: Final = 16 * 1024
_END_OF_HEAD: Final = b"\r\n\r\n"
_PLAIN: Final = b"HTTP/1.1 200 OK\r\n"

Answer = tuple[int, HeadersDict, bytes]


class KeptConnections:
    """Connections to the host of `url`. Safe to use from many threads; none is shared while a request is on it.

    `now` counts seconds and never goes back.
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
        """Write one whole request; its answer is read from what this returns.

        What fails before the request can have left raises an error that says so; anything later, one that does not.
        `before_waiting` is called where a connection has to be opened, or where the request is longer than what the
        system takes before the other side has taken any.
        """
        rested = self._rested()
        if rested is None or len(request) > TAKEN_AT_ONCE:
            before_waiting()
        exchange = Exchange(rested or self._connect(), url=self._url, rest=self._rest)
        exchange.write(request)
        return exchange

    def close(self) -> None:
        """Close those that rest."""
        while self._resting:
            self._resting.pop()[0].close()

    def _rest(self, connection: socket.socket) -> None:
        self._resting.append((connection, self._now()))

    def _rested(self) -> socket.socket | None:
        """The connection that was used last, if it is still good; those that are not are closed."""
        while self._resting:
            try:
                connection, since = self._resting.pop()
            except IndexError:
                return None
            if self._now() - since <= LONGEST_REST_S and not _has_ended(connection):
                return connection
            connection.close()
        return None

    def _connect(self) -> socket.socket:
        """A connected socket, after the handshake where there is one."""
        opening = self._opening()
        try:
            opening.connect()
        except TimeoutError as error:
            opening.close()
            raise boto.ConnectTimeoutError(endpoint_url=self._url, error=error) from error
        except ssl.SSLError as error:
            opening.close()
            raise boto.SSLError(endpoint_url=self._url, error=error) from error
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

    Whoever has other things to do looks for the answer when the connection turns readable, and reads it once a part is
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
        """The connection's, to wait until it is readable."""
        return self._connection.fileno()

    def write(self, request: bytes) -> None:
        """Write the whole request. Raises what an answer that does not come raises: it may have left."""
        with self._told():
            self._connection.sendall(request)

    def look(self) -> Answer | None:
        """The answer, when all of it is there and is the one that nearly every request gets; it never waits."""
        patience_s = self._connection.gettimeout()
        with self._told():
            self._connection.settimeout(0)
            try:
                self._received = self._connection.recv(_READ)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return None
            finally:
                self._connection.settimeout(patience_s)
            self.has_begun = True
            answer = _plain(self._received)
        if answer:
            self._rest(self._connection)
        return answer

    def read(self) -> Answer:
        """The answer, waited for; whatever it is, from its first byte, by `http.client` where it is no plain one."""
        with self._told():
            received = self._received if self.has_begun else self._connection.recv(_READ)
            answer, kept = _whole(received, self._connection)
        if kept:
            self._rest(self._connection)
        else:
            self._connection.close()
        return answer

    def give_up(self) -> NoReturn:
        """Wait no longer."""
        self._connection.close()
        raise boto.ReadTimeoutError(endpoint_url=self._url)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Whatever fails ends the connection, and is told as boto3 tells it."""
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


def _whole(received: bytes, connection: socket.socket) -> tuple[Answer, bool]:
    """The answer that begins so, and whether the connection may carry another request."""
    if plain := _plain(received):
        return plain, True
    response = HTTPResponse(_Received(received, connection), method="POST")  # type: ignore[arg-type]
    response.begin()
    content = response.read(LONGEST_ANSWER)
    whole = response.isclosed() and not response.will_close
    return (response.status, HeadersDict(response.getheaders()), content), whole


def _plain(received: bytes) -> Answer | None:
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
    """What was received already, and then the rest of the connection: as a socket that `http.client` can read."""

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
    return ssl.create_default_context(cafile=ca_bundle or get_cert_path(verify=True))


def _has_ended(connection: socket.socket) -> bool:
    """Whether there is anything to read on a connection on which nothing is expected: its end, as a rule."""
    waiting = poll()
    waiting.register(connection, POLLIN)
    return bool(waiting.poll(0))
