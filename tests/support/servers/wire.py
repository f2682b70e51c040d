"""An application of a few lines that shows what the server made of a request, under gunicorn as it is deployed.

`python -m gunicorn tests.support.servers.wire:application` serves it; `wire_server` does so for a test.
"""

import hashlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from app.cli.local.children.port_checks import free_port
from tests.support.servers.cli import CHECKOUT, surroundings, until

LARGE = 8 * 1024 * 1024
"""Bytes of the answer of `/large`: more than a socket's buffers take."""

Environ = dict[str, Any]
Start = Callable[[str, list[tuple[str, str]]], Any]


def application(environ: Environ, start: Start) -> Iterable[bytes]:
    """Answer by the path; by default with what has arrived, as JSON."""
    answer = _ANSWERS.get(environ["PATH_INFO"], _shown)
    return answer(environ, start)


def _shown(environ: Environ, start: Start) -> Iterable[bytes]:
    seen = hashlib.sha256()
    length = 0
    while piece := environ["wsgi.input"].read(100_000):
        seen.update(piece)
        length += len(piece)
    return _said(
        start,
        {
            "method": environ["REQUEST_METHOD"],
            "path": environ["PATH_INFO"],
            "length": length,
            "digest": seen.hexdigest(),
            "peer": environ["REMOTE_ADDR"],
            "scheme": environ["wsgi.url_scheme"],
            "fields": {name: value for name, value in environ.items() if name.startswith("HTTP_")},
        },
    )


def _lines(environ: Environ, start: Start) -> Iterable[bytes]:
    return _said(start, {"lines": sum(1 for _ in environ["wsgi.input"])})


def _unread(_: Environ, start: Start) -> Iterable[bytes]:
    return _said(start, {"unread": True})


def _slow(_: Environ, start: Start) -> Iterable[bytes]:
    time.sleep(1.5)
    return _said(start, {"slow": True})


def _large(_: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", [("Content-Length", str(LARGE))])
    return (b"x" * 65536 for _ in range(LARGE // 65536))


def _pieces(_: Environ, start: Start) -> Iterator[bytes]:
    start("200 OK", [("Content-Type", "text/plain")])
    yield b"first"
    time.sleep(0.5)
    yield b""
    yield b"second"


def _nothing(_: Environ, start: Start) -> Iterable[bytes]:
    start("204 No Content", [])
    return []


def _breaks(_: Environ, __: Start) -> Iterable[bytes]:
    raise RuntimeError("secret text")


def _breaks_late(_: Environ, start: Start) -> Iterator[bytes]:
    start("200 OK", [("Content-Length", "100")])
    yield b"x"
    raise RuntimeError("secret text")


_ANSWERS: dict[str, Callable[[Environ, Start], Iterable[bytes]]] = {
    "/lines": _lines,
    "/unread": _unread,
    "/slow": _slow,
    "/large": _large,
    "/pieces": _pieces,
    "/nothing": _nothing,
    "/breaks": _breaks,
    "/breaks-late": _breaks_late,
}


def _said(start: Start, what: dict[str, Any]) -> Iterable[bytes]:
    body = json.dumps(what).encode()
    start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


@dataclass(frozen=True, slots=True, kw_only=True)
class WireServer:
    """A running gunicorn: its port, its process and its log file."""

    port: int
    process: "subprocess.Popen[bytes]"
    log: Path

    def connect(self) -> "Wire":
        """A new connection to it."""
        return Wire(socket.create_connection(("127.0.0.1", self.port), timeout=30))


@contextmanager
def wire_server(directory: Path, *options: str) -> Iterator[WireServer]:
    """Run gunicorn with the configuration of the checkout and one worker. `options` are added to its command line."""
    port = free_port()
    words = ("gunicorn", f"{__name__}:application", "--bind", f"127.0.0.1:{port}", "--workers", "1", *options)
    file = directory / "wire.log"
    with file.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *words], cwd=CHECKOUT, env=surroundings(), stdout=log, stderr=log
        )
        try:
            until(lambda: process.poll() is not None or _answers(port))
            assert process.poll() is None, file.read_text()
            yield WireServer(port=port, process=process, log=file)
        finally:
            process.terminate()
            process.wait(60)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One answer as it came over the wire."""

    status: int
    fields: dict[str, str]
    body: bytes

    @property
    def shown(self) -> Any:
        """The body, which is JSON."""
        return json.loads(self.body)


class Wire:
    """A client that writes bytes, and reads one answer after another."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self._stream = connected.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self.socket.close()

    def send(self, *pieces: bytes) -> None:
        """Send it all; the server may have closed the connection in the middle of it."""
        for piece in pieces:
            self.socket.sendall(piece)

    def answer(self, *, without_body: bool = False) -> Answered:
        """Read one answer, by its length or in chunks."""
        line = self._stream.readline()
        assert line, "the server closed the connection without an answer"
        status = int(line.split()[1])
        fields = dict(self._fields())
        if without_body or status in {100, 204, 304}:
            body = b""
        elif fields.get("transfer-encoding") == "chunked":
            body = b"".join(self._chunks())
        else:
            body = self._stream.read(int(fields["content-length"]))
        return Answered(status=status, fields=fields, body=body)

    def rest(self) -> bytes:
        """What comes until the server closes the connection."""
        return self._stream.read()

    def _fields(self) -> Iterator[tuple[str, str]]:
        while line := self._stream.readline().strip():
            name, _, value = line.decode().partition(":")
            yield name.lower(), value.strip()

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self._stream.readline(), 16):
            yield self._stream.read(size)
            self._stream.readline()
        self._stream.readline()
