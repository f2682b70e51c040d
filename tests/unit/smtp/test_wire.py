"""The end of a connection."""

import asyncio
import errno

from app.smtp.wire import Wire
from tests.support.smtp.transports import MemoryTransport


class GoneClient(MemoryTransport):
    """Its client has reset the connection, and the protocol has not heard of it yet."""

    def write_eof(self) -> None:
        """As a socket does."""
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")


def test_a_client_that_has_gone_is_no_error() -> None:
    """Postfix resets the connection after QUIT where TLS says more than it reads. The end is as any other."""

    async def end() -> None:
        transport = GoneClient(asyncio.Protocol())
        wire = Wire(transport)
        wire.send(b"221 2.0.0 Bye\r\n")
        wire.end()
        assert wire.is_ending
        assert transport.written == b"221 2.0.0 Bye\r\n"

    asyncio.run(end())
