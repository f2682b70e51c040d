"""HTTP/1.1 on the wire, over a real gunicorn as it is deployed: what any server in front of Postern has to hold.

The application behind it only shows what has arrived (`tests.support.servers.wire`).
"""

import hashlib
import json
import select
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.servers.wire import LARGE, Wire, WireServer, wire_server

HEAD = b"Host: gateway\r\n"
GET = b"GET /first HTTP/1.1\r\n" + HEAD + b"\r\n"
NEXT = b"GET /smuggled HTTP/1.1\r\n" + HEAD + b"\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WireServer]:
    with wire_server(tmp_path_factory.mktemp("wire"), "--keep-alive", "3") as running:
        yield running


@pytest.fixture
def wire(server: WireServer) -> Iterator[Wire]:
    with server.connect() as connected:
        yield connected


def post(path: bytes, *fields: bytes) -> bytes:
    return b"POST " + path + b" HTTP/1.1\r\n" + HEAD + b"".join(field + b"\r\n" for field in fields) + b"\r\n"


def sized(body: bytes, path: bytes = b"/post") -> bytes:
    return post(path, b"Content-Length: %d" % len(body)) + body


def chunks(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))


CHUNKED = b"Transfer-Encoding: chunked"


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_a_body_of_sixty_megabytes_arrives_whole(wire: Wire, framing: str) -> None:
    """Byte for byte, and the connection serves the next request."""
    body = bytes(range(250)) * 240_000
    if framing == "length":
        wire.send(post(b"/post", b"Content-Length: %d" % len(body)), body)
    else:
        pieces = [body[start : start + 7_000_001] for start in range(0, len(body), 7_000_001)]
        wire.send(post(b"/post", CHUNKED), chunks(*pieces))
    answer = wire.answer()
    assert answer.shown["length"] == len(body)
    assert answer.shown["digest"] == hashlib.sha256(body).hexdigest()
    wire.send(GET)
    after = wire.answer()
    assert after.shown["path"] == "/first"


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_a_file_that_is_read_by_lines_arrives_whole(wire: Wire, framing: str) -> None:
    """Lines that cross every border between reads are neither cut nor lost."""
    body = b"".join(b"%d,somebody@example.com\n" % number for number in range(150_000))
    if framing == "length":
        wire.send(sized(body, b"/lines"))
    else:
        wire.send(post(b"/lines", CHUNKED), chunks(*(body[at : at + 60_007] for at in range(0, len(body), 60_007))))
    answer = wire.answer()
    assert answer.shown == {"lines": 150_000}


def test_a_chunked_body_in_single_bytes_with_extensions_and_trailers(wire: Wire) -> None:
    """The content alone reaches the application, and the next request follows."""
    for byte in post(b"/post", CHUNKED) + b"3;name=value\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n" + GET:
        wire.send(bytes([byte]))
    first, second = wire.answer(), wire.answer()
    assert first.shown["digest"] == hashlib.sha256(b"abcde").hexdigest()
    assert second.shown["path"] == "/first"


def test_pipelined_requests_are_answered_in_their_order(wire: Wire) -> None:
    """Those that come in one packet, and one whose end comes later."""
    wire.send(sized(b"one", b"/1") + GET + sized(b"three", b"/3") + sized(b"fo", b"/4")[:-1])
    answers = [wire.answer() for _ in range(3)]
    wire.send(b"o" + sized(b"x" * 5000, b"/unread") + sized(b"six", b"/6"))
    answers += [wire.answer() for _ in range(3)]
    assert [answer.shown.get("path") for answer in answers] == ["/1", "/first", "/3", "/4", None, "/6"]


@pytest.mark.parametrize("length", [10, 3_000_000])
def test_a_client_that_expects_100_continue_sends_its_body_after_it(wire: Wire, length: int) -> None:
    """RFC 9110, section 10.1.1: short bodies, which wait without a thread, and long ones."""
    wire.send(post(b"/post", b"Content-Length: %d" % length, b"Expect: 100-continue"))
    go_on = wire.answer()
    assert go_on.status == 100
    wire.send(b"x" * length)
    answer = wire.answer()
    while answer.status == 100:
        answer = wire.answer()
    assert answer.shown["length"] == length


