"""The fast transport: the same request as boto3, on kept connections, with the current credentials."""

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from select import select
from unittest.mock import Mock

import botocore.auth
import botocore.session
import pytest
from botocore.credentials import RefreshableCredentials
from botocore.httpsession import get_cert_path
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.aws.clients import sesv2_client
from app.aws.ses import connections
from app.aws.ses.connections import LONGEST_REST_S, TAKEN_AT_ONCE
from app.aws.ses.early_mailer import FastMailer
from app.aws.ses.fast_client import FastSesClient, fast_client
from app.aws.ses.mailer import SesMailer
from app.domain.sending.call_outcome import Accepted, Envelope, Outcome, Tripped
from tests.support.aws.aws_stub import surround
from tests.support.gateway.early_mailers import Waiting
from tests.support.servers.keepalive_server import Endpoint
from tests.support.servers.tls import self_signed

NOW = dt.datetime(2026, 11, 26, 12, 0, 0, tzinfo=dt.UTC)
ENVELOPE = Envelope(
    sender="news@example.com", recipient="Ann@example.org", raw=b"Subject: Hi\r\n\r\nHello\r\n", tags=()
)


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the machine's owner, and test credentials."""
    surround(monkeypatch)


@contextmanager
def endpoint(monkeypatch: pytest.MonkeyPatch, **options: object) -> Iterator[Endpoint]:
    server = Endpoint(**options)  # type: ignore[arg-type]
    monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", server.url)
    try:
        yield server
    finally:
        server.close()


def clock() -> dt.datetime:
    return NOW


def send(client: FastSesClient) -> Outcome:
    return SesMailer(client, configuration_set="postern").send(ENVELOPE)


def comparable(request: tuple[str, dict[str, str], bytes]) -> tuple[str, dict[str, str], bytes]:
    """A request without the parts that differ from call to call."""
    line, headers, body = request
    shown = {"user-agent": "some", "amz-sdk-invocation-id": "some"}
    return line, {name: shown.get(name, value) for name, value in headers.items()}, body


WORDS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=40)
# As a value it looks like where the message goes in the request.
NAMES = WORDS | st.just('{"Data": "')
ENVELOPES = st.builds(
    Envelope,
    sender=NAMES.map(lambda name: f"{name}@example.com"),
    recipient=WORDS.map(lambda name: f"{name}+tag/x=y@xn--strae-oqa.example"),
    raw=st.binary(min_size=1, max_size=3000),
    tags=st.lists(st.tuples(NAMES, NAMES), max_size=3).map(tuple),
)


@pytest.mark.parametrize("token", [None, "a/session+token=="])
def test_both_transports_make_the_same_request(monkeypatch: pytest.MonkeyPatch, token: str | None) -> None:
    """For any envelope: request line, headers, signature (and so the canonical request) and body are equal."""
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: NOW)
    if token:
        monkeypatch.setenv("AWS_SESSION_TOKEN", token)

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(envelope=ENVELOPES, configuration_set=st.sampled_from([None, "postern"]))
    def compare(envelope: Envelope, configuration_set: str | None) -> None:
        server.requests.clear()
        for client in (boto, fast):
            sent = SesMailer(client, configuration_set=configuration_set).send(envelope)
            assert sent == Accepted("0100-1")
        by_boto, by_fast = map(comparable, server.requests)
        assert by_fast == by_boto
        assert "x-amz-date" in by_fast[1]["authorization"]

    with endpoint(monkeypatch) as server:
        boto, fast = sesv2_client("eu-west-1", pool=1), fast_client("eu-west-1", clock=clock)
        compare()
        boto.close()
        fast.close()


