"""Hand one message to Amazon SES, and say what came of it.

It decides what an answer, an error or a silence proves about the mail: `ERRORS` for what SES answers, `UNSENT` and
`NO_CREDENTIALS` for what never reached it, and *may have been sent* for everything else. It never tries twice, never
raises for anything that SES or the network does, and lets no address into a reason.
"""

import re
import ssl
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from botocore import exceptions as boto
from botocore.exceptions import ClientError

from app.domain.errors import ServiceUnavailable
from app.domain.outcome import Accepted, Ambiguous, Envelope, Outcome, Paused, Refused, Retry, Throttled

if TYPE_CHECKING:
    from mypy_boto3_sesv2.type_defs import SendEmailRequestTypeDef

LONGEST_REASON = 300


class Mailer(Protocol):
    """Anything that can hand one envelope to SES."""

    def send(self, envelope: Envelope) -> Outcome:
        """Make one call for `envelope` and say what it proves. Safe to call from many threads; never raises."""


class Pending(Protocol):
    """A call that SES has not answered yet. Its methods never raise."""

    @property
    def has_begun(self) -> bool:
        """Whether some of the answer is there, so that the rest can be waited for."""

    def fileno(self) -> int:
        """What turns readable with the answer."""

    def look(self) -> Outcome | None:
        """What the call proves, as far as the answer is there; it never waits."""

    def wait(self) -> Outcome:
        """The same, waited for."""

    def give_up(self) -> Outcome:
        """What the call proves when nobody waits for it any longer."""


@runtime_checkable
class EarlyMailer(Mailer, Protocol):
    """A mailer that need not wait for one answer before it makes the next call."""

    def begin(self, envelope: Envelope, *, before_waiting: Callable[[], None]) -> Outcome | Pending:
        """Make one call, and come back once the request is written. Safe to call from many threads; never raises.

        `before_waiting` is called before what may take the network's time: to connect, or to write a long request.
        """


class Transport(Protocol):
    """What carries a call to SES: boto3's client, or `app.aws.ses_fast`."""

    @property
    def send_email(self) -> Callable[..., Mapping[str, Any]]:
        """SES's answer to `SendEmail`, from one wire request. Raises what boto3 raises."""