AMBIGUOUS = {
    "a length and chunks": post(b"/a", b"Content-Length: 4", CHUNKED) + b"0\r\n\r\n",
    "two lengths": post(b"/a", b"Content-Length: 0", b"Content-Length: 4") + b"abcd",
    "two equal lengths": post(b"/a", b"Content-Length: 4", b"Content-Length: 4") + b"abcd",
    "a list of lengths": post(b"/a", b"Content-Length: 4, 4") + b"abcd",
    "a length with a sign": post(b"/a", b"Content-Length: +4") + b"abcd",
    "a negative length": post(b"/a", b"Content-Length: -4") + b"abcd",
    "a length in hex": post(b"/a", b"Content-Length: 0x4") + b"abcd",
    "an underscore in the length": post(b"/a", b"Content-Length: 1_0") + b"abcd",
    "chunked twice": post(b"/a", b"Transfer-Encoding: chunked, chunked") + b"0\r\n\r\n",
    "chunked and then identity": post(b"/a", b"Transfer-Encoding: chunked, identity") + b"0\r\n\r\n",
    "another coding": post(b"/a", b"Transfer-Encoding: xchunked") + b"0\r\n\r\n",
    "chunked after a tab": post(b"/a", b"Transfer-Encoding: \x0bchunked") + b"0\r\n\r\n",
    "chunks in HTTP/1.0": b"POST /a HTTP/1.0\r\n" + HEAD + CHUNKED + b"\r\n\r\n0\r\n\r\n",
    "a bare line feed": b"POST /a HTTP/1.1\r\nHost: gateway\nContent-Length: 4\r\n\r\nabcd",
    "bare line feeds only": b"GET /a HTTP/1.1\nHost: gateway\n\nGET /smuggled HTTP/1.1\r\nHost: gateway\r\n\r\n",
    "a folded field": post(b"/a", b"X-One: 1\r\n Content-Length: 4", b"Content-Length: 0"),
    "a space before the colon": post(b"/a", b"Content-Length : 4") + b"abcd",
    "a space before the name": post(b"/a", b" Content-Length: 4") + b"abcd",
    "a null in a value": post(b"/a", b"X-One: a\x00b"),
    "a bare carriage return": post(b"/a", b"X-One: a\rContent-Length: 4"),
    "two hosts": post(b"/a", b"Host: elsewhere"),
    "a chunk size with a prefix": post(b"/a", CHUNKED) + b"0x3\r\nabc\r\n0\r\n\r\n",
    "a chunk size with a sign": post(b"/a", CHUNKED) + b"+3\r\nabc\r\n0\r\n\r\n",
    "a chunk that ends elsewhere": post(b"/a", CHUNKED) + b"3\r\nabcd\r\n0\r\n\r\n",
    "a chunk line that ends in a line feed": post(b"/a", CHUNKED) + b"3\nabc\r\n0\r\n\r\n",
    "a length in the trailers": post(b"/a", CHUNKED) + b"0\r\nContent-Length: 4\r\n\r\n",
}


