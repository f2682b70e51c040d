"""A gunicorn worker whose threads wait for no client: a request gets a thread when all of it has arrived.

The main thread reads from all sockets, within the limits of `server.line`; it also waits for the next request of a kept
connection, and for the end of one that was answered. So slow sockets cost memory, which is bounded, and no thread. Only
a body of more than `HELD_LIMIT` is read by a thread as it arrives: by then the application has checked the key.
"""

import errno
import os
import resource
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from selectors import EVENT_READ, DefaultSelector
from socket import socket
from threading import Lock, Thread
from time import monotonic
from typing import Any, Final

from gunicorn.workers.base import Worker as GunicornWorker

from server.arrival import Standing
from server.exchange import Connection, Exchange
from server.line import MOST_HELD, Line
from server.refusals import NO_ROOM, TOO_MUCH, too_slow

_LOOK_EVERY_S: Final = 1.0
_OTHER_FILES: Final = 200

STOP_S: Final = 2.0
"""How long a worker that stops keeps idle connections, on which a client may be sending its next request."""


class Worker(GunicornWorker):  # type: ignore[misc] # gunicorn has no types
    """Serves HTTP/1.1 without TLS; TLS, HTTP/2 and the PROXY protocol end at the proxy in front.

    The main thread alone takes connections from the poller, and gives those whose request has arrived to the threads. A
    thread gives a connection back to the poller by itself, without a lock: one that is held while the system is called
    would let all threads wait for each other.
    """

    alive: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._most: int = self.cfg.worker_connections
        self._ready: SimpleQueue[Connection] = SimpleQueue()
        self._open: set[Connection] = set()
        self._waiting: dict[Connection, int] = {}
        self._held = 0
        self._door = Lock()
        self._is_accepting = False
        self._look_at = 0.0

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:  # noqa: ARG003 - gunicorn's
        """Refuse settings that would make a thread wait for a client. Raises `RuntimeError`, which gunicorn reports."""
        if cfg.forwarder_headers:
            raise RuntimeError("Postern lets no header change the path: leave forwarder_headers empty.")
        if cfg.is_ssl or cfg.proxy_protocol != "off" or cfg.http2_cleartext != "off":
            raise RuntimeError("Postern speaks HTTP/1.1: let TLS, HTTP/2 and the PROXY protocol end at a proxy.")

    def init_process(self) -> None:
        """Allow as many connections as the limit of open files permits."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = self._most + _OTHER_FILES
        if soft < wanted:
            soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            except OSError:  # a sandbox may forbid it
                soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._most = max(self.cfg.threads + 1, min(self._most, soft - _OTHER_FILES))
        super().init_process()

    def run(self) -> None:
        """Serve until the worker has to stop, then let requests finish for `graceful_timeout`."""
        self._poller = DefaultSelector()
        self._poller.register(self.PIPE[0], EVENT_READ, partial(os.read, self.PIPE[0], 1024))  # signals wake us
        self._exchange = Exchange(self.wsgi, self.cfg, self.log)
        for number in range(self.cfg.threads):
            Thread(target=self._serve_all, name=f"web-{number}", daemon=True).start()
        while self.alive and self.ppid == os.getppid():
            self._accept_if(wanted=len(self._open) < self._most)
            self._turn()
        self.alive = False
        self._accept_if(wanted=False)
        begun = monotonic()
        while self._open and monotonic() < begun + self.cfg.graceful_timeout:
            for conn in list(self._waiting):
                conn.line.hurry(begun + STOP_S)
            self._turn()

    # The main thread.

    def _accept_if(self, *, wanted: bool) -> None:
        if wanted == self._is_accepting:
            return
        self._is_accepting = wanted
        for listener in self.sockets:
            if wanted:
                listener.settimeout(0.0)
                self._poller.register(listener, EVENT_READ, partial(self._accept, listener))
            else:
                self._poller.unregister(listener)

    def _turn(self) -> None:
        """Do what there is to do, or wait for it a second."""
        self.notify()
        for key, _ in self._poller.select(_LOOK_EVERY_S):
            key.data()
            if self._held > MOST_HELD:
                self._refuse_the_largest()
                break  # whose event may come next; those that are left come again
        self._give_up()

    def _accept(self, listener: socket) -> None:
        try:
            accepted, address = listener.accept()
        except OSError as error:
            if error.errno not in {errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK}:
                raise
            return
        conn = self._exchange.connection(Line(accepted), client=address, server=listener.getsockname())
        self._open.add(conn)
        self._wait(conn, self._readable)

    def _readable(self, conn: Connection) -> None:
        standing = conn.line.gather()
        if standing in {Standing.HEAD, Standing.BODY} and not conn.line.is_over:
            self._count(len(conn.line.early) - self._waiting[conn])
            self._waiting[conn] = len(conn.line.early)
            return
        self._leave(conn)
        if standing is Standing.HEAD:
            self._close(conn)
        else:
            self._proceed(conn, standing)

    def _give_up(self) -> None:
        """Give up the connections whose time is over."""
        now = monotonic()
        if now < self._look_at:
            return
        self._look_at = now + _LOOK_EVERY_S
        for conn in list(self._waiting):
            if conn.line.expires() > now or not self._leave(conn):
                continue
            if conn.line.early:
                self._refuse(conn, too_slow(conn.line.early))
            else:
                self._close(conn)

    def _refuse_the_largest(self) -> None:
        largest = max(list(self._waiting), key=lambda conn: len(conn.line.early))
        if self._leave(largest):
            self._refuse(largest, NO_ROOM)

    def _leave(self, conn: Connection) -> bool:
        """Take a connection from the poller. False when a thread is only just giving it back."""
        try:
            self._poller.unregister(conn.line)
        except KeyError:
            return False
        self._count(-self._waiting.pop(conn))
        return True

    def _drained(self, conn: Connection) -> None:
        if conn.line.drain():
            self._leave(conn)
            self._close(conn)

    # The threads. `_proceed` and what it calls are the main thread's as well.

    def _serve_all(self) -> None:
        while True:
            conn = self._ready.get()
            try:
                self._serve(conn)
            except Exception as error:  # noqa: BLE001 - this thread has to serve all the others
                # Its text may quote the request.
                self.log.error("A connection failed: %s", type(error).__name__)  # noqa: TRY400
                self._count(-self._waiting.pop(conn, 0))
                self._close(conn)

    def _serve(self, conn: Connection) -> None:
        self.nr += 1
        if self.nr >= self.max_requests:
            self.alive = False
        is_last = not self.alive or not self.cfg.keepalive or len(self._waiting) >= self._most - self.cfg.threads
        if self._exchange.serve(conn, is_last=is_last):
            idle_s = self.cfg.keepalive if self.alive else _LOOK_EVERY_S
            conn.line.begin_anew(conn.parser.unreader.take_buffered(), idle_s=idle_s)
            self._proceed(conn, conn.line.standing())
        else:
            self._end(conn)

    def _proceed(self, conn: Connection, standing: Standing) -> None:
        if standing is Standing.READY:
            self._ready.put(conn)
        elif standing is Standing.TOO_LARGE:
            self._refuse(conn, TOO_MUCH)
        else:
            self._wait(conn, self._readable)

    def _wait(self, conn: Connection, then: Callable[[Connection], None]) -> None:
        """Let the poller wait for the next bytes."""
        self._waiting[conn] = len(conn.line.early)
        self._count(self._waiting[conn])
        self._poller.register(conn.line, EVENT_READ, partial(then, conn))

    def _count(self, octets: int) -> None:
        if octets:
            with self._door:
                self._held += octets

    def _refuse(self, conn: Connection, answer: bytes) -> None:
        conn.line.send_at_once(answer)
        self._end(conn)

    def _end(self, conn: Connection) -> None:
        """End the connection, but read on first: a reset while the client still sends could destroy its answer."""
        try:
            conn.line.linger()
        except OSError:
            self._close(conn)
        else:
            self._wait(conn, self._drained)

    def _close(self, conn: Connection) -> None:
        self._open.discard(conn)
        conn.line.close()
