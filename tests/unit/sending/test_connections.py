"""One request on one connection: only a complete answer counts, and half of one proves nothing."""

import socket
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
from botocore import exceptions as boto

from app.aws.ses.connections import Exchange, KeptConnections

BODY = b'{"MessageId": "0100-1"}'
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY)
REFUSAL = b'{"message": "Illegal address"}'
BAD = b"HTTP/1.1 400 Bad Request\r\nx-amzn-ErrorType: BadRequestException\r\nContent-Length: %d\r\n\r\n" % len(REFUSAL)
WHOLE = {"taken": (OK, BODY), "refused": (BAD, REFUSAL)}
PATIENCE_S = 10.0
KIB = 1024


class Line:
    """A connection whose two ends the test holds; `rested` are connections that may carry another request."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.ours.settimeout(PATIENCE_S)
        self.rested: list[socket.socket] = []
        self.exchange = Exchange(self.ours, url="http://ses.example", rest=self.rested.append)

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.close()


@pytest.mark.parametrize("cut", [1, 10, len(BODY) - 1])
def test_a_part_of_an_answer_is_waited_for(line: Line, cut: int) -> None:
    """While only a part has arrived, a look returns nothing; the rest completes it, and the connection is kept."""
    line.theirs.sendall(OK + BODY[:cut])
    assert (line.exchange.look(), line.exchange.has_begun, line.rested) == (None, True, [])
    line.theirs.sendall(BODY[cut:])
    status, _, content = line.exchange.read()
    assert (status, content) == (200, BODY)
    assert line.rested == [line.ours]


@pytest.mark.parametrize("looks_first", [True, False])
@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("left_out", [1, 10, "all"])
def test_half_an_answer_is_none(line: Line, kind: str, left_out: int | str, looks_first: bool) -> None:
    """When the connection ends within the body, the half is not taken for the answer, whatever the head says."""
    head, body = WHOLE[kind]
    part = b"" if left_out == "all" else body[: -int(left_out)]
    line.theirs.sendall(head + part)
    line.theirs.shutdown(socket.SHUT_WR)
    if looks_first:
        assert line.exchange.look() is None
    with pytest.raises(boto.ConnectionClosedError):
        line.exchange.read()
    assert line.rested == []


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_answer_is_read_whole(line: Line, kind: str) -> None:
    """Every octet of it, and the connection is kept."""
    head, body = WHOLE[kind]
    line.theirs.sendall(head + body)
    status, _, content = line.exchange.look() or line.exchange.read()
    assert (status, content) == (int(head.split()[1]), body)
    assert line.rested == [line.ours]


def is_closed(connection: socket.socket) -> bool:
    return connection.fileno() == -1


def test_a_look_at_silence_finds_nothing_and_leaves_the_patience_as_it_was(line: Line) -> None:
    """Whoever reads the answer after a look waits for it as long as before."""
    assert line.exchange.look() is None
    assert not line.exchange.has_begun
    assert line.ours.gettimeout() == PATIENCE_S
    line.theirs.sendall(OK + BODY)
    assert line.exchange.look() is not None
    assert line.ours.gettimeout() == PATIENCE_S


def test_an_end_without_an_answer_has_begun_and_is_none(line: Line) -> None:
    """The connection is over and proves nothing."""
    line.theirs.close()
    assert line.exchange.look() is None
    assert line.exchange.has_begun
    with pytest.raises(boto.ConnectionClosedError):
        line.exchange.read()
    assert is_closed(line.ours)


def test_an_answer_that_does_not_come_in_time_is_a_read_timeout(line: Line) -> None:
    """The connection carries no other request: its answer may come later."""
    line.ours.settimeout(0.01)
    with pytest.raises(boto.ReadTimeoutError):
        line.exchange.read()
    assert is_closed(line.ours)
    assert line.rested == []


def test_a_call_that_is_given_up_may_have_been_taken(line: Line) -> None:
    """It reads as an answer that did not come in time, and its connection is closed."""
    with pytest.raises(boto.ReadTimeoutError, match=r"http://ses\.example"):
        line.exchange.give_up()
    assert is_closed(line.ours)


def test_a_request_that_cannot_be_written_may_have_left(line: Line) -> None:
    """The other side is gone: what was written before is not known."""
    line.theirs.close()
    with pytest.raises(boto.ConnectionClosedError):
        line.exchange.write(b"POST")
    assert is_closed(line.ours)


def test_an_unforeseen_error_closes_the_connection_and_is_raised_as_it_is(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No request follows on a connection whose state is unknown."""

    def broken(_received: bytes) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("app.aws.ses.connections.read_plain", broken)
    line.theirs.sendall(OK + BODY)
    with pytest.raises(ZeroDivisionError):
        line.exchange.look()
    assert is_closed(line.ours)


