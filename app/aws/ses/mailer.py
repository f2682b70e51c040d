"""Hand one message to Amazon SES, and return what the call proves.

It decides what an error or a missing answer proves about the email: `app.aws.ses.error_responses` for SES's answers,
`UNSENT` and `NO_CREDENTIALS` for calls that never reached it, and *may have been sent* for everything else. It never
tries twice, never raises for anything that SES or the network does, and puts no address into a reason.
"""

import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from botocore import exceptions as boto
from botocore.exceptions import ClientError

from app.aws.events import fields
from app.aws.ses.connections import HandshakeFailed
from app.aws.ses.error_responses import answered, code_of
from app.domain.errors import ServiceUnavailable
from app.domain.sending.call_outcome import Accepted, Ambiguous, Envelope, Outcome, Retry, Tripped

if TYPE_CHECKING:
    from mypy_boto3_sesv2.type_defs import SendEmailRequestTypeDef

UNREACHABLE = "ses"
"""The scope of a call that could not reach SES: every email waits."""


class Mailer(Protocol):
    """Anything that can hand one envelope to SES."""

    def send(self, envelope: Envelope) -> Outcome:
        """Make one call for `envelope` and say what it proves. Safe to call from many threads; never raises."""


class Pending(Protocol):
    """A call that SES has not answered yet. Its methods never raise."""

    @property
    def has_begun(self) -> bool:
        """Whether a part of the answer is there, so that a thread may wait for the rest."""

    def fileno(self) -> int:
        """The file descriptor that turns readable with the answer."""

    def look(self) -> Outcome | None:
        """What the call proves; None if the answer is not there yet. Never waits."""

    def wait(self) -> Outcome:
        """Wait for the answer, and return what the call proves."""

    def give_up(self) -> Outcome:
        """Stop waiting, and return what the call proves without its answer."""


@runtime_checkable
class EarlyMailer(Mailer, Protocol):
    """A mailer that need not wait for one answer before it makes the next call."""

    def begin(self, envelope: Envelope, *, before_waiting: Callable[[], None]) -> Outcome | Pending:
        """Make one call, and return once the request is written. Safe to call from many threads; never raises.

        `before_waiting` is called before a step that may wait for the network: to connect, or to write a long request.
        """


class Transport(Protocol):
    """What carries a call to SES: boto3's client, or `app.aws.ses.fast_client`."""

    @property
    def send_email(self) -> Callable[..., Mapping[str, Any]]:
        """SES's answer to `SendEmail`, from one wire request. Raises what boto3 raises."""


@dataclass(frozen=True, slots=True)
class TransportChoice:
    """The transport that carries email to SES, and why it does, as a clause."""

    name: str
    why: str


class SesMailer:
    """SES v2: one raw message, one recipient, one wire request.

    SES publishes the events of the email through `configuration_set`; without one there are no tagged events.
    """

    def __init__(self, client: Transport, *, configuration_set: str | None) -> None:
        self._client = client
        self._configuration_set = configuration_set

    def send(self, envelope: Envelope) -> Outcome:
        """See `Mailer.send`."""
        return proven(lambda: self._client.send_email(**self.request(envelope)), envelope)

    def request(self, envelope: Envelope) -> "SendEmailRequestTypeDef":
        """The parameters of the call (https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html)."""
        request: SendEmailRequestTypeDef = {
            "FromEmailAddress": envelope.sender,
            "Destination": {"ToAddresses": [envelope.recipient]},
            "Content": {"Raw": {"Data": envelope.raw}},
            "EmailTags": [{"Name": name, "Value": value} for name, value in envelope.tags],
        }
        if self._configuration_set:
            request["ConfigurationSetName"] = self._configuration_set
        return request


def proven(answer: Callable[[], Mapping[str, Any]], envelope: Envelope) -> Outcome:
    """What SES's answer proves, or the exception that was raised instead."""
    try:
        answered = answer()
    except Exception as error:  # noqa: BLE001 - an unforeseen error may have followed the request
        return classify(error, envelope)
    match answered:
        case {"MessageId": str(ses_message_id)} if fields.identifier(ses_message_id):
            return Accepted(ses_message_id)
        case _:
            return Ambiguous("SES answered 200 without a MessageId")