def test_a_connection_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many calls, one connection."""
    with endpoint(monkeypatch) as server:
        client = fast_client("eu-west-1", clock=clock)
        assert [send(client) for _ in range(5)] == [Accepted("0100-1")] * 5
        client.close()
    assert server.connections == 1


def test_a_connection_that_was_closed_meanwhile_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """SES may close an idle connection. A new one is made, so no email is left with an unknown outcome."""
    with endpoint(monkeypatch, requests_each=1) as server:
        client = fast_client("eu-west-1", clock=clock)
        for _ in range(4):
            assert send(client) == Accepted("0100-1")
            assert server.closed.acquire(timeout=5)
        client.close()
    assert len(server.requests) == server.connections == 4


def test_a_connection_that_was_idle_for_long_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be closed at the moment of the call, which would leave the outcome unknown."""
    seconds = [0.0]
    with endpoint(monkeypatch) as server:
        client = FastSesClient(
            botocore.session.get_session(), region="eu-west-1", clock=clock, monotonic=lambda: seconds[0]
        )
        send(client)
        seconds[0] += LONGEST_REST_S
        send(client)
        assert server.connections == 1
        seconds[0] += LONGEST_REST_S + 1
        send(client)
        client.close()
    assert server.connections == 2


def test_threads_have_a_connection_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simultaneous calls share none, and every email is sent once."""
    with endpoint(monkeypatch) as server:
        client = fast_client("eu-west-1", clock=clock)
        outcomes: list[Outcome] = []
        threads = [threading.Thread(target=lambda: outcomes.extend(send(client) for _ in range(25))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        client.close()
    assert outcomes == [Accepted("0100-1")] * 200
    assert len(server.requests) == 200
    assert server.connections <= 8


def test_credentials_are_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call is signed with the current credentials, since those of a role are renewed."""
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1)
    later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    renewed = {"access_key": "AKIDNEW", "secret_key": "new", "token": "new", "expiry_time": later.isoformat()}
    session = botocore.session.get_session()
    old = RefreshableCredentials("AKIDOLD", "old", "old", soon, refresh_using=lambda: renewed, method="test")
    monkeypatch.setattr(session, "get_credentials", lambda: old)
    with endpoint(monkeypatch) as server:
        client = FastSesClient(session, region="eu-west-1", clock=clock)
        send(client)
        client.close()
    [(_, headers, _)] = server.requests
    assert "Credential=AKIDNEW/" in headers["authorization"]
    assert headers["x-amz-security-token"] == "new"


def trusting(certificate: Path) -> dict[str, str]:
    return {"AWS_CA_BUNDLE": str(certificate)}


@pytest.mark.parametrize(
    "name, environment, taken",
    [
        ("127.0.0.1", trusting, True),
        ("127.0.0.1", lambda _: {}, False),
        ("127.0.0.2", trusting, False),
    ],
    ids=["trusted", "unknown issuer", "another host"],
)
def test_tls_is_verified(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
    environment: Callable[[Path], dict[str, str]],
    taken: bool,
) -> None:
    """Only a server with a certificate for this host, from an issuer that boto3 would trust, gets the email."""
    certificate, context = self_signed(tmp_path, name)
    for variable, value in environment(certificate).items():
        monkeypatch.setenv(variable, value)
    with (
        endpoint(monkeypatch, tls=context) as server,
        closing(fast_client("eu-west-1", clock=clock)) as client,
        closing(Waiting(FastMailer(client, configuration_set=None), patience_s=20)) as early,
    ):
        seen = [send(client), early.send(ENVELOPE)]
    assert all(isinstance(one, Accepted if taken else Tripped) for one in seen), seen
    assert len(server.requests) == 2 * int(taken)


@pytest.mark.parametrize(
    "bundles, read",
    [
        ({}, get_cert_path(verify=True)),
        ({"REQUESTS_CA_BUNDLE": "other.pem"}, "other.pem"),
        ({"REQUESTS_CA_BUNDLE": "other.pem", "AWS_CA_BUNDLE": "own.pem"}, "own.pem"),
    ],
    ids=["none", "of requests", "of AWS"],
)
def test_it_trusts_the_authorities_of_boto3(
    monkeypatch: pytest.MonkeyPatch, bundles: dict[str, str], read: str
) -> None:
    """One trust store for all that is asked at AWS, whatever the system has, and no stricter rules for it."""
    context = Mock()
    monkeypatch.setattr(connections, "create_urllib3_context", lambda: context)
    monkeypatch.delenv("AWS_ENDPOINT_URL_SESV2", raising=False)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    for name, value in bundles.items():
        monkeypatch.setenv(name, value)
    boto = sesv2_client("eu-west-1", pool=1)
    session = boto._endpoint.http_session  # type: ignore[attr-defined] # noqa: SLF001 - botocore has no public name
    assert get_cert_path(session._verify) == read  # noqa: SLF001 - likewise
    boto.close()
    fast_client("eu-west-1", clock=clock).close()
    context.load_verify_locations.assert_called_once_with(cafile=read)
    assert context.check_hostname is True


