"""The octets of one connection: in the clear or through TLS, and an end that the client can hear."""

import asyncio
import socket
from contextlib import suppress
from typing import Final

from app.smtp.tls import TlsLayer

_LINGERS_S: Final = 2.0


class Wire:
    """One connection's way in and out. What is sent waits for `flush`: the replies to a pipeline go together."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._tls: TlsLayer | None = None
        self._waiting = bytearray()
        self.is_ending = False
        self.heard_end = False
        """Whether the client sends no more."""

    @property
    def address(self) -> str:
        """The address of the client."""
        peer = self._transport.get_extra_info("peername")
        return str(peer[0]) if isinstance(peer, tuple) and peer else ""

    @property
    def is_open(self) -> bool:
        """Whether what is sent now is read: there is no TLS, or its handshake is done."""
        return self._tls is None or self._tls.is_open

    def start_tls(self, tls: TlsLayer) -> None:
        """What comes and goes from now on is TLS. Flush before it what is in the clear."""
        self._tls = tls

    def receive(self, data: bytes) -> bytes:
        """What the client says with these octets; nothing once the end has begun. Raises `TlsFailed`."""
        if self.is_ending:
            return b""
        if self._tls is None:
            return data
        try:
            return self._tls.receive(data)
        finally:
            self._transport.write(self._tls.to_send())
            self.heard_end = self._tls.has_ended

    def send(self, data: bytes) -> None:
        """Send this with the next `flush`."""
        self._waiting += data

    def flush(self) -> None:
        """Write what waits."""
        if not self._waiting:
            return
        data = bytes(self._waiting)
        self._waiting.clear()
        if self._tls is not None:
            self._tls.send(data)
            data = self._tls.to_send()
        self._transport.write(data)

    def read(self, *, more: bool) -> None:
        """Go on reading, or stop for a while."""
        if self._transport.is_closing() or self._transport.is_reading() == more:
            return
        if more:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def end(self) -> None:
        """Send what waits, and close: at once in the middle of a handshake. What comes meanwhile is thrown away.

        A socket that is closed with octets unread resets the connection, and the client may lose the last reply.
        """
        if self.is_ending:
            return
        if not self.is_open:
            self.abort()
            return
        self.flush()
        self.is_ending = True
        if self._tls is not None:
            self._tls.end()
            self._transport.write(self._tls.to_send())
        if self.heard_end or self._transport.is_closing():
            self._transport.close()
        else:
            self.read(more=True)
            with suppress(OSError):  # the client has gone already, as one may that has said QUIT
                self._transport.write_eof()
        asyncio.get_running_loop().call_later(_LINGERS_S, self._transport.abort)

    def abort(self) -> None:
        """Close at once."""
        self.is_ending = True
        self._transport.abort()


def keep_alive(transport: asyncio.Transport) -> None:
    """Let the system find out when a client is gone that never said so."""
    found = transport.get_extra_info("socket")
    if found is not None:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
