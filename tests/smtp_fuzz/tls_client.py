"""The client's side of TLS on a connection without a socket."""

import ssl

from app.smtp.connection import Connection
from tests.support.smtp.transports import MemoryTransport


class TlsClient:
    """It trusts any certificate."""

    def __init__(self, connection: Connection, transport: MemoryTransport) -> None:
        self._connection, self._transport = connection, transport
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing)
        self._seen = 0
        self._shake_hands()

    def send(self, octets: bytes) -> None:
        """Send these."""
        self._connection.data_received(self.encrypted(octets))

    def encrypted(self, octets: bytes) -> bytes:
        """What is sent in place of these."""
        self._tls.write(octets)
        return self._outgoing.read()

    def received(self) -> bytes:
        """What the server has said since the handshake."""
        self._hear()
        plain = bytearray()
        try:
            while piece := self._tls.read():
                plain += piece
        except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            return bytes(plain)
        return bytes(plain)

    def _shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._connection.data_received(self._outgoing.read())
                self._hear()
            else:
                self._connection.data_received(self._outgoing.read())
                return

    def _hear(self) -> None:
        self._incoming.write(self._transport.written[self._seen :])
        self._seen = len(self._transport.written)
