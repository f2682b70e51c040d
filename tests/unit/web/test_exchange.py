"""One request and its answer: gunicorn's parser and an application of a line, over a pair of sockets."""

import logging
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.glogging import Logger

from server.arrival import Standing
from server.exchange import Answer, Exchange
from server.line import Line

GET = b"GET /a HTTP/1.1\r\nHost: gateway\r\n\r\n"


def application(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/breaks":
        raise RuntimeError("secret text")
    start("200 OK", [("Content-Length", "2")])
    return [b"ok"]


@contextmanager
def served(sent: bytes, *, is_last: bool = False) -> Iterator[tuple[bool, bytes]]:
    """Whether the connection is kept after `sent`, and what was answered."""
    cfg = Config()
    ours, theirs = socket.socketpair()
    with Line(ours) as line, theirs:
        theirs.sendall(sent)
        assert line.gather() is Standing.READY
        exchange = Exchange(application, cfg, Logger(cfg))
        conn = exchange.connection(line, client=("192.0.2.1", 1), server=("127.0.0.1", 80))
        yield exchange.serve(conn, is_last=is_last), theirs.recv(65536)


@pytest.mark.parametrize(
    "sent, is_kept",
    [
        (GET, True),
        (GET + GET, True),
        (GET.replace(b"GET", b"POST").replace(b"\r\n\r\n", b"\r\nContent-Length: 3\r\n\r\nabc"), True),
        (GET.replace(b"1.1", b"1.0"), False),
        (GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), False),
    ],
    ids=["usual", "pipelined", "a body that is not read", "HTTP/1.0", "close"],
)
def test_a_connection_is_kept_when_the_next_request_is_sure_to_begin_there(sent: bytes, is_kept: bool) -> None:
    """And the answer says so."""
    with served(sent) as (kept, answer):
        assert kept is is_kept
        assert (b"Connection: keep-alive" if is_kept else b"Connection: close") in answer
        assert answer.endswith(b"\r\n\r\nok")
    with served(sent, is_last=True) as (kept, answer):
        assert not kept
        assert b"Connection: close" in answer


def test_a_busy_process_keeps_what_it_promised_to_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a thread waits for its turn between the answer and the next request."""
    seconds = count(step=10)
    monkeypatch.setattr("gunicorn.http.parser.time.monotonic", lambda: next(seconds))
    with served(GET) as (kept, _):
        assert kept


@pytest.mark.parametrize("unread", [10, 100_000], ids=["not arrived", "too much"])
def test_a_body_that_is_left_unread_is_not_waited_for(unread: int) -> None:
    """The connection ends at once: where the next request begins is unknown."""
    ours, theirs = socket.socketpair()
    with Line(ours) as line, theirs:
        theirs.sendall(b"POST /a HTTP/1.1\r\nHost: gateway\r\nContent-Length: 3000000\r\n\r\n" + b"x" * unread)
        while line.gather() is not Standing.READY:
            continue
        cfg = Config()
        exchange = Exchange(application, cfg, Logger(cfg))
        begun = time.monotonic()
        assert not exchange.serve(exchange.connection(line, client=("192.0.2.1", 1), server=("", 80)), is_last=False)
        assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    "sent, status",
    [
        (GET.replace(b"\r\n\r\n", b"\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n"), b"400"),
        (GET.replace(b"/a", b"/breaks"), b"500"),
    ],
    ids=["ambiguous", "an application that breaks"],
)
def test_a_connection_ends_after_a_request_that_failed(
    sent: bytes, status: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """What follows is not read as a request, and no text of the error is said or logged."""
    with caplog.at_level(logging.DEBUG), served(sent + GET) as (kept, answer):
        assert not kept
        assert answer.split()[1] == status
        assert answer.count(b"HTTP/1.1") == 1
    assert "secret text" not in caplog.text + answer.decode()


class Sent:
    """A socket that keeps what is sent, call by call."""

    def __init__(self) -> None:
        self.calls: list[bytes] = []

    def sendall(self, data: bytes) -> None:
        self.calls.append(data)


@pytest.mark.parametrize(
    "fields, calls",
    [
        ([("Content-Length", "4")], [b"\r\n\r\nab", b"cd"]),
        ([], [b"\r\n\r\n2\r\nab\r\n", b"2\r\ncd\r\n", b"0\r\n\r\n"]),
    ],
    ids=["length", "chunks"],
)
def test_the_head_of_an_answer_leaves_with_its_body(fields: list[tuple[str, str]], calls: list[bytes]) -> None:
    """One call of the system for a short answer; each further piece is sent when it is made."""
    sent = Sent()
    request: Any = SimpleNamespace(method="GET", version=(1, 1), should_close=lambda: False)
    answer = Answer(request, sent, SimpleNamespace(protocol="http", is_ssl=False))
    answer.start_response("200 OK", fields)
    answer.write(b"ab")
    answer.write(b"cd")
    answer.close()
    assert sent.calls[0].startswith(b"HTTP/1.1 200 OK\r\n")
    assert sent.calls[0].endswith(calls[0])
    assert sent.calls[1:] == calls[1:]
