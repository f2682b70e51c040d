"""What one call of the mailer asks of SES, and what it makes of an answer, a failure and trouble with TLS."""

import ssl
from collections.abc import Mapping
from typing import Any

import pytest
from botocore import exceptions as boto
from botocore.exceptions import ClientError

from app.aws.ses.connections import HandshakeFailed
from app.aws.ses.mailer import SesMailer, classify
from app.domain.errors import ServiceUnavailable
from app.domain.sending.call_outcome import Accepted, Ambiguous, Envelope, Outcome, Retry, Tripped

ENVELOPE = Envelope(
    sender="news@Mail.Example.com", recipient="Ann.Lee@example.org", raw=b"Subject: Hello\r\n\r\n", tags=()
)
URL = "https://email.eu-west-1.amazonaws.com/v2/email/outbound-emails"
UNVERIFIED = "Email address is not verified. The following identities failed the check in region EU-WEST-1: "


def answer(code: str, message: str = "", *, status: int = 400, operation: str = "SendEmail") -> ClientError:
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, operation)  # type: ignore[arg-type]


def tls_error(reason: str) -> boto.SSLError:
    cause = ssl.SSLError(1, f"[SSL: {reason}]")
    cause.reason = reason
    return boto.SSLError(endpoint_url=URL, error=Exception(cause))


class Ses:
    """SES as far as one call goes: keeps what was asked, and answers or fails as scripted."""

    def __init__(self, answer: Mapping[str, Any] | Exception) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self._answer = answer

    def send_email(self, **asked: Any) -> Mapping[str, Any]:
        self.asked.append(asked)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.mark.parametrize("configuration_set", [None, "", "postern"])
def test_a_call_is_one_raw_message_to_one_recipient(configuration_set: str | None) -> None:
    """From the sender of the envelope, with its tags, and in the configuration set if there is one."""
    ses = Ses({"MessageId": "0100-1"})
    envelope = Envelope(sender="a@example.com", recipient="b@example.org", raw=b"raw", tags=(("attempt", "1"),))
    assert SesMailer(ses, configuration_set=configuration_set).send(envelope) == Accepted("0100-1")
    expected = {
        "FromEmailAddress": "a@example.com",
        "Destination": {"ToAddresses": ["b@example.org"]},
        "Content": {"Raw": {"Data": b"raw"}},
        "EmailTags": [{"Name": "attempt", "Value": "1"}],
    }
    assert ses.asked == [expected | ({"ConfigurationSetName": "postern"} if configuration_set else {})]


@pytest.mark.parametrize(
    "answered", [{}, {"MessageId": None}, {"MessageId": ""}, {"MessageId": 7}, {"Message": "0100"}]
)
def test_an_answer_without_a_message_id_proves_nothing(answered: Mapping[str, Any]) -> None:
    """SES may have taken the email, under an id that is not known."""
    outcome = SesMailer(Ses(answered), configuration_set=None).send(ENVELOPE)
    assert outcome == Ambiguous("SES answered 200 without a MessageId")


def test_what_goes_wrong_in_a_call_is_an_outcome() -> None:
    """Nothing is raised, whatever it is."""
    outcome = SesMailer(Ses(ZeroDivisionError()), configuration_set=None).send(ENVELOPE)
    assert outcome == Ambiguous("The connection to SES failed during the call (ZeroDivisionError)")


@pytest.mark.parametrize(
    "error, outcome",
    [
        (
            tls_error("CERTIFICATE_VERIFY_FAILED"),
            Tripped("ses", "SES could not be reached: TLS handshake failed (CERTIFICATE_VERIFY_FAILED)"),
        ),
        (
            HandshakeFailed(endpoint_url=URL, error=OSError()),
            Tripped("ses", "SES could not be reached: TLS handshake failed (no reason given)"),
        ),
        (
            boto.SSLError(endpoint_url=URL, error=Exception(PermissionError(13, "no"))),
            Tripped("ses", "SES could not be reached: the file of trusted certificates cannot be read"),
        ),
        (boto.ConnectTimeoutError(endpoint_url=URL), Tripped("ses", "SES could not be reached: connect timeout")),
        (ServiceUnavailable("x"), Tripped("ses", "The call could not be dated, so it could not be signed")),
        (boto.NoCredentialsError(), Tripped("account", "No usable AWS credentials (NoCredentialsError)")),
        (
            boto.ParamValidationError(report="x"),
            Retry("The call to SES could not be built from this email", "render_failed", "ParamValidationError"),
        ),
        (
            answer("AccessDenied", operation="AssumeRole"),
            Tripped("account", "No credentials: AssumeRole was refused with AccessDenied"),
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_a_failure_without_an_answer_says_what_an_operator_can_mend(error: Exception, outcome: Outcome) -> None:
    """Its scope and its words, in full."""
    assert classify(error, ENVELOPE) == outcome


def in_a_circle() -> Exception:
    error = ValueError("round")
    error.__cause__ = RuntimeError(error)
    return error


@pytest.mark.parametrize(
    "wrapped",
    [
        Exception(Exception(OSError(104, "reset"))),
        ValueError(in_a_circle()),
        in_a_circle(),
    ],
    ids=["deep", "holds a circle", "circle"],
)
def test_the_reason_of_tls_is_found_wherever_it_is_wrapped(wrapped: Exception) -> None:
    """As a cause or as an argument, beside others that say nothing, and in what refers to itself."""
    cause = ssl.SSLError(1, "[SSL: x]")
    cause.reason = "WRONG_VERSION_NUMBER"
    error = boto.SSLError(endpoint_url=URL, error=wrapped)
    assert isinstance(classify(error, ENVELOPE), Ambiguous)
    error.__cause__ = Exception(cause)
    assert classify(error, ENVELOPE) == Tripped(
        "ses", "SES could not be reached: TLS handshake failed (WRONG_VERSION_NUMBER)"
    )


@pytest.mark.parametrize(
    "text, where",
    [
        (f"{UNVERIFIED}news@mail.example.com", "the region eu-west-1"),
        ("Email address is not verified.", "this region"),
    ],
)
def test_an_unverified_sender_is_named_by_its_domain_and_the_region_that_was_asked(text: str, where: str) -> None:
    """An operator with several regions sees in which one the identity is missing; no address is repeated."""
    words = f"The sender's domain mail.example.com is not verified in SES in {where}"
    assert classify(answer("MessageRejected", text), ENVELOPE) == Tripped("sender:mail.example.com", words)
