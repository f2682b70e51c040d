"""An alert by email goes through a mail server of the operator's own, and what becomes of it is known."""

import socket
from collections.abc import Iterator
from email import message_from_string

import pytest

from app.domain.webhooks.post_result import PostOutcome
from app.net.smtp.send import EmailPoster, MailServer
from tests.support.webhooks import mail_server
from tests.support.webhooks.mail_server import running_mail_server

TO = "mailto:ops@example.org"
BODY = b"Subject: Postern incident\r\n\r\nSES refuses.\r\n"


@pytest.fixture
def server() -> Iterator[mail_server.MailServer]:
    with running_mail_server() as running:
        yield running


def poster(url: str) -> EmailPoster:
    return EmailPoster(server=MailServer.at(url), sender="postern@example.com")


def test_an_alert_arrives_with_its_headers(server: mail_server.MailServer) -> None:
    """It says that a program wrote it, so that no mailbox answers (RFC 3834)."""
    result = poster(server.url).post(TO, {}, BODY)
    assert (result.outcome, result.status) == (PostOutcome.ACCEPTED, 250)
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
    server.answer_to_recipient = "550 5.1.1 no such user ops@example.org"
    result = poster(server.url).post(TO, {}, BODY)
    assert (result.outcome, result.status) == (PostOutcome.REFUSED, 550)
    assert "@" not in result.detail


def test_a_server_on_another_host_has_to_offer_tls() -> None:
    """What a network could read is not sent."""
    with running_mail_server("127.0.0.2") as plain:
        result = poster(plain.url).post(TO, {}, BODY)
    assert result.outcome is PostOutcome.UNREACHABLE
    assert plain.messages == []


def test_a_server_that_is_away_is_unreachable() -> None:
    """It raises nothing."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    assert poster(f"smtp://127.0.0.1:{port}").post(TO, {}, BODY).outcome is PostOutcome.UNREACHABLE


def test_without_a_server_nothing_is_sent() -> None:
    """The detail names the setting."""
    result = EmailPoster(server=None, sender="").post(TO, {}, BODY)
    assert (result.outcome, result.detail) == (PostOutcome.UNREACHABLE, "ALERT_SMTP_URL is not set")


@pytest.mark.parametrize("url", ["http://mail.example.com", "smtp://", "smtp://host/path", "mail.example.com:25"])
def test_another_url_is_no_mail_server(url: str) -> None:
    """It is said when the process starts."""
    with pytest.raises(ValueError, match="smtp://"):
        MailServer.at(url)


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
