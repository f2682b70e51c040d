"""An endpoint of an application on loopback, which may misbehave in every way that a socket allows."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

Answer = Callable[[socket.socket, threading.Event], object]
"""Answers a request on its connection. It returns at once when the event is set: the test is over."""


def saying(*pieces: bytes, pause: float = 0.0) -> Answer:
    """Answer with these octets, with a pause before each piece, and close."""

    def answer(connection: socket.socket, over: threading.Event) -> None:
        for piece in pieces:
            if over.wait(pause):
                return
            connection.sendall(piece)

    return answer


def repeating(piece: bytes, *, pause: float = 0.0, first: bytes = b"") -> Answer:
    """Answer with a first piece and then with another, without end."""

    def answer(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(first)
        while not over.wait(pause):
            connection.sendall(piece)

    return answer


def silent(_connection: socket.socket, over: threading.Event) -> None:
    """Never answer."""
    over.wait()


class Receiver:
    """Reads so many requests from each connection and answers them. `hasty` answers before it reads anything."""

    def __init__(
        self, answer: Answer, *, host: str, port: int, tls: ssl.SSLContext | None, hasty: bool, requests_each: int
    ) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.connections = 0
        self.names: list[str] = []
        self._answer, self._hasty, self._tls, self._requests_each = answer, hasty, tls, requests_each
        if tls is not None:
            tls.sni_callback = lambda _socket, name, _context: self.names.append(name)
        self._over = threading.Event()
        self._listener = socket.create_server((host, port))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._listen, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        """Stop listening, and end what is being answered."""
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.settimeout(5)
            if self._tls is None:
                self._exchange(connection)
            else:
                with self._tls.wrap_socket(connection, server_side=True) as secure:
                    self._exchange(secure)

    def _exchange(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            for _ in range(self._requests_each):
                if not self._hasty and not self._read(stream):
                    return
                self._answer(connection, self._over)

    def _read(self, stream: BufferedReader) -> bool:
        """Keep one request; False when the connection has ended."""
        line = stream.readline().decode("latin-1").rstrip()
        headers = {}
        while field := stream.readline().decode("latin-1").rstrip():
            name, _, value = field.partition(":")
            headers[name.lower()] = value.strip()
        if line:
            self.requests.append((line, headers, stream.read(int(headers.get("content-length", "0")))))
        return bool(line)


@contextmanager
def receiving(
    answer: Answer | bytes = OK,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    hasty: bool = False,
    requests_each: int = 1,
) -> Iterator[Receiver]:
    """Run a receiver that answers so."""
    scripted = saying(answer) if isinstance(answer, bytes) else answer
    receiver = Receiver(scripted, host=host, port=port, tls=tls, hasty=hasty, requests_each=requests_each)
    try:
        yield receiver
    finally:
        receiver.close()
