"""Each transport on the wire: one request per call, whatever the other end does with it."""

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from app.aws.clients import sesv2_client
from app.aws.ses.early_mailer import FastMailer
from app.aws.ses.fast_client import FastSesClient, fast_client
from app.aws.ses.mailer import Mailer, SesMailer
from app.domain.sending.call_outcome import Accepted, Ambiguous, Envelope, Outcome, Refused, Retry, Throttled, Tripped
from tests.support.aws.aws_stub import surround
from tests.support.gateway.early_mailers import Waiting
from tests.support.servers.cli import until

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client

RAW = b"From: news@example.com\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nHello\x00\xff\r\n"
ENVELOPE = Envelope(
    sender="news@example.com",
    recipient="Ann@example.org",
    raw=RAW,
    tags=(("postern_recipient", "r1"), ("postern_attempt", "a1")),
)
READ_TIMEOUT_S = 0.3


def http(status: str, body: str, *, error: str = "") -> bytes:
    """An answer in SES's form, with its length and, for an error, the header with its name."""
    kind = f"x-amzn-ErrorType: {error}\r\n" if error else ""
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{kind}Connection: close\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


class Wire:
    """A server on loopback that counts the requests it has read in full and gives each the same answer, byte for byte.

    `answer` is what is written before the connection is closed; None leaves the caller waiting.
    """

    def __init__(self, answer: bytes | None) -> None:
        self.requests: list[tuple[str, bytes]] = []
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        waiting: list[socket.socket] = []
        while not self._over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                break
            self.requests.append(self._read(connection))
            if self._answer is None:
                waiting.append(connection)
                continue
            connection.sendall(self._answer)
            connection.close()
        for connection in waiting:
            connection.close()

    @staticmethod
    def _read(connection: socket.socket) -> tuple[str, bytes]:
        with connection.makefile("rb") as stream:
            request_line = stream.readline().decode()
            length = 0
            while (line := stream.readline()) != b"\r\n":
                name, _, value = line.decode().partition(":")
                if name.lower() == "content-length":
                    length = int(value)
                if name.lower() == "expect":
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            return request_line, stream.read(length)


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the machine's owner, and test credentials."""
    surround(monkeypatch)


@contextmanager
def wire(monkeypatch: pytest.MonkeyPatch, answer: bytes | None) -> Iterator[Wire]:
    server = Wire(answer)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", server.url)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(params=["boto3", "fast", "early"])
def transport(request: pytest.FixtureRequest) -> str:
    """All transports to SES: each keeps the promises of this file."""
    return str(request.param)


def client_of(transport: str, *, read_timeout_s: float) -> "SESV2Client | FastSesClient":
    if transport != "boto3":
        return fast_client("eu-west-1", clock=lambda: datetime.now(UTC), read_timeout_s=read_timeout_s)
    return sesv2_client("eu-west-1", pool=4, read_timeout_s=read_timeout_s)


@contextmanager
def mailer_of(
    transport: str, *, configuration_set: str | None = "postern", read_timeout_s: float = READ_TIMEOUT_S
) -> Iterator[Mailer]:
    client = client_of(transport, read_timeout_s=read_timeout_s)
    with closing(client):
        if transport != "early":
            yield SesMailer(client, configuration_set=configuration_set)
            return
        assert isinstance(client, FastSesClient)
        early = FastMailer(client, configuration_set=configuration_set)
        with closing(Waiting(early, patience_s=read_timeout_s)) as mailer:
            yield mailer


def send(transport: str) -> Outcome:
    with mailer_of(transport) as mailer:
        return mailer.send(ENVELOPE)


OK = http("200 OK", '{"MessageId": "0100-1"}')
QUOTA = http("400 Bad Request", '{"message": "Daily message quota exceeded."}', error="LimitExceededException")
REJECTED = http("400 Bad Request", '{"message": "Transaction failed"}', error="MessageRejected")
ILLEGAL = http("400 Bad Request", '{"message": "Illegal address in the To"}', error="BadRequestException")
RATE = '{"message": "Maximum sending rate exceeded."}'