class SesMailer:
    """SES v2: one raw message, one recipient, one wire request.

    `configuration_set` is where SES publishes the events of the mail; without one there are no tagged events.
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
    """What the answer of SES proves, or the exception that comes in its place."""
    try:
        answered = answer()
    except Exception as error:  # noqa: BLE001 - an error that nobody foresaw may still have followed the request
        return classify(error, envelope)
    match answered:
        case {"MessageId": str(ses_message_id)} if ses_message_id:
            return Accepted(ses_message_id)
        case _:
            return Ambiguous("SES answered 200 without a MessageId")


def classify(error: Exception, envelope: Envelope) -> Outcome:
    """What an exception of boto3 proves about the mail in `envelope`; whatever is not known here may have been sent."""
    match error:
        case ClientError() if error.operation_name != "SendEmail":
            return Paused("account", f"No credentials: {error.operation_name} was refused with {_code(error)}")
        case ClientError():
            return _answered(error, envelope)
        case boto.SSLError():
            return _tls_failed(error)
        case boto.ParamValidationError():
            return Refused("The call to SES could not be built from this mail")
    for kind, words in UNSENT:
        if isinstance(error, kind):
            return Retry(words)
    if isinstance(error, NO_CREDENTIALS):
        return Paused("account", f"No usable AWS credentials ({type(error).__name__})")
    return Ambiguous(f"The connection to SES failed during the call ({type(error).__name__})")


# What fails before a request can have left, most special first.
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
)

# botocore reports a broken TLS record in mid-answer and a failed handshake by the same class; only these tell.
HANDSHAKE_REASONS = frozenset(
    {
        "CERTIFICATE_VERIFY_FAILED",
        "NO_PROTOCOLS_AVAILABLE",
        "NO_SHARED_CIPHER",
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "TLSV1_ALERT_PROTOCOL_VERSION",
        "TLSV1_UNRECOGNIZED_NAME",
        "UNKNOWN_PROTOCOL",
        "UNSUPPORTED_PROTOCOL",
        "WRONG_VERSION_NUMBER",
    }
)

Verdict = Callable[[str, Envelope], Outcome]


def _retry_slower(text: str, _: Envelope) -> Outcome:
    return Throttled(_reason("SES's sending rate was exceeded", text))


def _rate_or_quota(text: str, envelope: Envelope) -> Outcome:
    """AWS has one code for both, so the sentence decides: the daily quota returns in hours, the rate in a second."""
    if re.search(r"daily|quota", text, re.IGNORECASE):
        return _quota(text, envelope)
    return _retry_slower(text, envelope)


def _quota_or_rate(text: str, envelope: Envelope) -> Outcome:
    if re.search(r"\brate\b", text, re.IGNORECASE) and not re.search(r"daily|quota", text, re.IGNORECASE):
        return _retry_slower(text, envelope)
    return _quota(text, envelope)


def _quota(text: str, _: Envelope) -> Outcome:
    return Paused("account", _reason("The account's sending quota is used up", text))


def _account(words: str) -> Verdict:
    return lambda text, _: Paused("account", _reason(words, text))


def _sender(words: str) -> Verdict:
    return lambda text, envelope: Paused(_sender_scope(envelope), _reason(words, text))


def _rejected(text: str, envelope: Envelope) -> Outcome:
    """`MessageRejected` names bad content, but also an identity that SES has not verified.

    That is the sender, for whom every mail would fail, unless the only identity named is the recipient: an account in
    the sandbox may only write to verified ones.
    """
    if "not verified" not in text:
        return _refused(text, envelope)
    named = text.rpartition(": ")[2].split(",")
    identities = {name.strip(" .<>").rpartition("identity/")[2].casefold() for name in named}
    if identities == {envelope.recipient.casefold()} and envelope.recipient.casefold() != envelope.sender.casefold():
        return Refused("The account is in the SES sandbox and the recipient is not verified")
    return Paused(_sender_scope(envelope), "The sender is not verified in SES in this region")


def _refused(text: str, _: Envelope) -> Outcome:
    return Refused(_reason("SES refused the mail", text))


_refused_credentials = _account("AWS refused the credentials")
_wrong_clock = _account("AWS refused the signature, since the clock of this worker's host is wrong")


def _credentials(text: str, envelope: Envelope) -> Outcome:
    """AWS takes a signature for five minutes, and refuses another by the codes of a wrong key: the sentence tells."""
    out_of_time = re.search(r"signature expired|signature not yet current", text, re.IGNORECASE)
    return (_wrong_clock if out_of_time else _refused_credentials)(text, envelope)


_missing = _account("Something that the set-up names does not exist in SES, most likely the configuration set")

# https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html#API_SendEmail_Errors
# https://docs.aws.amazon.com/ses/latest/APIReference-V2/CommonErrors.html
ERRORS: dict[str, Verdict] = {
    "TooManyRequestsException": _rate_or_quota,
    "ThrottlingException": _rate_or_quota,
    "Throttling": _rate_or_quota,
    "LimitExceededException": _quota_or_rate,
    "SendingPausedException": _account("Sending is paused for the account or the configuration set"),
    "AccountSuspendedException": _account("AWS has suspended sending for the account"),
    "MailFromDomainNotVerifiedException": _sender("The sender's custom MAIL FROM domain is not verified in SES"),
    "NotFoundException": _missing,
    "UnknownOperationException": _missing,
    "MessageRejected": _rejected,
    "BadRequestException": _refused,
    "ValidationException": _refused,
    "SerializationException": _refused,
    "AccessDeniedException": _credentials,
    "ExpiredTokenException": _credentials,
    "IncompleteSignature": _credentials,
    "InvalidClientTokenId": _credentials,
    "InvalidSignatureException": _credentials,
    "MissingAuthenticationToken": _credentials,
    "NotAuthorized": _credentials,
    "OptInRequired": _credentials,
    "RequestExpired": _wrong_clock,
    "RequestInTheFuture": _wrong_clock,
    "RequestTimeTooSkewed": _wrong_clock,
    "SignatureDoesNotMatch": _credentials,
    "UnrecognizedClientException": _credentials,
}

# What the status alone proves when the code is unknown, such as an error page of something in between.
STATUSES: dict[int, Verdict] = {
    401: _credentials,
    403: _credentials,
    404: _missing,
    407: _account("The proxy asks for credentials"),
    413: _refused,
    429: _rate_or_quota,
}


def _answered(error: ClientError, envelope: Envelope) -> Outcome:
    """What an answer with an error proves: a 5xx nothing, however it is called."""
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    code = _code(error)
    verdict = ERRORS.get(code) or STATUSES.get(status)
    if status >= 500 or verdict is None:
        return Ambiguous(f"SES answered {status} ({_scrub(code)[:60]})")
    return verdict(str(error.response.get("Error", {}).get("Message") or ""), envelope)


def _tls_failed(error: boto.SSLError) -> Outcome:
    reason = _openssl_reason(error.kwargs.get("error"))
    if reason in HANDSHAKE_REASONS:
        return Retry(f"SES could not be reached: TLS handshake failed ({reason})")
    return Ambiguous("The connection to SES failed during the call (TLS)")


def _openssl_reason(error: object) -> str:
    """OpenSSL's word for what failed, which urllib3 has wrapped once or more."""
    while isinstance(error, Exception) and error.args:
        if isinstance(error, ssl.SSLError):
            return error.reason or ""
        error = error.args[0]
    return ""


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code") or "Unknown")


def _sender_scope(envelope: Envelope) -> str:
    return f"sender:{envelope.sender.rpartition('@')[2].strip(' <>').casefold()}"


def _reason(words: str, text: str) -> str:
    said = _scrub(text)
    return f"{words}: {said}"[:LONGEST_REASON] if said else words


_QUOTED = re.compile(r"""<[^>]*>|"[^"]*"|(?<!\w)'[^']*'(?!\w)|\S*@\S*""")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")


def _scrub(text: str) -> str:
    """SES quotes addresses and header values in its messages; what it quotes is left out."""
    return _UNPRINTABLE.sub(" ", _QUOTED.sub("[...]", text)).strip()