def test_it_calls_the_endpoint_of_the_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an endpoint in the environment, it is the one that boto3 would call."""
    monkeypatch.delenv("AWS_ENDPOINT_URL_SESV2", raising=False)
    with closing(fast_client("eu-west-1", clock=clock)) as client:
        assert client.url == "https://email.eu-west-1.amazonaws.com/v2/email/outbound-emails"


HEAD = b"HTTP/1.1 200 OK\r\nDate: Thu, 26 Nov 2026 12:00:00 GMT\r\n"
BODY = b'{"MessageId": "0100-1"}'


@pytest.mark.parametrize("early", [False, True], ids=["waited for", "heard"])
@pytest.mark.parametrize("piecemeal", [False, True], ids=["in one piece", "byte by byte"])
@pytest.mark.parametrize(
    "answer, connections",
    [
        pytest.param(HEAD + b"Connection: keep-alive\r\nContent-Length: 23\r\n\r\n" + BODY, 1, id="as SES does"),
        pytest.param(HEAD + b"content-length:23\r\n\r\n" + BODY, 1, id="in lower case"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n17\r\n" + BODY + b"\r\n0\r\n\r\n", 1, id="chunked"),
        pytest.param(HEAD + b"Connection: close\r\nContent-Length: 23\r\n\r\n" + BODY, 3, id="and closes"),
        pytest.param(HEAD.replace(b"1.1", b"1.0") + b"Content-Length: 23\r\n\r\n" + BODY, 3, id="HTTP/1.0"),
        pytest.param(
            b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"Content-Length: 23\r\n\r\n" + BODY, 1, id="after a 100"
        ),
    ],
)
def test_an_answer_is_read_however_it_is_framed(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, connections: int, piecemeal: bool, early: bool
) -> None:
    """Every framing that HTTP allows is read, and a connection is used again only where that is allowed."""
    with endpoint(monkeypatch, answer=answer, piecemeal=piecemeal) as server:
        client = fast_client("eu-west-1", clock=clock)
        with closing(client), closing(Waiting(FastMailer(client, configuration_set=None), patience_s=20)) as waiting:
            mailer = waiting if early else SesMailer(client, configuration_set=None)
            assert [mailer.send(ENVELOPE) for _ in range(3)] == [Accepted("0100-1")] * 3
    assert server.connections == connections


def test_a_whole_answer_is_found_by_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a thread with many calls waits for none of them."""
    with endpoint(monkeypatch), closing(fast_client("eu-west-1", clock=clock)) as client:
        begun = FastMailer(client, configuration_set=None).begin(ENVELOPE, before_waiting=lambda: None)
        assert not isinstance(begun, Outcome)
        assert select([begun], [], [], 20)[0] == [begun]
        assert begun.look() == Accepted("0100-1")


def test_the_caller_is_notified_before_a_call_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """To open a connection, or to write more than is taken at once; not for a short email on an open connection."""
    notified: list[str] = []
    calls = {"first": ENVELOPE, "second": ENVELOPE, "long": replace(ENVELOPE, raw=b"." * TAKEN_AT_ONCE)}
    answer = HEAD + b"Content-Length: 23\r\n\r\n" + BODY
    with endpoint(monkeypatch, answer=answer) as server, closing(fast_client("eu-west-1", clock=clock)) as client:
        mailer = FastMailer(client, configuration_set=None)
        for name, envelope in calls.items():
            begun = mailer.begin(envelope, before_waiting=partial(notified.append, name))
            assert not isinstance(begun, Outcome)
            assert begun.wait() == Accepted("0100-1")
    assert (notified, server.connections) == (["first", "long"], 1)
