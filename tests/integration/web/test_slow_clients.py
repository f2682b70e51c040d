"""Clients that send slowly, or not at all, delay no other client: over a real gunicorn, as it is deployed."""

import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.gateway.gateways import gateway_on, issue
from tests.support.gateway.web import MAIL
from tests.support.servers.gunicorn import answer_on, asked, served, slow_clients

pytestmark = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)

HEAD = b"POST /feedback/sns HTTP/1.1\r\nHost: gateway\r\n"
UNFINISHED = {
    b"": 50,
    b"G": 100,
    b"POST /feedback/sns HTTP/1.1\r\nHost: gate": 100,
    HEAD + b"Content-Length: 1000\r\n\r\n{": 100,
    HEAD + b"Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n": 50,
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{\r\n0\r\n\r\n": 0,
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n3e8\r\n{\r\n0\r\n\r\n": 50,
    b"POST /v1/emails HTTP/1.1\r\nHost: gateway\r\nContent-Length: 50000000\r\n\r\n{": 50,
}


@pytest.fixture
def port(migrated_url: str, redis_url: str, tmp_path: Path) -> Iterator[int]:
    with served(migrated_url, redis_url, tmp_path) as server:
        yield server.port


def test_five_hundred_slow_sockets_delay_no_other_client(migrated_url: str, redis_url: str, tmp_path: Path) -> None:
    """The API, the target of SNS and the probe are answered at once; each slow one is closed, with an answer."""
    with gateway_on(migrated_url, redis_url) as gateway, served(migrated_url, redis_url, tmp_path) as server:
        port = server.port
        key = f"Bearer {issue(gateway).token}"
        with slow_clients(port, UNFINISHED) as clients:
            assert len(clients) == 500
            for _ in range(3):
                assert asked(port, "GET", "/healthz").status == 200
                assert asked(port, "POST", "/feedback/sns", b"{}").status == 400
                assert asked(port, "POST", "/v1/emails", MAIL, Authorization=key).status == 200
            statuses = [answer_on(client)[0] for client in clients]
            begun = zip((begin for begin, number in UNFINISHED.items() for _ in range(number)), statuses, strict=True)
        # A connection that has sent nothing gets no answer, and one without a known key is asked for a key.
        assert sorted(set(statuses)) == [0, 100, 401, 408, 503]
        # SNS drops a notification for good when the answer is 408.
        assert {status for begin, status in begun if begin.startswith(b"POST /feedback/")} <= {100, 503}
        assert statuses.count(0) == 50
        assert asked(port, "GET", "/healthz").status == 200


def test_a_client_that_reads_nothing_delays_no_other_client(port: int) -> None:
    """Answers that are larger than the network's buffers are sent to a few clients at a time."""
    page = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: gateway\r\n\r\n"
    with slow_clients(port, {page * 20: 60}):
        for _ in range(3):
            assert asked(port, "GET", "/healthz").status == 200
            assert asked(port, "POST", "/feedback/sns", b"{}").status == 400


@contextmanager
def kept(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        yield client


def answered(client: socket.socket) -> int:
    """The status of one answer on a connection that stays open, read to its end."""
    come = b""
    while b"\r\n\r\n" not in come:
        come += client.recv(4096)
    head, _, body = come.partition(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-len"))
    while len(body) < length:
        body += client.recv(4096)
    assert len(body) == length
    return int(head.split()[1])


def test_a_connection_is_kept_for_the_next_request(port: int) -> None:
    """One request after another, two at once, one in single bytes, and one after a body that was not read."""
    request = b"GET /healthz HTTP/1.1\r\nHost: gateway\r\n\r\n"
    unread = b"POST /healthz HTTP/1.1\r\nHost: gateway\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000
    with kept(port) as client:
        for _ in range(3):
            client.sendall(request)
            assert answered(client) == 200
        client.sendall(unread)
        assert answered(client) == 405
        for byte in request:
            client.sendall(bytes([byte]))
        assert answered(client) == 200
        client.sendall(request + request)
        come = b""
        while come.count(b'{"status":"ok"}') < 2:
            come += client.recv(4096)


def test_a_long_body_arrives_whole(migrated_url: str, redis_url: str, tmp_path: Path) -> None:
    """An email of 50 MB of attachments, with a length and in chunks, in pieces with pauses between them."""
    with gateway_on(migrated_url, redis_url) as gateway, served(migrated_url, redis_url, tmp_path) as server:
        port = server.port
        token = issue(gateway).token
        body = b'{"nothing":[{"content":"' + b"x" * 50_000_000 + b'"}]}'
        head = f"POST /v1/emails HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {token}\r\n".encode()
        head += b"Content-Type: application/json\r\nConnection: close\r\n"
        for framing in (b"Content-Length: %d\r\n\r\n" % len(body), b"Transfer-Encoding: chunked\r\n\r\n"):
            with kept(port) as client:
                client.sendall(head + framing)
                for start in range(0, len(body), 7_000_000):
                    piece = body[start : start + 7_000_000]
                    client.sendall(piece if b"Length" in framing else b"%x\r\n%s\r\n" % (len(piece), piece))
                    time.sleep(0.01)
                client.sendall(b"" if b"Length" in framing else b"0\r\n\r\n")
                status, answer = answer_on(client)
                assert status == 422, answer
                assert b"unknown_field" in answer


def test_a_stop_waits_for_a_request_that_is_arriving(migrated_url: str, redis_url: str, tmp_path: Path) -> None:
    """A request that has half arrived is waited for; connections that only wait for their next request are closed."""
    request = b"GET /healthz HTTP/1.1\r\nHost: gateway\r\n\r\n"
    with served(migrated_url, redis_url, tmp_path) as server, kept(server.port) as idle, kept(server.port) as half:
        idle.sendall(request)
        half.sendall(request)
        assert (answered(idle), answered(half)) == (200, 200)
        half.sendall(request[:10])
        server.process.send_signal(signal.SIGTERM)
        assert idle.recv(1) == b""
        half.sendall(request[10:])
        status, rest = answer_on(half)
        assert status == 200
        assert b"Connection: close" in rest
        assert server.process.wait(30) == 0


def test_no_header_moves_a_request_to_another_path(port: int) -> None:
    """A proxy that opens only `/unsubscribe/` to strangers cannot be led past that path by a request's headers."""
    for name in (b"SCRIPT_NAME", b"script_name", b"Script-Name"):
        with kept(port) as client:
            head = b"GET /unsubscribe/healthz HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n"
            client.sendall(head + name + b": /unsubscribe\r\nPATH_INFO: /healthz\r\n\r\n")
            status, rest = answer_on(client)
            assert b'"status":"ok"' not in rest
            assert b"Unsubscribe?" in rest or status == 400


def test_a_request_that_is_not_http_is_refused_without_repeating_it(port: int) -> None:
    """The answer has the one body of failures; so has the answer to a malformed chunk."""
    key = b"secret-of-somebody"
    head = b"POST /feedback/sns HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n"
    for request in (
        b"GET /" + key + b"\xff HTTP/9\r\n\r\n",
        head + b"Transfer-Encoding: chunked\r\n\r\n" + key + b"\r\n",
    ):
        with kept(port) as client:
            client.sendall(request)
            status, rest = answer_on(client)
            assert status == 400
            assert key not in rest
            assert json.loads(rest.partition(b"\r\n\r\n")[2])["statusCode"] == 400
