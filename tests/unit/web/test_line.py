"""The limits of a client's connection, and how much of a request has arrived: without a server."""

import socket
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import line as bounds
from server.arrival import Arrival, Standing
from server.line import Line

HEAD = b"POST /a HTTP/1.1\r\nHost: gateway\r\n"
WHOLE = {
    "no body": HEAD + b"\r\n",
    "a length": HEAD + b"Content-Length: 5\r\n\r\nabcde",
    "chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    "trailers": HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n",
}


@pytest.fixture
def pair() -> Iterator[tuple[Line, socket.socket]]:
    ours, theirs = socket.socketpair()
    with Line(ours) as line, theirs:
        yield line, theirs


@given(st.sampled_from(sorted(WHOLE)), st.lists(st.integers(0, 200), max_size=6))
def test_a_request_has_arrived_with_its_last_byte_however_it_is_cut(name: str, cuts: list[int]) -> None:
    """Never before, since a thread would wait for the rest."""
    whole = WHOLE[name]
    arrival, come = Arrival(), bytearray()
    for end in [*sorted(cut % len(whole) for cut in cuts), len(whole)]:
        come += whole[len(come) : end]
        standing = arrival.standing(come) if come else Standing.HEAD
        assert (standing is Standing.READY) == (len(come) == len(whole))


def test_a_request_that_has_arrived_is_read_without_waiting(pair: tuple[Line, socket.socket]) -> None:
    """What came early is read first; then the socket is read, for as long as the client goes on."""
    line, client = pair
    client.sendall(WHOLE["a length"])
    assert line.gather() is Standing.READY
    client.sendall(b"more")
    assert line.recv(9) == WHOLE["a length"][:9]
    assert line.recv(4096) == WHOLE["a length"][9:]
    assert line.recv(4096) == b"more"


def test_a_thread_waits_for_a_client_for_a_bounded_time(pair: tuple[Line, socket.socket]) -> None:
    """Both for bytes of a body and for room for an answer."""
    line, _ = pair
    line.settimeout(0.05)
    with pytest.raises(TimeoutError):
        line.recv(1)
    with pytest.raises(TimeoutError):
        line.sendall(b"x" * 10_000_000)


def test_a_request_and_an_answer_have_an_end_as_a_whole(
    pair: tuple[Line, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that sends or takes a little before each wait ends is given up all the same."""
    monkeypatch.setattr(bounds, "GRACE_S", 0.1)
    monkeypatch.setattr(bounds, "SLOWEST", 2**40)
    line, client = pair
    time.sleep(0.15)
    client.sendall(b"x")
    with pytest.raises(TimeoutError, match="too slowly"):
        line.recv(1)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    taken: list[bytes] = []

    def take_a_little(*_: int) -> None:
        time.sleep(0.06)
        taken.append(client.recv(65536))

    monkeypatch.setattr(line, "_wait", take_a_little)
    with pytest.raises(TimeoutError, match="too slowly"):
        line.sendall(b"x" * 2_000_000)
    assert taken


def test_a_kept_connection_begins_anew(pair: tuple[Line, socket.socket]) -> None:
    """The next request has all of its time, and what has come of it already counts."""
    line, client = pair
    client.sendall(WHOLE["no body"])
    line.gather()
    line.early.clear()
    line.sendall(b"answer")
    line.begin_anew(WHOLE["a length"][:10], idle_s=75)
    assert not line.is_answering
    assert line.standing() is Standing.HEAD
    assert line.expires() <= time.monotonic() + bounds.HEAD_S
    client.sendall(WHOLE["a length"][10:])
    assert line.gather() is Standing.READY
    line.early.clear()
    line.begin_anew(b"", idle_s=75)
    assert line.expires() > time.monotonic() + 70


def test_gathering_never_waits(pair: tuple[Line, socket.socket]) -> None:
    """Whatever a thread last set: the main thread gathers for all clients."""
    line, client = pair
    line.settimeout(60)
    assert line.gather() is Standing.HEAD
    assert not line.is_over
    client.close()
    assert line.gather() is Standing.HEAD
    assert line.is_over