SAYS_CLOSE = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED_AND_LENGTH = OK.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")
IN_CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)


@pytest.mark.parametrize(
    "answer, kept",
    [
        (OK + BODY, True),
        (OK.replace(b"\r\n\r\n", b"\r\nX-Odd: a:b\r\n\r\n") + BODY, True),
        (SAYS_CLOSE + BODY, False),
        (SAYS_CLOSE.replace(b"close", b"Close") + BODY, False),
        (CHUNKED + IN_CHUNKS, True),
        (CHUNKED_AND_LENGTH + IN_CHUNKS, True),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/json\r\n\r\n" + BODY, False),
        (OK.replace(b"HTTP/1.1", b"HTTP/1.0") + BODY, False),
        (OK.replace(b"200 OK", b"200 Fine") + BODY, True),
    ],
    ids=[
        *("plain", "odd header", "close", "Close", "chunked", "chunked, with a length", "without a length"),
        *("HTTP 1.0", "other words"),
    ],
)
def test_a_connection_is_kept_only_where_the_next_answer_begins_where_this_one_ends(
    line: Line, answer: bytes, kept: bool
) -> None:
    """By HTTP: the length is known, and the other side does not close."""
    line.theirs.sendall(answer)
    if not kept:
        line.theirs.shutdown(socket.SHUT_WR)
    status, _, content = line.exchange.look() or line.exchange.read()
    assert (status, content) == (200, BODY)
    assert line.rested == ([line.ours] if kept else [])
    assert is_closed(line.ours) is not kept


@pytest.mark.parametrize("kind", WHOLE)
def test_an_answer_that_is_only_waited_for_leaves_its_connection_whole(line: Line, kind: str) -> None:
    """Without a look before, too."""
    head, body = WHOLE[kind]
    line.theirs.sendall(head + body)
    assert line.exchange.read()[2] == body
    assert line.rested == [line.ours]


