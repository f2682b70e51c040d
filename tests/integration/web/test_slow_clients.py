"""Clients that send slowly, or not at all, delay no other client: over a real gunicorn, as it is deployed."""

import json
import select
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shutil import copy
from typing import Final

import pytest

from app.domain.apps.callers import Scope
from tests.support.gateway.gateways import gateway_on, issue
from tests.support.gateway.web import MAIL
from tests.support.servers.gunicorn import ANSWERED_WITHIN_S, answer_on, asked, served, slow_clients
from tests.support.ses.door import Credentials, boto3_client

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


@dataclass(frozen=True, slots=True)
class Place:
    """A gunicorn for all tests of this module, and its gateway's database."""

    port: int
    database_url: str
    redis_url: str

    def key(self, app: str = "invitations", *scopes: Scope) -> str:
        """A new key of an application."""
        with gateway_on(self.database_url, self.redis_url) as gateway:
            return issue(gateway, app=app, **({"scopes": frozenset(scopes)} if scopes else {})).token


@pytest.fixture(scope="module")
def place(sqlite_template: Path, valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("slow")
    url = f"sqlite:///{copy(sqlite_template, directory / 'postern.sqlite3')}"
    with served(url, valkey_url, directory) as server:
        yield Place(server.port, url, valkey_url)


@pytest.fixture
def port(place: Place) -> int:
    return place.port


def test_five_hundred_slow_sockets_delay_no_other_client(place: Place, port: int) -> None:
    """The API, the target of SNS and the probe are answered at once; each slow one is closed, with an answer."""
    key = f"Bearer {place.key()}"
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


V2: Final = b"POST /v2/email/outbound-emails HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"
V1: Final = b"POST / HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/x-www-form-urlencoded\r\n"
IN_CHUNKS: Final = b"Transfer-Encoding: chunked\r\n\r\n"
LARGE_AT_ONCE: Final = 8


def trickling(announced: Credentials) -> Mapping[bytes, tuple[int, bytes]]:
    """Beginnings of requests to the SES door, how many there are of each, and what they send from time to time.

    Some announce a large body by the id of a key, which is no secret.
    """
    today = datetime.now(UTC)
    scope = f"{announced.access_key_id}/{today:%Y%m%d}/eu-west-1/ses/aws4_request"
    signed = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
    claim = f"Authorization: {signed}\r\nX-Amz-Date: {today:%Y%m%dT%H%M%SZ}\r\n".encode()
    return {
        V2[:-20]: (80, b"n"),
        V1[:-20]: (80, b"n"),
        V2 + b"Content-Length: 1000\r\n\r\n{": (80, b" "),
        V1 + b"Content-Length: 1000\r\n\r\nAction=S": (80, b"e"),
        V2 + IN_CHUNKS + b"1\r\n{\r\n": (70, b"1\r\n \r\n"),
        V1 + IN_CHUNKS + b"8\r\nAction=S\r\n": (70, b"1\r\ne\r\n"),
        V2 + claim + b"Content-Length: 30000000\r\n\r\n{": (40, b" "),
    }


def test_five_hundred_sockets_that_trickle_delay_no_client_of_the_ses_door(place: Place, port: int) -> None:
    """SDKs and the probe are answered at once. An application that others name gets its large emails refused alone."""
    named, other = (Credentials.of(place.key(app, Scope.SES, Scope.EMAILS_SEND)) for app in ("named", "other"))
    parts = {"FromEmailAddress": "invites@example.com", "Destination": {"ToAddresses": ["ann@example.net"]}}
    small = {"Simple": {"Subject": {"Data": "Come"}, "Body": {"Text": {"Data": "Do come."}}}}
    large = {"Raw": {"Data": b"From: invites@example.com\r\nSubject: Come\r\n\r\n" + b"Do come.\r\n" * 200_000}}
    sdks = [
        boto3_client(service, f"http://127.0.0.1:{port}", key, read_timeout=ANSWERED_WITHIN_S)
        for key in (named, other)
        for service in ("sesv2", "ses")
    ]
    starts = trickling(named)
    drips = [drip for number, drip in starts.values() for _ in range(number)]
    with slow_clients(port, {start: number for start, (number, _) in starts.items()}) as clients:
        assert len(clients) == 500
        for _ in range(3):
            for client, drip in zip(clients, drips, strict=True):
                with suppress(OSError):  # a large one that was refused is closed
                    client.sendall(drip)
            for v2, v1 in (sdks[:2], sdks[2:]):
                assert v2.send_email(**parts, Content=small)["MessageId"]
                assert v1.get_send_quota()
            assert asked(port, "GET", "/healthz").status == 200
        assert sdks[2].send_email(**parts, Content=large)["MessageId"]
        with pytest.raises(sdks[0].exceptions.ClientError, match="ServiceUnavailable"):
            sdks[0].send_email(**parts, Content=large)
        refused = [client for client in clients[-40:] if is_answered(client)]
        assert len(refused) == 40 - LARGE_AT_ONCE
        assert {answer_on(client)[0] for client in refused} == {503}


def is_answered(client: socket.socket) -> bool:
    """Whether there is something to read, now."""
    return bool(select.select([client], [], [], 0)[0])


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


def test_a_long_body_arrives_whole(place: Place, port: int) -> None:
    """An email of 50 MB of attachments, with a length and in chunks, in pieces with pauses between them."""
    body = b'{"nothing":[{"content":"' + b"x" * 50_000_000 + b'"}]}'
    head = f"POST /v1/emails HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {place.key()}\r\n".encode()
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


def test_a_stop_waits_for_a_request_that_is_arriving(place: Place, tmp_path: Path) -> None:
    """A request that has half arrived is waited for; connections that only wait for their next request are closed."""
    request = b"GET /healthz HTTP/1.1\r\nHost: gateway\r\n\r\n"
    started = served(place.database_url, place.redis_url, tmp_path)
    with started as server, kept(server.port) as idle, kept(server.port) as half:
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
