"""One email to an operator through a mail server of the operator's own: SES may be what the email is about.

Nothing that the server does raises an error: the result says what became of the email.
"""

import smtplib
import ssl
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Final, Self
from urllib.parse import unquote, urlsplit

from app.domain.message.address import parse_address
from app.domain.webhooks.formats import MAILTO
from app.domain.webhooks.post_result import PostOutcome, PostResult
from app.net.smtp.timed_smtp import TimedSmtp, TimedSmtpOverTls
from app.net.timed_socket import AnswerTooLarge, Deadline

PATIENCE_S: Final = 20.0
_SUBMISSION, _SUBMISSION_OVER_TLS = 587, 465


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """A mail server. `over_tls`: TLS from the first octet; else STARTTLS, which only loopback may lack."""

    host: str
    port: int
    over_tls: bool
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def at(cls, url: str) -> Self:
        """The server of a URL as ALERT_SMTP_URL may have it."""
        parts = urlsplit(url)
        over_tls = parts.scheme == "smtps"
        return cls(
            host=parts.hostname or "",
            port=parts.port or (_SUBMISSION_OVER_TLS if over_tls else _SUBMISSION),
            over_tls=over_tls,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )

    @property
    def is_here(self) -> bool:
        """Whether it is on this host, so that what is said to it crosses no network."""
        return self.host in {"localhost", "127.0.0.1", "::1"}


class EmailPoster:
    """Sends the body of a post as an email to the address of its `mailto:` URL, within `patience_s` seconds."""

    def __init__(self, *, server: MailServer | None, sender: str, patience_s: float = PATIENCE_S) -> None:
        self._server = server
        self._sender = sender
        self._patience_s = patience_s

    def post(self, url: str, _headers: Mapping[str, str], body: bytes) -> PostResult:
        """Send once; `accepted` when the server has taken it. The result has no status: that is one of HTTP."""
        began = time.monotonic()
        outcome, detail = self._send(url.removeprefix(MAILTO), body)
        return PostResult(outcome, None, detail, "", time.monotonic() - began)

    def _send(self, to: str, body: bytes) -> tuple[PostOutcome, str]:
        if self._server is None:
            return PostOutcome.UNREACHABLE, "ALERT_SMTP_URL is not set"
        try:
            message = self._message(to, body)
            with closing(_connected(self._server, Deadline(self._patience_s))) as connection:
                connection.send_message(message)
                # It has the email, whatever it answers to the goodbye.
                with suppress(OSError, AnswerTooLarge):
                    connection.quit()
        except (OSError, ValueError, AnswerTooLarge) as error:
            return _reason(error)
        return PostOutcome.ACCEPTED, "the mail server took it"

    def _message(self, to: str, body: bytes) -> EmailMessage:
        message = message_from_bytes(body, policy=policy.SMTP)
        message["From"], message["To"] = self._sender, parse_address(to).envelope
        message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=self._sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        return message


def _reason(error: Exception) -> tuple[PostOutcome, str]:
    """What an error says of the email. An error of smtplib hides that the time is over behind another one."""
    if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
        return PostOutcome.TIMED_OUT, "the mail server did not answer in time"
    match error:
        case smtplib.SMTPResponseException():
            return PostOutcome.REFUSED, f"the mail server answered {error.smtp_code}"
        case smtplib.SMTPRecipientsRefused():
            code = next(iter(error.recipients.values()))[0]
            return PostOutcome.REFUSED, f"the mail server refused the recipient with {code}"
        case ssl.SSLError():
            return PostOutcome.TLS_FAILED, "the TLS handshake with the mail server failed"
        case OSError():
            return PostOutcome.UNREACHABLE, "the mail server cannot be reached, or offers no STARTTLS"
        case AnswerTooLarge():
            return PostOutcome.TOO_LARGE, "the answers of the mail server have no end"
        case _:
            return PostOutcome.REFUSED, "the channel is no email address, or SMTP cannot carry the user or password"


def _connected(server: MailServer, deadline: Deadline) -> smtplib.SMTP:
    """A connection that is private and, with a user, authenticated."""
    tls = ssl.create_default_context()
    connection = (
        TimedSmtpOverTls(server.host, server.port, deadline=deadline, context=tls)
        if server.over_tls
        else TimedSmtp(server.host, server.port, deadline=deadline)
    )
    try:
        connection.ehlo_or_helo_if_needed()
        if not server.over_tls and (not server.is_here or connection.has_extn("starttls")):
            connection.starttls(context=tls)
        if server.user:
            connection.login(server.user, server.password)
    except BaseException:
        connection.close()
        raise
    return connection
