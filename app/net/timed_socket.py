"""A connected socket whose waits all end at one moment, and that yields a bounded number of octets.

A time-out of a socket is for each wait by itself, so a server that sends one octet a second never meets it.
"""

import socket
import time
from io import BufferedReader, RawIOBase
from typing import Final

MOST_READ: Final = 64 * 1024


class AnswerTooLarge(Exception):
    """The other side has sent more than `MOST_READ` octets."""


class Deadline:
    """A moment of the monotonic clock by which something has to be over."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """The seconds that are left. Raises `TimeoutError` when there are none."""
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the time is over")
        return seconds


class TimedSocket:
    """What `http.client` uses of a socket. The socket stays its owner's, who closes it."""

    def __init__(self, connected: socket.socket, deadline: Deadline) -> None:
        self._socket = connected
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        """Send all of it. Raises `TimeoutError` at the deadline."""
        rest = memoryview(data)
        while rest:
            self._socket.settimeout(self._deadline.left())
            rest = rest[self._socket.send(rest) :]

    def makefile(self, _mode: str) -> BufferedReader:
        """What comes. Reading raises `TimeoutError` at the deadline, `ConnectionError` at the end, `AnswerTooLarge`."""
        return BufferedReader(_Incoming(self._socket, self._deadline))

    def close(self) -> None:
        """Leave the socket open: an answer may still be read from it."""


class _Incoming(RawIOBase):
    def __init__(self, connected: socket.socket, deadline: Deadline) -> None:
        self._socket = connected
        self._deadline = deadline
        self._left = MOST_READ

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._left:
            raise AnswerTooLarge
        self._socket.settimeout(self._deadline.left())
        number = self._socket.recv_into(buffer[: self._left])
        if not number:
            # For http.client, a head that breaks off after its first line is a whole one.
            raise ConnectionAbortedError("the other side has closed the connection")
        self._left -= number
        return number