@pytest.mark.parametrize(
    "answer, outcome",
    [
        pytest.param(OK, Accepted, id="accepted"),
        pytest.param(None, Ambiguous, id="hangs"),
        pytest.param(b"", Ambiguous, id="closes before the answer"),
        pytest.param(OK[:20], Ambiguous, id="closes in the status"),
        pytest.param(OK[:-12], Ambiguous, id="closes in the body"),
        pytest.param(
            http("500 Internal Server Error", "{}", error="InternalServiceErrorException"), Ambiguous, id="500"
        ),
        pytest.param(http("502 Bad Gateway", "<html>"), Ambiguous, id="502"),
        pytest.param(http("503 Service Unavailable", "{}"), Ambiguous, id="503"),
        pytest.param(http("504 Gateway Timeout", ""), Ambiguous, id="504"),
        pytest.param(http("429 Too Many Requests", RATE, error="TooManyRequestsException"), Throttled, id="429"),
        pytest.param(http("400 Bad Request", RATE, error="ThrottlingException"), Throttled, id="400 throttled"),
        pytest.param(QUOTA, Tripped, id="400 quota"),
        pytest.param(REJECTED, Refused, id="400 rejected"),
        pytest.param(http("400 Bad Request", "{}", error="BadRequestException"), Retry, id="400 bad request"),
        pytest.param(ILLEGAL, Refused, id="400 illegal address"),
        pytest.param(http("404 Not Found", "{}", error="NotFoundException"), Tripped, id="404"),
        pytest.param(http("403 Forbidden", "{}", error="SignatureDoesNotMatch"), Tripped, id="403"),
        pytest.param(http("200 OK", "{}"), Ambiguous, id="200 without MessageId"),
        pytest.param(http("200 OK", '{"MessageId": ""}'), Ambiguous, id="200 with an empty MessageId"),
        pytest.param(http("200 OK", '{"MessageId": 7}'), Ambiguous, id="200 with another MessageId"),
        pytest.param(http("200 OK", '["MessageId"]'), Ambiguous, id="200 with a list"),
        pytest.param(http("200 OK", "<html>not SES</html>"), Ambiguous, id="200 with a page"),
        pytest.param(http("200 OK", ""), Ambiguous, id="200 with nothing"),
        pytest.param(b"SMTP ready\r\n", Ambiguous, id="not HTTP"),
        pytest.param(http("302 Found", ""), Ambiguous, id="redirect"),
    ],
)
def test_one_call_is_one_wire_request(
    monkeypatch: pytest.MonkeyPatch, transport: str, answer: bytes | None, outcome: type[Outcome]
) -> None:
    """Whatever the server does, the transport sends the email once, and the outcome says what that proves."""
    with wire(monkeypatch, answer) as server:
        result = send(transport)
    assert isinstance(result, outcome), result
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [QUOTA, http("300 Multiple Choices", "{}"), http("301 Moved Permanently", "{}"), http("503 Slow Down", "<html>")],
    ids=["400", "300", "301", "503"],
)
def test_an_error_of_ses_is_raised_as_boto3_raises_it(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    """With the same status, code, text and operation, so that the answers of both are judged alike."""
    raised = []
    with wire(monkeypatch, answer):
        for transport in ("boto3", "fast"):
            with closing(client_of(transport, read_timeout_s=5)) as client:
                request = SesMailer(client, configuration_set=None).request(ENVELOPE)
                with pytest.raises(ClientError) as refusal:
                    client.send_email(**request)
            status = refusal.value.response["ResponseMetadata"]["HTTPStatusCode"]
            raised.append((refusal.value.operation_name, status, refusal.value.response.get("Error")))
    assert raised[0] == raised[1]


def test_a_refusal_of_the_sender_stops_the_email_of_its_domain(monkeypatch: pytest.MonkeyPatch, transport: str) -> None:
    """SES does not name it; the envelope does."""
    with wire(monkeypatch, http("400 Bad Request", "{}", error="MailFromDomainNotVerifiedException")):
        outcome = send(transport)
    assert isinstance(outcome, Tripped)
    assert outcome.scope == "sender:example.com"


def test_a_check_for_an_answer_never_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread with many calls must not be held up by a silent one: the request is sent, and there is no answer yet."""
    with wire(monkeypatch, None) as server, closing(client_of("early", read_timeout_s=5)) as client:
        assert isinstance(client, FastSesClient)
        begun = FastMailer(client, configuration_set=None).begin(ENVELOPE, before_waiting=lambda: None)
        assert not isinstance(begun, Outcome)
        until(lambda: server.requests)
        assert (begun.look(), begun.has_begun) == (None, False)
        assert isinstance(begun.give_up(), Ambiguous)
    assert len(server.requests) == 1


def test_the_request_carries_envelope_tags_and_configuration_set(
    monkeypatch: pytest.MonkeyPatch, transport: str
) -> None:
    """SES gets the raw bytes unchanged, one recipient in its own case, our tags and our configuration set."""
    with wire(monkeypatch, OK) as server:
        assert send(transport) == Accepted("0100-1")
    [(request_line, body)] = server.requests
    assert request_line == "POST /v2/email/outbound-emails HTTP/1.1\r\n"
    request = json.loads(body)
    assert base64.b64decode(request["Content"]["Raw"]["Data"]) == RAW
    del request["Content"]
    assert request == {
        "FromEmailAddress": "news@example.com",
        "Destination": {"ToAddresses": ["Ann@example.org"]},
        "EmailTags": [{"Name": "postern_recipient", "Value": "r1"}, {"Name": "postern_attempt", "Value": "a1"}],
        "ConfigurationSetName": "postern",
    }


def refused() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("endpoint", [refused, lambda: "http://no-such-host.invalid"], ids=["refused", "unresolvable"])
def test_an_unreachable_endpoint_proves_that_nothing_was_sent(
    monkeypatch: pytest.MonkeyPatch, transport: str, endpoint: Callable[[], str]
) -> None:
    """A refused port and an unknown host are no fault of the email: the next email could not be sent either."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", endpoint())
    outcome = send(transport)
    assert isinstance(outcome, Tripped), outcome
    assert outcome.scope == "ses"