def classify(error: Exception, envelope: Envelope) -> Outcome:
    """What an exception of boto3 proves about the email in `envelope`; after an unknown one it may have been sent."""
    match error:
        case ClientError() if error.operation_name != "SendEmail":
            return Tripped("account", f"No credentials: {error.operation_name} was refused with {code_of(error)}")
        case ClientError():
            return answered(error, envelope)
        case boto.SSLError():
            return _tls_failed(error)
        case boto.ParamValidationError():
            words = "The call to SES could not be built from this email"
            return Retry(words, incident="render_failed", subject="ParamValidationError")
    for kind, words in UNSENT:
        if isinstance(error, kind):
            return Tripped(UNREACHABLE, words)
    if isinstance(error, NO_CREDENTIALS):
        return Tripped("account", f"No usable AWS credentials ({type(error).__name__})")
    return Ambiguous(f"The connection to SES failed during the call ({type(error).__name__})")


# Errors that are raised before a request can have left, the most special first. No email is to blame for any of them.
UNSENT: tuple[tuple[type[Exception], str], ...] = (
    (ServiceUnavailable, "The call could not be dated, so it could not be signed"),
    (boto.ConnectTimeoutError, "SES could not be reached: connect timeout"),
    (boto.ProxyConnectionError, "SES could not be reached: the proxy did not connect"),
    (boto.EndpointConnectionError, "SES could not be reached: no such host, or connection refused"),
)

NO_CREDENTIALS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.UnknownCredentialError,
    boto.NoAuthTokenError,
    boto.TokenRetrievalError,
    boto.SSOError,
    boto.RefreshWithMFAUnsupportedError,
    boto.ProfileNotFound,
    boto.MetadataRetrievalError,
    boto.LoginError,
    boto.ConfigNotFound,
    boto.ConfigParseError,
    boto.InvalidConfigError,
)

# botocore has one class for a failed handshake and for a broken TLS record in mid-answer. These mean the handshake.
HANDSHAKE_REASONS = frozenset(
    {
        "CERTIFICATE_VERIFY_FAILED",
        "HTTPS_PROXY_REQUEST",
        "HTTP_REQUEST",
        "NO_PROTOCOLS_AVAILABLE",
        "NO_CIPHERS_AVAILABLE",
        "NO_SHARED_CIPHER",
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "TLSV1_ALERT_INSUFFICIENT_SECURITY",
        "TLSV1_ALERT_PROTOCOL_VERSION",
        "TLSV1_UNRECOGNIZED_NAME",
        "UNKNOWN_PROTOCOL",
        "UNSUPPORTED_PROTOCOL",
        "WRONG_VERSION_NUMBER",
    }
)


def _tls_failed(error: boto.SSLError) -> Outcome:
    reason = _openssl_reason(error)
    if isinstance(error, HandshakeFailed) or reason in HANDSHAKE_REASONS:
        return Tripped(UNREACHABLE, f"SES could not be reached: TLS handshake failed ({reason or 'no reason given'})")
    if any(isinstance(one, FileNotFoundError | PermissionError | IsADirectoryError) for one in _causes(error)):
        return Tripped(UNREACHABLE, "SES could not be reached: the file of trusted certificates cannot be read")
    return Ambiguous("The connection to SES failed during the call (TLS)")


def _openssl_reason(error: object) -> str:
    """OpenSSL's reason for the failure, which urllib3 has wrapped once or more."""
    found = (getattr(one, "reason", None) for one in _causes(error) if isinstance(one, ssl.SSLError))
    return str(next(found, None) or "")


def _causes(error: object) -> Iterator[Exception]:
    """The error and the errors inside it, the outermost first: each as a cause, or as a first argument."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, Exception) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, *one.args[:1], getattr(one, "kwargs", {}).get("error")]
