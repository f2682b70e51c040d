"""Gunicorn's thread worker, whose threads wait for no client: a request gets a thread when all of it has arrived.

Until then the poller waits for it, within the limits of `server.line`. The poller also waits for the next request of a
kept connection, and for the end of one that was answered. So slow sockets cost memory, which is bounded, and no thread.
Only a body of more than `HELD_LIMIT` is read by a thread as it arrives: by then the application has checked the key.
"""

import errno
import json
import resource
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from socket import socket
from time import monotonic
from typing import Any, Final

from gunicorn.http import errors
from gunicorn.workers.gthread import TConn, ThreadWorker

from server.arrival import Standing
from server.line import MOST_HELD, Line

_LOOK_EVERY_S: Final = 1.0
_DRAIN_S: Final = 0.05
_OTHER_FILES: Final = 200

_TOO_SLOW: Final = (408, "Request Timeout", "request_timeout", "The request did not come in time; send it again.")
_TOO_SLOW_FOR_NOW: Final = (503, "Service Unavailable", *_TOO_SLOW[2:])
_TOO_MUCH: Final = (431, "Request Header Fields Too Large", "validation_error", "The head of the request is too large.")
_NO_ROOM: Final = (503, "Service Unavailable", "service_unavailable", "Too many unfinished requests; send it again.")
_MALFORMED: Final = (400, "Bad Request", "validation_error", "The request is not HTTP.")
_FAILED: Final = (500, "Internal Server Error", "application_error", "The gateway failed.")

_TAKES_4XX_AS_FINAL: Final = b"POST /feedback/"
"""How a request of SNS begins. SNS drops a notification for good after 408, and tries again after 503."""


