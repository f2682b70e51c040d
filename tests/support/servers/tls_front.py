"""A TLS proxy for a real Valkey, with a certificate chosen by the test; it records the decrypted input of clients."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_AT_ONCE = 65_536


class TlsFront:
    """Listens on a loopback port; `heard` is all that clients sent after the handshake."""

    def __init__(self, behind: str, context: ssl.SSLContext) -> None:
        self._behind = behind
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.heard = b""
        self.met = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                plain, _ = self._listener.accept()
                self.met += 1
                threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with suppress(OSError), plain, socket.socket(socket.AF_UNIX) as server:
            client = self._context.wrap_socket(plain, server_side=True)
            server.connect(self._behind)
            answers = threading.Thread(target=self._answer, args=(server, client), daemon=True)
            answers.start()
            with client:
                while part := client.recv(_AT_ONCE):
                    self.heard += part
                    server.sendall(part)
                server.shutdown(socket.SHUT_RDWR)
                answers.join()

    def _answer(self, server: socket.socket, client: ssl.SSLSocket) -> None:
        with suppress(OSError):
            while part := server.recv(_AT_ONCE):
                client.sendall(part)


@contextmanager
def tls_front(behind: str, context: ssl.SSLContext) -> Iterator[TlsFront]:
    """Run a TLS proxy for the server with this unix socket."""
    front = TlsFront(behind, context)
    try:
        yield front
    finally:
        front.close()
