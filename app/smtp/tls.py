"""TLS of one connection, between octets and octets, and the certificate, which is read again when its file changes.

asyncio's own TLS keeps a buffer of 256 KiB for each connection and cannot say what came in the clear before it began.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

log = structlog.get_logger()

_AT_ONCE: Final = 64 * 1024


class TlsFailed(Exception):
    """The client does not speak TLS, or none that this server accepts."""


class TlsLayer:
    """The server's side of TLS on one connection."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.is_open = False
        self.has_ended = False

    @property
    def version(self) -> str | None:
        """The version of TLS that was agreed on."""
        return self._tls.version()

    def receive(self, data: bytes) -> bytes:
        """What these octets of the client say. Raises `TlsFailed`; `to_send` may have an alert then."""
        self._incoming.write(data)
        plain = bytearray()
        try:
            if not self.is_open:
                self._tls.do_handshake()
                self.is_open = True
            while piece := self._tls.read(_AT_ONCE):
                plain += piece
            self.has_ended = True
        except ssl.SSLWantReadError:
            return bytes(plain)
        except ssl.SSLZeroReturnError:
            self.has_ended = True
        except ssl.SSLError as error:
            raise TlsFailed from error
        return bytes(plain)

    def send(self, data: bytes) -> None:
        """Encrypt what is to be sent."""
        self._tls.write(data)

    def to_send(self) -> bytes:
        """The octets for the client: answers of the handshake, and what was encrypted."""
        return self._outgoing.read()

    def end(self) -> None:
        """Say that nothing more comes."""
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            self.has_ended = True  # the client has not said so yet, and need not


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """The files of a certificate with its chain, and of its key, in PEM."""

    certificate: Path
    key: Path

    def state(self) -> tuple[tuple[int, int, int], ...]:
        """What changes when a file does. Raises `OSError`."""
        seen = [one.stat() for one in (self.certificate, self.key)]
        return tuple((one.st_ino, one.st_mtime_ns, one.st_size) for one in seen)

    def load(self) -> ssl.SSLContext:
        """A context with this certificate. Raises `OSError`, of which `SSLError` is one."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.load_cert_chain(self.certificate, self.key)
        return context


class Certificate:
    """The certificate as it is in its files now; while those are broken, the last one that was whole."""

    def __init__(self, files: CertificateFiles) -> None:
        """Raises `OSError` if the files cannot be used."""
        self._files = files
        self._state = files.state()
        self._context = files.load()

    def context(self) -> ssl.SSLContext:
        """The context for a new connection."""
        try:
            state = self._files.state()
            if state != self._state:
                self._context, self._state = self._files.load(), state
                log.info("smtp_certificate_read")
        except OSError as error:
            log.warning("smtp_certificate_broken", error=type(error).__name__)
        return self._context
