"""A transport without a socket: what a connection writes is kept, and its end is noted."""

import asyncio
from typing import Any


class MemoryTransport(asyncio.Transport):
    """The transport of a connection from `address`. As a socket's, it says to the protocol that it is closed."""

    def __init__(self, protocol: asyncio.Protocol, address: str = "127.0.0.1") -> None:
        super().__init__({"peername": (address, 50_000)})
        self._protocol = protocol
        self._is_reading = True
        self._is_closing = False
        self.written = bytearray()
        self.has_written_eof = False
        self.closed = asyncio.Event()
        protocol.connection_made(self)

    def write(self, data: Any) -> None:
        """Keep what is written, until it is closed."""
        if not self._is_closing:
            self.written += data

    def write_eof(self) -> None:
        """Note it."""
        self.has_written_eof = True

    def is_closing(self) -> bool:
        """Whether it is closed, or will be at once."""
        return self._is_closing

    def is_reading(self) -> bool:
        """Whether the protocol wants more."""
        return self._is_reading and not self._is_closing

    def pause_reading(self) -> None:
        """The protocol wants no more for a while."""
        self._is_reading = False

    def resume_reading(self) -> None:
        """The protocol wants more."""
        self._is_reading = True

    def close(self) -> None:
        """End it, once, when the loop comes round."""
        if not self._is_closing:
            self._is_closing = True
            asyncio.get_running_loop().call_soon(self._lose)

    def abort(self) -> None:
        """End it."""
        self.close()

    def receive_eof(self) -> None:
        """The client sends no more."""
        if not self._is_closing and not self._protocol.eof_received():
            self.close()

    def _lose(self) -> None:
        self._protocol.connection_lost(None)
        self.closed.set()
