"""Connections that carry more than one post: fewer handshakes, and never an answer that belongs to another post."""

import gc
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from app.domain.webhooks.post_result import PostOutcome
from app.net.webhooks.kept_connections import LONGEST_REST_S, MOST_RESTING, OLDEST_S, KeptConnections
from tests.support.servers.tls import self_signed
from tests.support.webhooks.posting import HOST, Names, poster
from tests.support.webhooks.receiver import OK, Receiver, receiving, saying

MANY: Final = 1000
OTHER: Final = b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"


def posted(receiver: Receiver, times: int, *, pause: float = 0.0) -> list[int | None]:
    """The statuses of so many posts by one poster."""
    posting, statuses = poster(), []
    for _ in range(times):
        statuses.append(posting.post(f"http://127.0.0.1:{receiver.port}/", {}, b"{}").status)
        time.sleep(pause)
    return statuses


def test_posts_to_one_host_share_a_connection(tmp_path: Path) -> None:
    """The name is looked up and proven once; each post gets its own answer."""
    certificate, context = self_signed(tmp_path, HOST)
    names = Names(["127.0.0.1"])
    with receiving(tls=context, requests_each=MANY) as receiver:
        posting = poster(names, ca_file=certificate)
        results = [posting.post(f"https://{HOST}:{receiver.port}/{at}", {}, b"{}") for at in range(5)]
    assert {result.outcome for result in results} == {PostOutcome.ACCEPTED}
    assert [line for line, _, _ in receiver.requests] == [f"POST /{at} HTTP/1.1" for at in range(5)]
    assert (receiver.connections, names.asked) == (1, [HOST])


def test_no_connection_is_shared_between_names(tmp_path: Path) -> None:
    """Although the address is the same: each name is proven by its own certificate."""
    certificate, context = self_signed(tmp_path, HOST)
    with receiving(tls=context, requests_each=MANY) as receiver:
        posting = poster(ca_file=certificate)
        first = posting.post(f"https://{HOST}:{receiver.port}/", {}, b"{}")
        other = posting.post(f"https://elsewhere.example.com:{receiver.port}/", {}, b"{}")
    assert (first.outcome, other.outcome) == (PostOutcome.ACCEPTED, PostOutcome.TLS_FAILED)


def test_a_connection_that_the_other_side_ends_is_replaced() -> None:
    """Whether it says so, closes at rest, or closes when the next post is on it."""
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    with receiving(closing, requests_each=MANY) as receiver:
        assert posted(receiver, 3) == [200] * 3
    assert receiver.connections == 3
    with receiving(requests_each=2) as receiver:
        assert posted(receiver, 5, pause=0.02) == [200] * 5
    assert receiver.connections == 3

    turns = iter([OK, None, OK])

    def at_the_last_moment(connection: socket.socket, _over: threading.Event) -> None:
        answer = next(turns)
        connection.sendall(answer) if answer else connection.shutdown(socket.SHUT_RDWR)

    with receiving(at_the_last_moment, requests_each=MANY) as receiver:
        assert posted(receiver, 2) == [200, 200]
    assert (receiver.connections, len(receiver.requests)) == (2, 3)


@pytest.mark.parametrize(
    "answer",
    [
        OK + OTHER,
        b"HTTP/1.1 200 OK\r\n\r\n" + OTHER,
        b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + OTHER,
    ],
    ids=["two answers", "no length", "too much", "broken chunks"],
)
def test_no_answer_is_taken_for_that_of_the_next_post(answer: bytes) -> None:
    """What comes after an answer, or in place of its end, is never read as another one."""
    with receiving(saying(answer), requests_each=MANY) as receiver:
        statuses = posted(receiver, 4)
    assert statuses == [200] * 4
    assert len(receiver.requests) == 4


def test_what_follows_an_interim_answer_is_not_that_of_the_next_post() -> None:
    """103 counts as the answer, since nothing was asked that would need two; the real one is not waited for."""
    with receiving(saying(b"HTTP/1.1 103 Early Hints\r\n\r\n", OTHER, pause=0.02), requests_each=MANY) as receiver:
        assert posted(receiver, 3) == [103] * 3


def test_what_comes_late_is_no_answer() -> None:
    """A second answer that arrives when the connection rests."""
    with receiving(saying(OK, OTHER, pause=0.02), requests_each=MANY) as receiver:
        assert posted(receiver, 3, pause=0.1) == [200] * 3
    assert receiver.connections == 3


def test_many_threads_never_share_a_connection_at_once() -> None:
    """Each post gets the answer to its own body."""

    def echo(connection: socket.socket, _over: threading.Event) -> None:
        connection.sendall(OK)

    with receiving(echo, requests_each=MANY) as receiver, ThreadPoolExecutor(8) as threads:
        posting = poster()
        url = f"http://127.0.0.1:{receiver.port}/"
        results = list(threads.map(lambda at: posting.post(url, {}, str(at).encode()), range(200)))
    assert {result.outcome for result in results} == {PostOutcome.ACCEPTED}
    assert {body for _, _, body in receiver.requests} == {str(at).encode() for at in range(200)}
    assert receiver.connections <= 8


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def pairs() -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    made = [socket.socketpair() for _ in range(MOST_RESTING + 1)]
    yield made
    for pair in made:
        for one in pair:
            one.close()


def test_a_connection_is_used_for_a_minute(pairs: list[tuple[socket.socket, socket.socket]]) -> None:
    """Then the host is looked up anew, so that a post follows a name that has moved; and it does not rest for long."""
    clock = Clock()
    kept = KeptConnections(clock)
    connection = kept.opened("http://a", pairs[0][0])
    while clock.now <= OLDEST_S:
        kept.rest(connection)
        assert kept.take("http://a") is connection
        clock.now += LONGEST_REST_S / 2
    kept.rest(connection)
    assert kept.take("http://a") is None
    rested = kept.opened("http://a", pairs[1][0])
    kept.rest(rested)
    clock.now += LONGEST_REST_S + 0.1
    assert kept.take("http://a") is None
    assert [pair[0].fileno() for pair in pairs[:2]] == [-1, -1]


def test_the_connections_at_rest_are_bounded_and_closed_with_their_owner(
    pairs: list[tuple[socket.socket, socket.socket]],
) -> None:
    """The oldest goes when there are too many; none outlives the poster."""
    kept = KeptConnections()
    for number, (one, _) in enumerate(pairs):
        kept.rest(kept.opened(f"http://{number}", one))
    assert kept.take("http://0") is None
    assert kept.take("http://1") is not None
    assert pairs[0][0].fileno() == -1
    del kept
    gc.collect()
    assert [pair[0].fileno() for pair in pairs[2:]] == [-1] * (len(pairs) - 2)
