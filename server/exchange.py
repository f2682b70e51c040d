"""One request and its answer, in a thread: gunicorn parses the request and frames the answer, the application makes it.

gunicorn's parser is strict about all that two servers could read in two ways (RFC 9112), which is worth its time.
What is left out costs each request a call of the system or a look-up, and gives nothing here.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Final

from gunicorn.http import errors
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from gunicorn.http.wsgi import Response, create

from server.line import Line
from server.refusals import FAILED, MALFORMED

_MOST_DISCARDED: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Connection:
    """A client's connection, with the parser of all of its requests."""

    line: Line
    client: Any
    server: Any
    parser: RequestParser


class Answer(Response):  # type: ignore[misc] # gunicorn has no types
    """gunicorn's response, whose head leaves together with the first bytes of its body."""

    headers_sent: bool
    _head = b""

    def send_headers(self) -> None:
        """Write the head, and keep it for the body."""
        if not self.headers_sent:
            fields = [f"{name}: {value}\r\n" for name, value in self.headers]
            self._head = "".join([*self.default_headers(), *fields, "\r\n"]).encode("latin-1")
            self.headers_sent = True

    def close(self) -> None:
        """Send what is left, and the end of a body in chunks."""
        self.send_headers()
        self._send(b"0\r\n\r\n" if self.chunked else b"")

    def _emit_body(self, data: bytes) -> None:
        self._send(b"%X\r\n%s\r\n" % (len(data), data) if self.chunked else data)

    def _send(self, data: bytes) -> None:
        if self._head or data:
            self.sock.sendall(self._head + data)
            self._head = b""


class Exchange:
    """Answers requests. Any number of threads may use it, each with a connection of its own."""

    def __init__(self, application: Callable[..., Iterable[bytes]], cfg: Any, log: Any) -> None:
        self._application = application
        self._settings = _read_once(cfg)
        self._log = log

    def connection(self, line: Line, *, client: Any, server: Any) -> Connection:
        """A connection that was accepted at the address `server` from the address `client`."""
        return Connection(line=line, client=client, server=server, parser=RequestParser(self._settings, line, client))

    def serve(self, conn: Connection, *, is_last: bool) -> bool:
        """Answer a request that has arrived. Return whether another one may follow, which `is_last` rules out."""
        try:
            request = next(conn.parser)
            return self._answer(conn, request, is_last=is_last) and _discards_the_rest(conn)
        except (StopIteration, errors.NoMoreData, OSError) as error:
            self._log.debug("A client has left: %s", type(error).__name__)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - this thread has to serve all the others
            self._refuse(conn.line, error)
        return False

    def _answer(self, conn: Connection, request: Request, *, is_last: bool) -> bool:
        answer, environ = create(request, conn.line, conn.client, conn.server, self._settings, response_class=Answer)
        environ["wsgi.multithread"] = True
        if is_last:
            answer.force_close()
        begun = datetime.now()  # noqa: DTZ005 - for gunicorn's access log
        pieces = self._application(environ, answer.start_response)
        try:
            for piece in pieces:
                answer.write(piece)
            answer.close()
        finally:
            self._log.access(answer, request, environ, datetime.now() - begun)  # noqa: DTZ005
            if hasattr(pieces, "close"):
                pieces.close()
        return not answer.should_close()

    def _refuse(self, line: Line, error: BaseException) -> None:
        """Answer a request that is not HTTP, or failed outside of the application. Its text is not quoted or logged."""
        malformed = isinstance(error, errors.ParseException)
        if malformed:
            self._log.warning("A request was not HTTP: %s", type(error).__name__)
        else:
            self._log.error("A request failed outside of the application: %s", type(error).__name__)
        if not line.is_answering:
            line.send_at_once(MALFORMED if malformed else FAILED)


def _discards_the_rest(conn: Connection) -> bool:
    """Discard what the application left unread of a body. False when more than a little is left, or has not arrived.

    No clock decides, since a busy process would end connections that it has promised to keep.
    """
    conn.line.settimeout(0.0)
    return bool(conn.parser.finish_body(max_bytes=_MOST_DISCARDED))


def _read_once(cfg: Any) -> SimpleNamespace:
    """Return the settings of gunicorn as plain values: a request reads thirty, and each is a search otherwise."""
    networks = cfg.forwarded_allow_networks()
    values = {name: getattr(cfg, name) for name in cfg.settings}
    return SimpleNamespace(**values, is_ssl=cfg.is_ssl, forwarded_allow_networks=lambda: networks)
