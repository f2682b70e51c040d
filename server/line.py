"""A client's socket with time limits: for each wait, for a whole request, and for a whole answer.

It decides how long a client may take. Whether a thread or the poller waits is decided by `server.worker`.
"""

import errno
import select
import socket
import time
from typing import Any, Final

from server.arrival import HELD_LIMIT, Arrival, Standing

HEAD_S: Final = 5.0
"""Seconds from a request's first byte, or a connection's beginning, to the end of its head."""

PROGRESS_S: Final = 15.0
"""Seconds without a byte of a body, or without the client taking a byte of an answer."""

GRACE_S: Final = 60.0
SLOWEST: Final = 32 * 1024
"""A request, and an answer, may take `GRACE_S` and one second more for each `SLOWEST` bytes that have been moved."""

LINGER_S: Final = 2.0
"""How long we still read from a connection that we end, so that the client gets its answer and not a reset."""

_PIECE: Final = 64 * 1024
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Line(socket.socket):
    """One connection. Not for two threads at once."""

    def __init__(self, accepted: socket.socket) -> None:
        super().__init__(fileno=accepted.detach())
        super().settimeout(0.0)
        self._patience_s = PROGRESS_S
        self.early = bytearray()
        self.is_over = False
        self._arrival = Arrival()
        self._continued = False
        self._begun = self._moved = time.monotonic()
        self._received = 0
        self._answer_begun: float | None = None
        self._answered = 0
        self._expires = self._begun + HEAD_S

    # Between requests and while one arrives: these methods never wait.

    def standing(self) -> Standing:
        """How the request stands, by what has been read of it."""
        return self._arrival.standing(self.early) if self.early else Standing.HEAD

    def gather(self) -> Standing:
        """Read once, without waiting, and return the standing. Sets `is_over` if the client is gone."""
        try:
            piece = super().recv(_PIECE)
        except (BlockingIOError, InterruptedError):
            return self.standing()
        except OSError:
            piece = b""
        if not piece:
            self.is_over = True
            # A body that was cut off gets an answer that says so; half a head gets none.
            return Standing.READY if self.standing() is Standing.BODY else Standing.HEAD
        self._take(piece)
        standing = self.standing()
        self._expect(standing)
        return standing

    def expires(self) -> float:
        """When the wait for this connection ends, by the monotonic clock."""
        return self._expires

    def begin_anew(self, left: bytes, *, idle_s: float) -> None:
        """Begin the next request after an answer. `left` has arrived of it; its first byte may take `idle_s`."""
        self.early[:0] = left
        self._arrival = Arrival()
        self._continued = False
        self._patience_s = PROGRESS_S
        self._received, self._answer_begun = len(self.early), None
        self._begun = self._moved = time.monotonic()
        self._expires = self._begun + (HEAD_S if self.early else idle_s)

    def hurry(self, deadline: float) -> None:
        """Give up this connection at `deadline`, by the monotonic clock, unless a part of a request has arrived."""
        if not self.early:
            self._expires = min(self._expires, deadline)

    def linger(self) -> None:
        """Close the sending side, and read on for a moment."""
        self.early.clear()
        self._expires = time.monotonic() + LINGER_S
        self.shutdown(socket.SHUT_WR)

    def drain(self) -> bool:
        """Read and discard what arrives; return whether the client has closed its side too."""
        try:
            return not super().recv(_PIECE)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            return True

    def send_at_once(self, text: bytes) -> None:
        """Send a few bytes if they can be sent at once."""
        try:
            super().send(text)
        except OSError:
            self.is_over = True

    def _take(self, piece: bytes) -> None:
        self._moved = time.monotonic()
        if not self._received:
            self._begun = self._moved
            self._expires = self._begun + HEAD_S
        self._received += len(piece)
        self.early += piece

    def _expect(self, standing: Standing) -> None:
        if standing is not Standing.BODY:
            return
        self._expires = min(self._moved + PROGRESS_S, self._whole(self._begun, self._received))
        if self._arrival.expects_continue and not self._continued:
            self._continued = True
            self.send_at_once(_CONTINUE)

    # In a thread: the socket itself never blocks, and each wait is a call of its own, which most requests do not need.

    @property
    def is_answering(self) -> bool:
        """Whether the answer to this request has begun."""
        return self._answer_begun is not None

    def gettimeout(self) -> float:
        """Seconds that `recv` and `sendall` wait at a time."""
        return self._patience_s

    def settimeout(self, value: float | None, /) -> None:
        """Let `recv` and `sendall` wait for `value` seconds at a time, and by default for `PROGRESS_S`."""
        self._patience_s = PROGRESS_S if value is None else value

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """The bytes that arrived early, else the next ones. Raises `TimeoutError` if none arrive, or too slowly."""
        if self.early:
            piece = bytes(self.early[:bufsize])
            del self.early[:bufsize]
            return piece
        if time.monotonic() > self._whole(self._begun, self._received):
            raise TimeoutError(errno.ETIMEDOUT, "the request came too slowly")
        while True:
            try:
                piece = super().recv(bufsize, flags)
            except BlockingIOError:
                self._wait(select.POLLIN, errno.ETIMEDOUT)
            else:
                self._received += len(piece)
                return piece

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Send all of it. Raises `TimeoutError` if the client does not take it, or takes it too slowly."""
        view = memoryview(data).cast("B")
        if self._answer_begun is None:
            self._answer_begun, self._answered = time.monotonic(), 0
        while view:
            try:
                sent = super().send(view[: 4 * _PIECE], flags)
            except BlockingIOError:
                self._wait(select.POLLOUT, errno.EPIPE)
                continue
            self._answered += sent
            view = view[sent:]
            if view and time.monotonic() > self._whole(self._answer_begun, self._answered):
                raise TimeoutError(errno.EPIPE, "the client took its answer too slowly")

    def _wait(self, event: int, number: int) -> None:
        waiter = select.poll()
        waiter.register(self, event)
        if not waiter.poll(self._patience_s * 1000):
            raise TimeoutError(number, "the client did not go on")

    @staticmethod
    def _whole(begun: float, moved: int) -> float:
        return begun + GRACE_S + moved / SLOWEST


MOST_HELD: Final = 64 * HELD_LIMIT
"""Bytes of unfinished requests in one process; beyond this, the largest of them is refused."""
