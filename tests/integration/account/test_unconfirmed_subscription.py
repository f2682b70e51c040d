"""Why a subscription waits for its confirmation: the check asks the gateway that PUBLIC_URL leads to."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from app.aws.setup.checks.entrance import why_unconfirmed
from app.aws.setup.checks.everything import AwsChecks
from app.domain.account.findings import Finding
from app.services.feedback.rejections import REPEATED
from app.store.engine.clock import host_clock
from app.wiring.doctor import wanted
from simulator import Options, Simulator
from tests.integration.account.aws_clients import clients_of
from tests.support.aws.setup.bare_account import BareAccount
from tests.support.gateway.gateways import TOPIC, settings_for
from tests.support.gateway.web import Web, web_on
from tests.support.servers.served import served
from tests.support.servers.tls import self_signed

FOREIGN = "arn:aws:sns:us-east-1:999999999999:postern-feedback"


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    with Simulator(Options(data=tmp_path)) as running:
        yield running


def pending(simulator: Simulator, public_url: str) -> Finding:
    """The finding about a subscription that is not confirmed, of a gateway at this URL."""
    clients = clients_of(simulator)
    aws = BareAccount(clients.ses, clients.sns)
    topic_arn = clients.sns.create_topic(Name="postern-feedback")["TopicArn"]
    aws.subscribe(topic_arn, public_url)
    given = settings_for("sqlite:///unused.db", "redis://127.0.0.1:9", public_url=public_url, sns_topic_arns=topic_arn)
    checks = AwsChecks(clients)(wanted(given, senders=()))
    return next(one for one in checks if one.name == "subscription of postern-feedback")


@contextmanager
def answering(status: int, body: bytes, *, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Yield the URL of a server that gives this answer to everything but `/healthz`, which it answers with 200."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(200, b"{}")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(status, body)

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as web:
        yield web


def test_a_gateway_that_is_not_reached_is_said(simulator: Simulator) -> None:
    """Nothing listens at PUBLIC_URL."""
    one = pending(simulator, "http://127.0.0.1:9")
    assert one.ok is False
    assert one.found == "waits for confirmation: http://127.0.0.1:9/healthz does not answer"
    assert "make PUBLIC_URL reachable" in one.fix


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_a_gateway_that_answers_and_lists_the_topic_needs_a_new_confirmation(simulator: Simulator, web: Web) -> None:
    """The first one was lost."""
    with served(web) as url:
        one = pending(simulator, url)
    assert one.found == "waits for confirmation: the gateway answers and lists this topic"
    assert one.fix.startswith("subscribe anew")


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_the_question_leaves_no_incident(web: Web) -> None:
    """However often it is asked: an incident would make the check fail that looks for refused notifications."""
    with served(web) as url:
        for _ in range(REPEATED + 1):
            assert why_unconfirmed(url, TOPIC, now=host_clock()).found == "the gateway answers and lists this topic"
    with web.gateway.database.reading() as connection:
        assert connection.exec_driver_sql("select count(*) from incidents").scalar() == 0


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("topics", [FOREIGN, FOREIGN.replace("999999999999:postern-feedback", "123456789012:other")])
def test_a_gateway_that_does_not_list_the_topic_is_said(
    simulator: Simulator, migrated_url: str, redis_url: str, topics: str
) -> None:
    """Its SNS_TOPIC_ARNS has another account's topic, or another topic of this account."""
    with web_on(migrated_url, redis_url, sns_topic_arns=topics) as web, served(web) as url:
        one = pending(simulator, url)
    assert one.found == "waits for confirmation: the gateway there does not list this topic"
    assert "SNS_TOPIC_ARNS" in one.fix


def test_something_else_at_the_url_is_said(simulator: Simulator) -> None:
    """A proxy that answers for itself."""
    with answering(403, b"<h1>Forbidden</h1>") as url:
        one = pending(simulator, url)
    assert one.found.endswith("/feedback/sns answers 403, not as Postern does")
    assert "let the proxy pass" in one.fix


def test_a_certificate_that_is_not_trusted_is_said(simulator: Simulator, tmp_path: Path) -> None:
    """SNS would not deliver either."""
    with answering(200, b"{}", tls=self_signed(tmp_path, "127.0.0.1")[1]) as url:
        one = pending(simulator, url)
    assert "TLS fails at https://" in one.found
    assert "public authority" in one.fix