class Worker(ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """Serves HTTP/1.1 without TLS; TLS, HTTP/2 and the PROXY protocol end at the proxy in front."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.worker_connections: int = self.cfg.worker_connections
        self._waiting: dict[TConn, None] = {}
        self._held = 0
        self._look_at = 0.0

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Refuse settings that would make a thread wait for a client. Raises `RuntimeError`, which gunicorn reports."""
        super().check_config(cfg, log)
        if cfg.forwarder_headers:
            raise RuntimeError("Postern lets no header change the path: leave forwarder_headers empty.")
        if cfg.is_ssl or cfg.proxy_protocol != "off" or cfg.http2_cleartext != "off":
            raise RuntimeError("Postern speaks HTTP/1.1: let TLS, HTTP/2 and the PROXY protocol end at a proxy.")

    def init_process(self) -> None:
        """Allow as many connections as the limit of open files permits."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = self.worker_connections + _OTHER_FILES
        if soft < wanted:
            soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            except OSError:  # a sandbox may forbid it
                soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.worker_connections = max(self.cfg.threads + 1, min(self.worker_connections, soft - _OTHER_FILES))
        self.max_keepalived = self.worker_connections - self.cfg.threads
        super().init_process()

    def accept(self, listener: socket) -> None:
        """Accept a connection, and let the poller wait for its first bytes."""
        try:
            accepted, address = listener.accept()
        except OSError as error:
            if error.errno not in {errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK}:
                raise
            return
        self.nr_conns += 1
        conn = TConn(self.cfg, Line(accepted), address, listener.getsockname())
        conn.data_ready = True  # no thread waits for the first byte
        self._await(conn)

    def handle(self, conn: TConn) -> Any:
        """Serve the request, in a thread, if it has arrived. Return whether to keep the connection, or its standing."""
        standing = conn.sock.gather()
        if standing is Standing.READY:
            return super().handle(conn)
        return standing if not conn.sock.is_over else False

    def finish_request(self, conn: TConn, fs: "Future[Any]") -> None:
        """Decide what happens to the connection after its thread has finished."""
        try:
            then = fs.result()
            if then in {Standing.HEAD, Standing.BODY}:
                self._await(conn)
            elif then is Standing.TOO_LARGE:
                self._refuse(conn, _TOO_MUCH)
            elif then:
                self._keep(conn)
            else:
                self._end(conn)
        except Exception:  # noqa: BLE001 - after any error, this loop has to serve all the others
            self._close(conn)

    def murder_pending(self) -> None:
        """Give up the connections whose time is over. The loop calls this in each turn."""
        now = monotonic()
        if now < self._look_at:
            return
        self._look_at = now + _LOOK_EVERY_S
        for conn in [one for one in self._waiting if one.sock.expires() <= now]:
            self._leave(conn)
            if conn.sock.early:
                to_sns = conn.sock.early.startswith(_TAKES_4XX_AS_FINAL)
                self._refuse(conn, _TOO_SLOW_FOR_NOW if to_sns else _TOO_SLOW)
            else:
                self._close(conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:  # noqa: ARG002 - gunicorn's
        """Answer a request that is not HTTP, or failed outside of the application. Its text is not quoted or logged."""
        malformed = isinstance(exc, errors.ParseException)
        if malformed:
            self.log.warning("A request was not HTTP: %s", type(exc).__name__)
        else:
            self.log.error("A request failed outside of the application: %s", type(exc).__name__)
        with suppress(OSError):
            client.sendall(_answer(_MALFORMED if malformed else _FAILED))

    def _keepalive_after(self, conn: TConn, keepalive: bool) -> bool:  # noqa: FBT001 - as gunicorn has it
        """Discard a body that the application left unread; if it has not arrived yet, the connection ends."""
        return bool(keepalive and conn.parser.finish_body(deadline=monotonic() + _DRAIN_S))

    def _cap_keepalive(self, deadline: float) -> None:
        for conn in self._waiting:
            conn.sock.hurry(deadline)

    def _keep(self, conn: TConn) -> None:
        idle_s = self.cfg.keepalive if self.alive else _LOOK_EVERY_S
        conn.sock.begin_anew(conn.parser.unreader.take_buffered(), idle_s=idle_s)
        if conn.sock.early:
            self.enqueue_req(conn)
        elif len(self._waiting) >= self.max_keepalived:
            self._close(conn)
        else:
            self._await(conn)

    def _await(self, conn: TConn) -> None:
        """Let the poller wait for the next bytes."""
        conn.sock.settimeout(0.0)
        self.poller.register(conn.sock, EVENT_READ, partial(self._readable, conn))
        self._waiting[conn] = None
        self._held += len(conn.sock.early)
        if self._held > MOST_HELD:
            largest = max(self._waiting, key=lambda one: len(one.sock.early))
            self._leave(largest)
            self._refuse(largest, _NO_ROOM)

    def _readable(self, conn: TConn, _: Any) -> None:
        if conn in self._waiting:
            self._leave(conn)
            self.enqueue_req(conn)

    def _leave(self, conn: TConn) -> None:
        del self._waiting[conn]
        self._held -= len(conn.sock.early)
        self.poller.unregister(conn.sock)

    def _refuse(self, conn: TConn, why: tuple[int, str, str, str]) -> None:
        conn.sock.send_at_once(_answer(why))
        self._end(conn)

    def _end(self, conn: TConn) -> None:
        """End the connection, but read on first: a reset while the client still sends could destroy its answer."""
        try:
            conn.sock.linger()
        except OSError:
            self._close(conn)
            return
        self.poller.register(conn.sock, EVENT_READ, partial(self._drained, conn))
        self._waiting[conn] = None

    def _drained(self, conn: TConn, _: Any) -> None:
        if conn in self._waiting and conn.sock.drain():
            self._leave(conn)
            self._close(conn)

    def _close(self, conn: TConn) -> None:
        self.nr_conns -= 1
        conn.sock.close()


def _answer(why: tuple[int, str, str, str]) -> bytes:
    """An answer like the API's own errors, but without a request id."""
    status, reason, name, detail = why
    body = json.dumps(
        {
            "type": f"urn:postern:error:{name}",
            "title": reason,
            "status": status,
            "detail": detail,
            "errors": [],
            "statusCode": status,
            "name": name,
            "message": detail,
        }
    )
    again = "Retry-After: 1\r\n" if status == 503 else ""
    head = f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n{again}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode("ascii")
