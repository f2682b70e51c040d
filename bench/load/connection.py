"""One kept connection of a client, on which requests are written and answers read.

It uses no HTTP library, to leave the CPU to the server that is measured.
"""

import socket
import time
from urllib.parse import urlsplit

_END_OF_HEAD, _LENGTH = b"\r\n\r\n", b"content-length:"


class Connection:
    """A connection to the server of a URL.

    `began` is the monotonic time just before the last of its `posts` was written.
    """

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._socket = socket.create_connection((address.hostname, address.port))
        self._received = b""
        self.began = 0.0
        self.posts = 0

    def fileno(self) -> int:
        """Return the file descriptor, for a selector."""
        return self._socket.fileno()

    def close(self) -> None:
        """End it."""
        self._socket.close()

    def post(self, request: bytes) -> None:
        """Write a request. The answer to the previous one must have been read."""
        self.posts += 1
        self.began, self._received = time.monotonic(), b""
        self._socket.sendall(request)

    def answered(self) -> str | None:
        """Read the available bytes; return the status once the answer is complete, else None."""
        chunk = self._socket.recv(65536)
        if not chunk:
            raise ConnectionError("the server closed a connection in the middle of the benchmark")
        self._received += chunk
        head, end, content = self._received.partition(_END_OF_HEAD)
        if not end:
            return None
        fields = head.lower()
        at = fields.find(_LENGTH)
        length = int(fields[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        return head[9:12].decode() if len(content) >= length else None


def request(head: bytes, body: str) -> bytes:
    """Return a complete request: the head, with the length added, and the body."""
    content = body.encode()
    return head + b"Content-Length: %d\r\n\r\n" % len(content) + content


def head_of(url: str, headers: dict[str, str]) -> bytes:
    """Return the head of a POST, without the headers that differ between requests."""
    address = urlsplit(url)
    fields = {"Host": address.netloc, "Content-Type": "application/json", **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {address.path} HTTP/1.1\r\n{lines}".encode()
