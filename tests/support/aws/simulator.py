"""Helpers for tests of the simulator: real boto3 clients, and a small endpoint that subscribes to a topic.

The endpoint verifies each signature with the simulator's certificate before it processes a message, as Postern does.
"""

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

import boto3
import urllib3
from botocore.config import Config
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from simulator import Simulator

Found = TypeVar("Found")

REGION = "us-east-1"
PATIENCE_SECONDS = 10.0
SENDER = "invitations@example.com"
ALL_EVENTS = [
    "SEND", "REJECT", "BOUNCE", "COMPLAINT", "DELIVERY", "OPEN", "CLICK", "RENDERING_FAILURE", "DELIVERY_DELAY",
    "SUBSCRIPTION",
]  # fmt: skip


def client(service: str, simulator: Simulator, *, read_timeout: float = 10.0) -> Any:
    """Return a boto3 client of the simulator that makes exactly one wire request per call."""
    return boto3.client(
        service,
        endpoint_url=simulator.url,
        region_name=REGION,
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key="example",
        config=Config(retries={"total_max_attempts": 1, "mode": "standard"}, read_timeout=read_timeout),
    )


def control(simulator: Simulator, method: str, path: str, content: Any = None) -> Any:
    """Call the control surface, which must succeed, and return its JSON."""
    answer = fetch(simulator, f"/_simulator/{path}", method=method, content=content)
    assert answer.status < 300, answer.data
    return answer.json()


def fetch(
    simulator: Simulator, path: str, *, method: str = "GET", content: Any = None, headers: dict[str, str] | None = None
) -> urllib3.BaseHTTPResponse:
    """Make one unsigned HTTP request, and return the answer, whatever its status."""
    body = json.dumps(content).encode() if content is not None else None
    with urllib3.PoolManager(retries=False, timeout=PATIENCE_SECONDS) as pool:
        return pool.request(method, simulator.url + path, body=body, headers=headers)


def until(look: Callable[[], Found]) -> Found:
    """Return the result of `look` as soon as it is true; fail the test after some seconds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
    return found


def raw_message(recipient: str, *, subject: str = "An invitation", **headers: str) -> bytes:
    """Return a MIME message to one recipient."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = SENDER, recipient, subject
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content("You are invited.")
    message.add_alternative("<p>You are <b>invited</b>.</p>", subtype="html")
    return message.as_bytes()


def send(ses: Any, recipient: str, **request: Any) -> str:
    """Send a raw email and return its message id."""
    answer = ses.send_email(
        FromEmailAddress=SENDER,
        Destination={"ToAddresses": [recipient]},
        Content={"Raw": {"Data": raw_message(recipient)}},
        **request,
    )
    return str(answer["MessageId"])


def send_watched(ses: Any, recipient: str, **request: Any) -> str:
    """Send with the configuration set whose events the endpoint gets."""
    return send(ses, recipient, ConfigurationSetName="postern", **request)


def is_suppressed(ses: Any, address: str) -> bool:
    """Return whether the account suppression list has exactly this address."""
    try:
        ses.get_suppressed_destination(EmailAddress=address)
    except ses.exceptions.NotFoundException:
        return False
    return True


def ledger(simulator: Simulator) -> list[dict[str, Any]]:
    """Return all entries of the ledger file."""
    return [json.loads(line) for line in simulator.ledger_path.read_text(encoding="utf-8").splitlines()]


@dataclass
class Received:
    """One POST that reached the endpoint, its signature verified."""

    headers: dict[str, str]
    envelope: dict[str, str]

    @property
    def message(self) -> dict[str, Any]:
        """The SES event inside."""
        content = json.loads(self.envelope["Message"])
        assert isinstance(content, dict)
        return content


