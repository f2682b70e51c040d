"""One email to an operator through a mail server of the operator's own: SES may be what the email is about.

Nothing that the server does raises an error; what became of the email is told as of a post.
"""

import smtplib
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.utils import formatdate, make_msgid
from typing import Final, Self
from urllib.parse import unquote, urlsplit

from app.domain.message.address import parse_address
from app.domain.webhooks.formats import MAILTO
from app.domain.webhooks.post_result import PostOutcome, PostResult

_PATIENCE_S: Final = 10.0
_SUBMISSION, _SUBMISSION_OVER_TLS, _PLAIN = 587, 465, 25
_ACCEPTED: Final = 250


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
        """The server of a URL like `smtps://user:password@mail.example.com:465`. Raises `ValueError`."""
        parts = urlsplit(url)
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or parts.path not in {"", "/"}:
            raise ValueError("must be smtp://[user:password@]host[:port], or smtps://")
        over_tls = parts.scheme == "smtps"
        return cls(
            host=parts.hostname,
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
    """Sends the body of a post as an email to the address of its `mailto:` URL."""

    def __init__(self, *, server: MailServer | None, sender: str) -> None:
        self._server = server
        self._sender = sender

    def post(self, url: str, _headers: Mapping[str, str], body: bytes) -> PostResult:
        """Send once; `accepted` when the server has taken it."""
        began = time.monotonic()
        status, outcome, detail = self._send(parse_address(url.removeprefix(MAILTO)).email, body)
        return PostResult(outcome, status, detail, "", time.monotonic() - began)

    def _send(self, to: str, body: bytes) -> tuple[int | None, PostOutcome, str]:
        if self._server is None:
            return None, PostOutcome.UNREACHABLE, "ALERT_SMTP_URL is not set"
        message = message_from_bytes(body, policy=policy.SMTP)
        message["From"], message["To"] = self._sender, to
        message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=self._sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        try:
            with _connected(self._server) as connection:
                connection.send_message(message)
        except smtplib.SMTPResponseException as error:
            return error.smtp_code, PostOutcome.REFUSED, f"the mail server answered {error.smtp_code}"
        except smtplib.SMTPRecipientsRefused as error:
            code = next(iter(error.recipients.values()))[0]
            return code, PostOutcome.REFUSED, f"the mail server refused the recipient with {code}"
        except TimeoutError:
            return None, PostOutcome.TIMED_OUT, "the mail server did not answer in time"
        except ssl.SSLError:
            return None, PostOutcome.TLS_FAILED, "the TLS handshake with the mail server failed"
        except (smtplib.SMTPException, OSError):
            return None, PostOutcome.UNREACHABLE, "the mail server cannot be reached, or offers no STARTTLS"
        return _ACCEPTED, PostOutcome.ACCEPTED, "the mail server took it"


def _connected(server: MailServer) -> smtplib.SMTP:
    """A connection that is private and, with a user, authenticated."""
    tls = ssl.create_default_context()
    if server.over_tls:
        connection: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=_PATIENCE_S, context=tls)
    else:
        connection = smtplib.SMTP(server.host, server.port, timeout=_PATIENCE_S)
    try:
        if not server.over_tls and (not server.is_here or connection.has_extn("starttls")):
            connection.starttls(context=tls)
        if server.user:
            connection.login(server.user, server.password)
    except BaseException:
        connection.close()
        raise
    return connection
