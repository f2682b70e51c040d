"""One post to an endpoint: what arrives there, and what each answer comes to. Every endpoint here is a real server."""

import socket
import threading
import tracemalloc
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.webhooks.post_result import PostOutcome
from tests.support.webhooks.posting import HOST, Names, poster
from tests.support.webhooks.receiver import Answer, receiving, repeating, saying, silent

BODY: Final = b'{"type":"email.delivered"}'
IMPATIENT_S: Final = 0.4
SHARED: Final = poster(patience_s=IMPATIENT_S)


def with_status(status: int, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status} So", *headers, "Content-Length: 0", "", ""]).encode()


def reset(connection: socket.socket, _over: threading.Event) -> None:
    """Drop the connection without a goodbye."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


def test_the_endpoint_gets_the_post_as_it_was_signed() -> None:
    """Path and query, the headers, the octets of the body; no cookie."""
    with receiving() as receiver:
        result = poster().post(f"http://127.0.0.1:{receiver.port}/in?a=1", {"webhook-id": "msg_1"}, BODY)
    [(line, headers, body)] = receiver.requests
    assert (line, body) == ("POST /in?a=1 HTTP/1.1", BODY)
    assert headers == {
        "host": f"127.0.0.1:{receiver.port}",
        "accept-encoding": "identity",
        "content-length": str(len(BODY)),
        "content-type": "application/json",
        "user-agent": "Postern",
        "webhook-id": "msg_1",
    }
    assert (result.outcome, result.status) == (PostOutcome.ACCEPTED, 200)
    assert 0 < result.seconds < 5


def test_no_cookie_is_kept() -> None:
    """What an endpoint sets is not sent again."""
    answer = with_status(200, "Set-Cookie: session=1; Path=/")
    with receiving(answer) as receiver:
        shared = poster()
        for _ in range(2):
            assert shared.post(f"http://localhost:{receiver.port}/", {}, BODY).outcome is PostOutcome.ACCEPTED
    assert ["cookie" in headers for _, headers, _ in receiver.requests] == [False, False]


@pytest.mark.parametrize(
    "status, outcome",
    [
        *((status, PostOutcome.ACCEPTED) for status in (200, 201, 202, 204, 299)),
        *((status, PostOutcome.REDIRECTED) for status in (300, 301, 302, 303, 304, 307, 308, 399)),
        *((status, PostOutcome.REFUSED) for status in (103, 400, 401, 404, 410, 429, 500, 502, 503, 599, 999)),
    ],
)
def test_the_status_decides(status: int, outcome: PostOutcome) -> None:
    """2xx is success; everything else is named by what it was."""
    with receiving(with_status(status)) as receiver:
        result = poster().post(f"http://127.0.0.1:{receiver.port}/", {}, BODY)
    assert (result.outcome, result.status) == (outcome, status)
    assert result.detail.startswith(f"the endpoint answered {status}")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("place", ["http://127.0.0.1:{port}/", "//127.0.0.1:{port}/", "http://169.254.169.254/latest"])
def test_a_redirect_is_not_followed(status: int, place: str) -> None:
    """It would lead to a place that was never checked."""
    with (
        receiving() as elsewhere,
        receiving(with_status(status, f"Location: {place}".format(port=elsewhere.port))) as at,
    ):
        result = poster().post(f"http://127.0.0.1:{at.port}/", {}, BODY)
    assert (result.outcome, result.status, elsewhere.connections) == (PostOutcome.REDIRECTED, status, 0)


WITHOUT_A_STATUS: Final[dict[str, tuple[Answer, PostOutcome]]] = {
    "hangs": (silent, PostOutcome.TIMED_OUT),
    "drips": (repeating(b"H", pause=0.05), PostOutcome.TIMED_OUT),
    "drips headers": (repeating(b"x: y\r\n", pause=0.05, first=b"HTTP/1.1 200 OK\r\n"), PostOutcome.TIMED_OUT),
    "closes": (saying(), PostOutcome.UNREACHABLE),
    "resets": (reset, PostOutcome.UNREACHABLE),
    "breaks off": (saying(b"HTTP/1.1 2"), PostOutcome.UNREACHABLE),
    "breaks off in its head": (saying(b"HTTP/1.1 200 OK\r\nContent-Le"), PostOutcome.UNREACHABLE),
    "speaks SSH": (saying(b"SSH-2.0-OpenSSH_9.9\r\n"), PostOutcome.UNREACHABLE),
    "speaks SMTP": (saying(b"220 mail.example.com ESMTP\r\n"), PostOutcome.UNREACHABLE),
    "speaks TLS": (saying(b"\x15\x03\x01\x00\x02\x02\x46"), PostOutcome.UNREACHABLE),
    "too many headers": (saying(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 200 + b"\r\n"), PostOutcome.UNREACHABLE),
    "a header without end": (repeating(b"x" * 4096, first=b"HTTP/1.1 200 OK\r\nx: "), PostOutcome.TOO_LARGE),
    "a line without end": (repeating(b"x" * 4096), PostOutcome.TOO_LARGE),
    "continues for ever": (repeating(b"HTTP/1.1 100 Continue\r\n\r\n"), PostOutcome.TOO_LARGE),
}


@pytest.mark.parametrize("what", WITHOUT_A_STATUS)
def test_an_endpoint_that_gives_no_status_is_named_by_what_it_did(what: str) -> None:
    """It hangs, drips, closes, speaks another protocol or does not stop; the post ends in its time, whatever comes."""
    answer, outcome = WITHOUT_A_STATUS[what]
    with receiving(answer) as receiver:
        result = poster(patience_s=IMPATIENT_S).post(f"http://127.0.0.1:{receiver.port}/", {}, BODY)
    assert (result.outcome, result.status, result.response) == (outcome, None, "")
    assert result.seconds < 2 * IMPATIENT_S


BODIES: Final[dict[str, Answer]] = {
    "hangs": silent,
    "breaks off": saying(b"half"),
    "drips": repeating(b"x", pause=0.05),
    "does not end": repeating(b"x" * 4096),
}


@pytest.mark.parametrize("what", BODIES)
def test_once_the_status_came_the_post_is_accepted(what: str) -> None:
    """The endpoint has said 2xx; a body that hangs, drips, breaks off or does not end takes nothing of that back."""

    def answer(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        BODIES[what](connection, over)

    with receiving(answer) as receiver:
        result = poster(patience_s=IMPATIENT_S).post(f"http://127.0.0.1:{receiver.port}/", {}, BODY)
    assert (result.outcome, result.status) == (PostOutcome.ACCEPTED, 200)
    assert result.seconds < 2 * IMPATIENT_S
    assert len(result.response) <= 1024


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 1" + b"0" * 30,
        b"Content-Length: 1" + b"0" * 13,
        b"Content-Length: -1",
        b"Transfer-Encoding: chunked\r\n\r\n" + b"F" * 30,
        b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFF",
        b"Transfer-Encoding: chunked\r\n\r\n-5",
    ],
)
def test_a_length_that_is_claimed_takes_no_memory(head: bytes) -> None:
    """What an answer says of its size is believed in nothing."""
    tracemalloc.start()
    try:
        with receiving(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\nHi!") as receiver:
            result = SHARED.post(f"http://127.0.0.1:{receiver.port}/", {}, BODY)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (result.outcome, most < 4_000_000) == (PostOutcome.ACCEPTED, True)


def test_at_most_64_kib_are_read() -> None:
    """Of an answer without end; the endpoint sees the connection close."""
    sent = []

    def answer(connection: socket.socket, over: threading.Event) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        connection.sendall(b"HTTP/1.1 500 Oh\r\n\r\n")
        while not over.is_set():
            sent.append(connection.send(b"x" * 1024))

    with receiving(answer) as receiver:
        result = poster().post(f"http://127.0.0.1:{receiver.port}/", {}, BODY)
    assert (result.status, result.response) == (500, "x" * 1024)
    assert sum(sent) < 8 * 1024 * 1024


def test_an_endpoint_that_does_not_read_takes_no_longer() -> None:
    """A body that the other side never takes is given up in time."""
    with receiving(silent, hasty=True) as receiver:
        result = poster(patience_s=IMPATIENT_S).post(f"http://127.0.0.1:{receiver.port}/", {}, b"x" * 32_000_000)
    assert result.outcome is PostOutcome.TIMED_OUT
    assert result.seconds < 3 * IMPATIENT_S


@pytest.mark.parametrize(
    "body, shown",
    [
        (b'{"ok":true}', '{"ok":true}'),
        ("Grüße, 你好".encode(), "Grüße, 你好"),
        (b"one\r\ntwo\tthree\x00\x1b[31mred\x7f", "one  two three  [31mred "),
        ("\u202egpj.exe".encode(), " gpj.exe"),
        (b"\xff\xfeno text", "  no text"),
        (b"x" * 5000, "x" * 1024),
        ("ü".encode() * 5000, "ü" * 1024),
    ],
)
def test_the_beginning_of_the_answer_is_kept_as_plain_text(body: bytes, shown: str) -> None:
    """1,024 characters for a person to read, without any that a terminal, a page or a database would stumble on."""
    head = f"HTTP/1.1 422 No\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with receiving(saying(head, body)) as receiver:
        result = poster().post(f"http://127.0.0.1:{receiver.port}/", {}, BODY)
    assert result.response == shown


def test_an_answer_may_end_with_the_connection() -> None:
    """As those of HTTP/1.0 do."""
    with receiving(b"HTTP/1.0 200 OK\r\n\r\nHi!") as receiver:
        result = poster().post(f"http://127.0.0.1:{receiver.port}/", {}, BODY)
    assert (result.outcome, result.response) == (PostOutcome.ACCEPTED, "Hi!")


def test_a_chunked_answer_is_read() -> None:
    """Without the lengths of its parts."""
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nHi\r\n1\r\n!\r\n0\r\n\r\n"
    with receiving(answer) as receiver:
        assert poster().post(f"http://127.0.0.1:{receiver.port}/", {}, BODY).response == "Hi!"


def test_a_port_without_a_server_is_unreachable() -> None:
    """The connection is refused."""
    with receiving() as receiver:
        port = receiver.port
    result = poster().post(f"http://127.0.0.1:{port}/", {}, BODY)
    assert (result.outcome, result.detail) == (PostOutcome.UNREACHABLE, "the host refused the connection")


@pytest.mark.parametrize(
    "answer, reason", [([], "the DNS knows no address of the host"), (None, "the DNS gave no answer")]
)
def test_a_host_without_an_address_is_unreachable(answer: list[str] | None, reason: str) -> None:
    """It does not exist, or the DNS says nothing; both may be over later."""
    result = poster(Names(answer)).post(f"https://{HOST}/", {}, BODY)
    assert (result.outcome, result.detail) == (PostOutcome.UNREACHABLE, reason)


@given(
    st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=100).map(lambda rest: b"HTTP/1.1 200 OK\r\n" + rest),
        st.binary(max_size=100).map(lambda rest: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + rest),
    )
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_answer_raises_an_error(octets: bytes) -> None:
    """Whatever comes, the post has a result."""
    with receiving(octets) as receiver:
        result = SHARED.post(f"http://127.0.0.1:{receiver.port}/", {}, BODY)
    assert (result.status is None) == (
        result.outcome not in {PostOutcome.ACCEPTED, PostOutcome.REDIRECTED, PostOutcome.REFUSED}
    )