def test_a_plain_answer_is_read_without_http_client(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nearly every answer is one, and `http.client` takes longer than all else of a call."""
    monkeypatch.setattr("app.aws.ses.connections.HTTPResponse", None)
    line.theirs.sendall(OK + BODY)
    assert line.exchange.read()[2] == BODY


def test_what_follows_an_answer_is_no_part_of_it(line: Line) -> None:
    """Octets beyond the length that the head gives are not taken for the body."""
    line.theirs.sendall(OK + BODY + b"HTTP/1.1 200 OK")
    status, _, content = line.exchange.look() or line.exchange.read()
    assert (status, content) == (200, BODY)


@pytest.mark.parametrize("length, kept", [(64 * KIB - 1, True), (64 * KIB + 1, False)])
def test_an_answer_is_read_up_to_64_kib(line: Line, length: int, kept: bool) -> None:
    """What is longer is cut, and its connection carries no other request."""
    line.theirs.sendall(b"HTTP/1.1 500 Oh\r\nContent-Length: %d\r\n\r\n" % length + b"x" * length)
    status, headers, content = line.exchange.read()
    assert (status, headers["content-length"]) == (500, str(length))
    assert len(content) == min(length, 64 * KIB)
    assert line.rested == ([line.ours] if kept else [])


class Kept:
    """Kept connections to a host whose ends are in our hands, and a clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 1000.0
        self.opened: list[socket.socket] = []
        self.theirs: list[socket.socket] = []
        self.waited = 0
        self.kept = KeptConnections(
            "http://ses.example", ca_bundle=None, read_timeout_s=PATIENCE_S, now=lambda: self.now_s
        )
        monkeypatch.setattr(self.kept, "connect", self._connect)

    def _connect(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        self.opened.append(ours)
        self.theirs.append(theirs)
        return ours

    def send(self, request: bytes = b"POST") -> Exchange:
        """One request, and how often it was said that the network may take its time."""

        def count() -> None:
            self.waited += 1

        return self.kept.send(request, before_waiting=count)

    def answer(self, exchange: Exchange) -> None:
        self.theirs[[one.fileno() for one in self.opened].index(exchange.fileno())].sendall(OK + BODY)
        assert exchange.look() is not None


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    made = Kept(monkeypatch)
    yield made
    for one in made.opened + made.theirs:
        one.close()


@pytest.mark.parametrize("rested_s, again", [(0, True), (15, True), (15.001, False)])
def test_a_connection_carries_another_request_for_15_seconds(kept: Kept, rested_s: float, again: bool) -> None:
    """Nothing waits then; after that it is closed, and another is opened."""
    kept.answer(kept.send())
    assert kept.waited == 1
    kept.now_s += rested_s
    kept.send()
    assert len(kept.opened) == (1 if again else 2)
    assert kept.waited == (1 if again else 2)
    assert is_closed(kept.opened[0]) is not again


def test_a_connection_that_the_other_side_has_closed_is_not_used(kept: Kept) -> None:
    """Its end is seen before a request is written."""
    kept.answer(kept.send())
    kept.theirs[0].close()
    kept.send()
    assert len(kept.opened) == 2
    assert is_closed(kept.opened[0])


def test_a_failure_names_the_endpoint(kept: Kept) -> None:
    """So that the log says where no answer came from."""
    exchange = kept.send()
    kept.theirs[0].close()
    with pytest.raises(boto.ConnectionClosedError, match=r"http://ses\.example"):
        exchange.read()


def test_no_connection_carries_two_requests_at_once(kept: Kept) -> None:
    """Until the answer is there, the next request has a connection of its own; the one used last is taken first."""
    first, second = kept.send(), kept.send()
    assert len(kept.opened) == 2
    kept.answer(first)
    kept.answer(second)
    assert [kept.send().fileno() for _ in range(3)][:2] == [kept.opened[1].fileno(), kept.opened[0].fileno()]
    assert len(kept.opened) == 3


@pytest.mark.parametrize("length, waits", [(16 * KIB, False), (16 * KIB + 1, True)])
def test_a_long_request_may_take_the_networks_time(kept: Kept, length: int, waits: bool) -> None:
    """On a kept connection only one of more than 16 KiB, which the system need not take at once."""
    kept.answer(kept.send())
    kept.waited = 0
    kept.send(b"x" * length)
    assert kept.waited == int(waits)


def test_an_opened_connection_is_kept_alive_and_waits_for_an_answer_no_longer_than_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without an end, a call would hold its thread for ever."""
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(HTTPConnection, "connect", lambda self: setattr(self, "sock", ours))
    kept = KeptConnections("http://ses.example", ca_bundle=None, read_timeout_s=PATIENCE_S, now=lambda: 0.0)
    with theirs, kept.connect() as opened:
        assert opened.gettimeout() == PATIENCE_S
        assert opened.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_connections_that_rest_can_be_closed(kept: Kept) -> None:
    """All of them, and none that is in use."""
    first, second, _ = kept.send(), kept.send(), kept.send()
    kept.answer(first)
    kept.answer(second)
    kept.kept.close()
    assert [is_closed(one) for one in kept.opened] == [True, True, False]