@pytest.mark.parametrize("request_of", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_what_two_servers_could_read_in_two_ways_is_refused(wire: Wire, request_of: bytes) -> None:
    """The answer is one 400, the connection ends, and nothing that followed is taken as a request (RFC 9112, 11.2)."""
    wire.send(request_of + NEXT)
    answer = wire.answer()
    assert answer.status == 400
    assert answer.fields["connection"] == "close"
    assert answer.shown["name"] == "validation_error"
    assert wire.rest() == b""


@pytest.mark.parametrize(
    "head, status",
    [
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n", 400),
        (post(b"/a", b"X-Long: " + b"x" * 9000), 400),
        (post(b"/a", *[b"X-%d: 1" % number for number in range(150)]), 400),
        (b"GET / HTTP/1.1\r\n" + b"X-Long: " + b"x" * 70_000, 431),
        (b"GET / HTTP/9.9\r\n" + HEAD + b"\r\n", 400),
    ],
    ids=["line", "field", "fields", "head", "version"],
)
def test_a_head_is_bounded(wire: Wire, head: bytes, status: int) -> None:
    """A line and a field have 8 kB, fields are a hundred, and the whole head has 64 KiB."""
    wire.send(head)
    answer = wire.answer()
    assert answer.status == status
    assert wire.rest() == b""


def test_the_peer_is_the_one_that_connected(wire: Wire) -> None:
    """No field changes the address, and none passes for another; the scheme is taken from the proxy on this host."""
    wire.send(post(b"/a", b"X-Forwarded-For: 192.0.2.1", b"X_Forwarded_For: 192.0.2.2", b"X-Forwarded-Proto: https"))
    answer = wire.answer()
    assert answer.shown["fields"]["HTTP_X_FORWARDED_FOR"] == "192.0.2.1"
    assert (answer.shown["peer"], answer.shown["scheme"]) == ("127.0.0.1", "https")


def test_an_answer_without_a_length_is_sent_in_chunks_as_it_is_made(wire: Wire) -> None:
    """The first piece does not wait for the second one; HTTP/1.0 gets the end of the connection in place of chunks."""
    wire.send(b"GET /pieces HTTP/1.1\r\n" + HEAD + b"\r\n")
    begun = time.monotonic()
    early = wire.socket.recv(4096, socket.MSG_PEEK)
    assert b"first" in early
    assert b"second" not in early
    assert time.monotonic() - begun < 5
    answer = wire.answer()
    assert answer.body == b"firstsecond"
    wire.send(b"GET /pieces HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert wire.rest().endswith(b"\r\n\r\nfirstsecond")


def test_answers_without_a_body_have_none(wire: Wire) -> None:
    """The answer to HEAD has the length of the other one; 204 has no length. The connection is kept."""
    wire.send(b"HEAD /a HTTP/1.1\r\n" + HEAD + b"\r\n")
    answer = wire.answer(without_body=True)
    assert int(answer.fields["content-length"]) > 0
    wire.send(b"GET /nothing HTTP/1.1\r\n" + HEAD + b"\r\n" + GET)
    nothing, after = wire.answer(), wire.answer()
    assert (nothing.status, "content-length" in nothing.fields) == (204, False)
    assert after.shown["path"] == "/first"


def test_an_application_that_breaks_costs_no_thread(server: WireServer) -> None:
    """More often than there are threads. Nothing of the error is said, and half an answer ends with the connection."""
    for _ in range(60):
        with server.connect() as wire:
            wire.send(b"GET /breaks HTTP/1.1\r\n" + HEAD + b"\r\n")
            answer = wire.answer()
            assert (answer.status, answer.shown["name"]) == (500, "application_error")
    with server.connect() as wire:
        wire.send(b"GET /breaks-late HTTP/1.1\r\n" + HEAD + b"\r\n")
        assert wire.rest().endswith(b"\r\n\r\nx")
    with server.connect() as wire:
        wire.send(GET)
        assert wire.answer().status == 200
    assert b"secret text" not in server.log.read_bytes()


def test_clients_that_are_cut_off_harm_no_other(server: WireServer) -> None:
    """In the head, in the body, and while they take their answer; more of them than there are threads."""
    large = b"GET /large HTTP/1.1\r\n" + HEAD + b"\r\n"
    for begin in (GET[:20], sized(b"x" * 50)[:-10], sized(b"x" * 2_000_000)[:-10], large):
        for _ in range(15):
            with server.connect() as wire:
                wire.send(begin)
    with server.connect() as wire:
        wire.send(large)
        answer = wire.answer()
    assert len(answer.body) == LARGE


def test_a_client_that_ends_its_side_gets_its_answers(wire: Wire) -> None:
    """A body that was cut off is short for the application, which may say so."""
    wire.send(GET + sized(b"x" * 50)[:-10])
    wire.socket.shutdown(socket.SHUT_WR)
    assert wire.answer().status == 200
    assert wire.answer().shown["length"] == 40
    assert wire.rest() == b""


def test_each_wait_has_its_end(server: WireServer) -> None:
    """5 s for a head, 15 s without a byte of a body, and the keep-alive time for the next request (3 s here)."""
    sns = b"POST /feedback/sns HTTP/1.1\r\n" + HEAD
    begins = {
        "nothing": (b"", None, 5),
        "head": (GET[:30], 408, 5),
        "head of SNS": (sns, 503, 5),
        "body": (sized(b"x" * 100)[:-1], 408, 15),
        "body of SNS": (sns + b"Content-Length: 9\r\n\r\nx", 503, 15),
        "long body": (sized(b"x" * 2_000_000)[:-1], None, 15),
        "kept": (GET, None, 3),
    }
    begun = time.monotonic()
    wires = {name: server.connect() for name in begins}
    for name, (text, _, _) in begins.items():
        wires[name].send(text)
    kept = wires["kept"].answer()
    assert kept.fields["connection"] == "keep-alive"
    for name in sorted(begins, key=lambda one: begins[one][2]):
        _, status, after_s = begins[name]
        with wires[name] as wire:
            status_line = wire.rest()[:12]
            took = time.monotonic() - begun
            assert status_line == (b"HTTP/1.1 %d" % status if status else b""), name
            assert after_s - 0.1 <= took < after_s + 10, (name, took)


def test_what_waits_in_memory_is_bounded(server: WireServer) -> None:
    """The largest unfinished requests are refused, and the others are served once they are whole."""
    body = b"x" * 1_100_000
    with ExitStack() as opened:
        wires = [opened.enter_context(server.connect()) for _ in range(70)]
        for wire in wires:
            wire.send(sized(body)[:-1])
        small = opened.enter_context(server.connect())
        small.send(sized(b"ab")[:-1])
        refused, _, _ = select.select([wire.socket for wire in wires], [], [], 20)
        small.send(b"b")
        assert small.answer().shown["length"] == 2
        assert 1 <= len(refused) < 20
        assert {wire.answer().shown["name"] for wire in wires if wire.socket in refused} == {"service_unavailable"}


def test_a_stop_lets_requests_end(tmp_path: Path) -> None:
    """A request in progress is answered and its connection ended; no new one is accepted; the exit status is 0."""
    with wire_server(tmp_path) as server, server.connect() as slow, server.connect() as idle:
        idle.send(GET)
        assert idle.answer().status == 200
        slow.send(b"GET /slow HTTP/1.1\r\n" + HEAD + b"\r\n")
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        answer = slow.answer()
        assert answer.shown == {"slow": True}
        assert slow.rest() == b""
        assert idle.rest() == b""
        assert server.process.wait(20) == 0
        with pytest.raises(OSError, match=r".*"):
            server.connect()
    assert not [line for line in server.log.read_text().splitlines() if json.loads(line)["level"] == "error"]