def test_a_server_without_tls_has_certainly_not_taken_the_email(
    monkeypatch: pytest.MonkeyPatch, transport: str
) -> None:
    """The handshake fails before the request, so the email can be sent later."""
    listener = socket.create_server(("127.0.0.1", 0))

    def speak_plainly() -> None:
        connection, _ = listener.accept()
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.close()

    thread = threading.Thread(target=speak_plainly)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", f"https://127.0.0.1:{listener.getsockname()[1]}")
    outcome = send(transport)
    thread.join()
    listener.close()
    assert isinstance(outcome, Tripped), outcome
    assert outcome.scope == "ses"


def test_without_credentials_nothing_is_sent_and_the_account_pauses(
    monkeypatch: pytest.MonkeyPatch, transport: str
) -> None:
    """Missing credentials are no fault of the email."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with wire(monkeypatch, OK) as server:
        outcome = send(transport)
    assert isinstance(outcome, Tripped)
    assert outcome.scope == "account"
    assert server.requests == []


def test_threads_share_one_mailer(monkeypatch: pytest.MonkeyPatch, transport: str) -> None:
    """Twenty calls from four threads are twenty requests."""
    with wire(monkeypatch, OK) as server, mailer_of(transport, configuration_set=None, read_timeout_s=5) as mailer:
        outcomes: list[Outcome] = []
        threads = [
            threading.Thread(target=lambda: outcomes.extend(mailer.send(ENVELOPE) for _ in range(5))) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert outcomes == [Accepted("0100-1")] * 20
    assert len(server.requests) == 20
    assert "ConfigurationSetName" not in json.loads(server.requests[0][1])