@dataclass
class Endpoint:
    """A subscriber on loopback. `answers` are the statuses for the next notifications; after them it is 200 again."""

    simulator: Simulator
    confirms: bool = True
    answers: list[int] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    forged: list[str] = field(default_factory=list)
    url: str = ""

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """Verify a message, confirm the subscription or keep the notification, and return the status."""
        envelope = json.loads(body)
        if not is_authentic(envelope, self.simulator):
            self.forged.append(envelope["MessageId"])
            return 403
        self.received.append(Received(headers, envelope))
        if envelope["Type"] == "SubscriptionConfirmation" and self.confirms:
            client("sns", self.simulator).confirm_subscription(
                TopicArn=envelope["TopicArn"], Token=envelope["Token"], AuthenticateOnUnsubscribe="true"
            )
        return self.answers.pop(0) if envelope["Type"] == "Notification" and self.answers else 200

    def notifications(self) -> list[Received]:
        """Return the notifications received, oldest first."""
        return [each for each in self.received if each.envelope["Type"] == "Notification"]

    def events(self) -> list[dict[str, Any]]:
        """Return the SES events among them, in either format."""
        bodies = (each.envelope["Message"] for each in self.notifications())
        return [json.loads(body) for body in bodies if '"mail"' in body]

    def kinds(self) -> list[str]:
        """Return the kinds of the SES events, oldest first."""
        return [event.get("eventType") or event["notificationType"] for event in self.events()]

    def event(self, kind: str) -> dict[str, Any]:
        """Return the first event of a kind, waiting for it."""
        return until(
            lambda: next((e for e in self.events() if (e.get("eventType") or e["notificationType"]) == kind), {})
        )


def is_authentic(envelope: dict[str, str], simulator: Simulator) -> bool:
    """Return whether the signature is the simulator's, by AWS's published algorithm."""
    names = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
    if envelope["Type"] != "Notification":
        names = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    text = "".join(f"{name}\n{envelope[name]}\n" for name in names if name in envelope)
    key = x509.load_pem_x509_certificate(simulator.certificate_path.read_bytes()).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    digest = hashes.SHA256() if envelope["SignatureVersion"] == "2" else hashes.SHA1()
    try:
        key.verify(base64.b64decode(envelope["Signature"], validate=True), text.encode(), padding.PKCS1v15(), digest)
    except InvalidSignature:
        return False
    return True


@contextmanager
def listening(simulator: Simulator, *, confirms: bool = True) -> Iterator[Endpoint]:
    """Yield an endpoint that listens on loopback."""
    endpoint = Endpoint(simulator, confirms=confirms)
    connections: list[socket.socket] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            connections.append(self.connection)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(endpoint.take({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    endpoint.url = f"http://127.0.0.1:{server.server_port}/feedback/sns"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        for connection in connections:
            # A kept-alive connection would outlive the listener and continue to answer.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        server.server_close()
        thread.join()


def subscribe(simulator: Simulator, endpoint: Endpoint, *, version: str = "2", topic: str = "ses-feedback") -> str:
    """Make a topic, subscribe the endpoint, wait for the handshake, and return the topic's ARN."""
    sns = client("sns", simulator)
    topic_arn = str(sns.create_topic(Name=topic)["TopicArn"])
    sns.set_topic_attributes(TopicArn=topic_arn, AttributeName="SignatureVersion", AttributeValue=version)
    sns.subscribe(TopicArn=topic_arn, Protocol="http", Endpoint=endpoint.url)
    until(lambda: _is_confirmed(sns, topic_arn))
    return topic_arn


def publish_events(simulator: Simulator, topic_arn: str, *, name: str = "postern") -> str:
    """Make a configuration set whose events all go to the topic, and return its name."""
    ses = client("sesv2", simulator)
    ses.create_configuration_set(ConfigurationSetName=name)
    ses.create_configuration_set_event_destination(
        ConfigurationSetName=name,
        EventDestinationName="feedback",
        EventDestination={
            "Enabled": True,
            "MatchingEventTypes": ALL_EVENTS,
            "SnsDestination": {"TopicArn": topic_arn},
        },
    )
    return name


def _is_confirmed(sns: Any, topic_arn: str) -> bool:
    subscriptions = sns.list_subscriptions_by_topic(TopicArn=topic_arn)["Subscriptions"]
    return any(each["SubscriptionArn"].startswith("arn:") for each in subscriptions)
