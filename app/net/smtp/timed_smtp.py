"""SMTP connections whose waits all end at one moment. A time-out of smtplib is for each wait by itself."""

import smtplib
from typing import Any, Final

from app.net.timed_socket import AnswerTooLarge, Deadline, TimedSocket

_CONNECT_S: Final = 5.0


class TimedSmtp(smtplib.SMTP):
    """A connection that answers before the deadline, in a bounded number of octets, or raises.

    Connecting takes 5 seconds at most for each address of the host.
    """

    def __init__(self, host: str, port: int, *, deadline: Deadline, **more: Any) -> None:
        self._deadline = deadline
        super().__init__(host, port, timeout=min(deadline.left(), _CONNECT_S), **more)

    def send(self, s: Any) -> None:
        """Send, at the deadline at the latest. Raises `TimeoutError`, and as smtplib does."""
        if self.sock is not None:
            self.sock.settimeout(self._deadline.left())
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        """A reply. Raises `AnswerTooLarge`, and as smtplib does: with a `TimeoutError` as its context."""
        if self.file is None and self.sock is not None:
            self.file = TimedSocket(self.sock, self._deadline).makefile("rb")
        try:
            return super().getreply()
        except AnswerTooLarge:
            self.close()
            raise


class TimedSmtpOverTls(TimedSmtp, smtplib.SMTP_SSL):
    """The same, with TLS from the first octet."""
