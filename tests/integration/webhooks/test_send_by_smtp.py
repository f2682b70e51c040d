"""An alert by email goes through a mail server of the operator's own, and what becomes of it is known."""

import socket
from collections.abc import Iterator
from email import message_from_string
from typing import Any

import pytest

from app.domain.webhooks.post_result import PostOutcome
from app.domain.webhooks.retries import concerns_endpoint
from app.net.smtp.send import PATIENCE_S, EmailPoster, MailServer
from app.store.webhooks.endpoints import LEASE_S
from tests.support.webhooks import mail_server
from tests.support.webhooks.mail_server import running_mail_server

TO = "mailto:ops@example.org"
BODY = b"Subject: Postern incident\r\n\r\nSES refuses.\r\n"


@pytest.fixture
def server() -> Iterator[mail_server.MailServer]:
    with running_mail_server() as running:
        yield running


def poster(url: str, **more: Any) -> EmailPoster:
    return EmailPoster(server=MailServer.at(url), sender="postern@example.com", **more)


def test_an_alert_arrives_with_its_headers(server: mail_server.MailServer) -> None:
    """It says that a program wrote it, so that no mailbox answers (RFC 3834)."""
    result = poster(server.url).post(TO, {}, BODY)
    assert result.outcome is PostOutcome.ACCEPTED
    message = message_from_string(server.messages[0])
    assert (message["From"], message["To"], message["Subject"]) == (
        "postern@example.com",
        "ops@example.org",
        "Postern incident",
    )
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"]
    assert message["Message-ID"].endswith("@example.com>")
    assert server.recipients == ["ops@example.org"]


def test_a_refused_recipient_is_refused(server: mail_server.MailServer) -> None:
    """With the code of the server, and without the address."""
    server.answers["RCPT"] = "550 5.1.1 no such user ops@example.org"
    result = poster(server.url).post(TO, {}, BODY)
    assert (result.outcome, result.detail) == (PostOutcome.REFUSED, "the mail server refused the recipient with 550")


def test_a_code_of_smtp_is_no_status_of_http(server: mail_server.MailServer) -> None:
    """A mail server that is busy with 451 is in trouble: HTTP's 4xx would say that the email is at fault."""
    server.answers["DATA"] = "451 4.3.0 busy"
    result = poster(server.url).post(TO, {}, BODY)
    assert (result.outcome, result.status) == (PostOutcome.REFUSED, None)
    assert concerns_endpoint(result.status)


@pytest.mark.parametrize("goodbye", ["421 4.3.2 shutting down", "500 what", None, "221-"])
def test_what_a_server_answers_to_the_goodbye_changes_nothing(
    server: mail_server.MailServer, goodbye: str | None
) -> None:
    """It has the email by then: another try would send it twice."""
    server.answers["QUIT"] = goodbye
    assert poster(server.url, patience_s=1).post(TO, {}, BODY).outcome is PostOutcome.ACCEPTED


@pytest.mark.parametrize("verb", ["", "EHLO", "RCPT", "DATA"])
@pytest.mark.parametrize("answer", [None, "250-"])
def test_a_server_that_hangs_has_no_more_than_the_time_of_one_email(
    server: mail_server.MailServer, verb: str, answer: str | None
) -> None:
    """Whether it says nothing or never comes to an end: a turn holds its endpoint for a minute at most."""
    server.answers[verb] = answer
    result = poster(server.url, patience_s=0.5).post(TO, {}, BODY)
    assert result.outcome is PostOutcome.TIMED_OUT
    assert result.seconds < 2
    assert 2 * PATIENCE_S < LEASE_S


def test_answers_without_an_end_are_not_read(server: mail_server.MailServer) -> None:
    """They would fill the memory."""
    server.answers[""] = "\r\n".join(["220-x" * 100] * 1_000)
    assert poster(server.url).post(TO, {}, BODY).outcome is PostOutcome.TOO_LARGE


@pytest.mark.parametrize("to", ["https://hooks.example.com/", "mailto:", "mailto:ops@example.org\r\nRSET"])
def test_what_is_no_address_gets_no_email(server: mail_server.MailServer, to: str) -> None:
    """It raises nothing."""
    assert poster(server.url).post(to, {}, BODY).outcome is PostOutcome.REFUSED
    assert server.messages == []


def test_an_international_domain_is_written_in_ascii(server: mail_server.MailServer) -> None:
    """As every mail server takes it (RFC 5891)."""
    assert poster(server.url).post("mailto:ops@b\u00fccher.example", {}, BODY).outcome is PostOutcome.ACCEPTED
    assert server.recipients == ["ops@xn--bcher-kva.example"]


def test_a_server_on_another_host_has_to_offer_tls() -> None:
    """What a network could read is not sent."""
    with running_mail_server("127.0.0.2") as plain:
        result = poster(plain.url).post(TO, {}, BODY)
    assert result.outcome is PostOutcome.UNREACHABLE
    assert plain.messages == []


def test_tls_is_used_where_it_is_offered(server: mail_server.MailServer) -> None:
    """Also on loopback; if it does not come about, nothing is sent in the clear."""
    server.answers |= {"EHLO": "250-mail.test\r\n250 STARTTLS", "STAR": "454 4.7.0 not now"}
    result = poster(server.url).post(TO, {}, BODY)
    assert (result.outcome, result.detail) == (PostOutcome.REFUSED, "the mail server answered 454")
    assert server.messages == []


def test_a_server_that_is_away_is_unreachable() -> None:
    """It raises nothing."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    assert poster(f"smtp://127.0.0.1:{port}").post(TO, {}, BODY).outcome is PostOutcome.UNREACHABLE


def test_without_a_server_nothing_is_sent() -> None:
    """The detail names the setting."""
    result = EmailPoster(server=None, sender="").post(TO, {}, BODY)
    assert (result.outcome, result.detail) == (PostOutcome.UNREACHABLE, "ALERT_SMTP_URL is not set")


def test_a_url_names_user_and_port() -> None:
    """The password may be percent-encoded, and is not shown."""
    server = MailServer.at("smtps://postern:p%40ss@mail.example.com")
    assert (server.host, server.port, server.over_tls, server.user, server.password) == (
        "mail.example.com",
        465,
        True,
        "postern",
        "p@ss",
    )
    assert "p@ss" not in repr(server)
