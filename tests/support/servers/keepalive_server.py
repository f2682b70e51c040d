"""A server that keeps connections, as SES does, and counts them."""

import json
import socket
import ssl
import threading
from collections.abc import Callable

OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 23\r\n\r\n{"MessageId": "0100-1"}'


def accepted(number: int) -> bytes:
    """Return SES's answer to the request with this number, with its own MessageId."""
    body = json.dumps({"MessageId": f"0100-{number}"})
    return f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


class Endpoint:
    """A server on loopback that keeps connections, answers every request with a MessageId, and keeps what it read.

    After `requests_each` requests it closes a connection without notice, as a load balancer does. `answer` may compute
    the answer from the number of the request.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        requests_each: int = 1000,
        answer: bytes | Callable[[int], bytes] = OK,
        piecemeal: bool = False,
        port: int = 0,
    ) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.connections = 0
        self.closed = threading.Semaphore(0)
        self._tls = tls
        self._requests_each = requests_each
        self._answer = answer if callable(answer) else lambda _: answer
        self._piecemeal = piecemeal
        self._listener = socket.create_server(("127.0.0.1", port))
        self._threads = [threading.Thread(target=self._listen, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as stream:
                for _ in range(self._requests_each):
                    if not (line := stream.readline()):
                        return
                    headers = {}
                    while (field := stream.readline()) != b"\r\n":
                        name, _, value = field.decode().partition(":")
                        headers[name.lower()] = value.strip()
                    self.requests.append((line.decode(), headers, stream.read(int(headers["content-length"]))))
                    answer = self._answer(len(self.requests))
                    for piece in [answer[at : at + 1] for at in range(len(answer))] if self._piecemeal else [answer]:
                        connection.sendall(piece)
                    if b"close" in answer or b"HTTP/1.0" in answer:
                        return
        except OSError:
            return
        finally:
            connection.close()
            self.closed.release()
