"""What an error from boto3 proves about a mail, and what the words about it may hold."""

import ssl

import pytest
from botocore import exceptions as boto
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from app.aws.ses import ERRORS, LONGEST_REASON, classify
from app.domain.outcome import Ambiguous, Envelope, Outcome, Paused, Refused, Retry, Throttled

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


ANSWERS = [
    ("TooManyRequestsException", 429, "Maximum sending rate exceeded.", Throttled),
    ("TooManyRequestsException", 429, "", Throttled),
    ("TooManyRequestsException", 429, "Daily message quota exceeded", Paused),
    ("ThrottlingException", 400, "Maximum sending rate exceeded.", Throttled),
    ("ThrottlingException", 400, "Rate exceeded", Throttled),
    ("ThrottlingException", 400, "Daily message quota exceeded", Paused),
    ("Throttling", 400, "Sending quota exceeded", Paused),
    ("LimitExceededException", 400, "Daily message quota exceeded.", Paused),
    ("LimitExceededException", 400, "", Paused),
    ("LimitExceededException", 400, "Maximum sending rate exceeded.", Throttled),
    ("SendingPausedException", 400, "Sending is paused", Paused),
    ("AccountSuspendedException", 400, "", Paused),
    ("MailFromDomainNotVerifiedException", 400, "", Paused),
    ("NotFoundException", 404, "Configuration set <postern> does not exist.", Paused),
    ("UnknownOperationException", 404, "", Paused),
    ("AccessDeniedException", 403, "User is not authorized to perform ses:SendEmail", Paused),
    ("ExpiredTokenException", 403, "", Paused),
    ("IncompleteSignature", 400, "", Paused),
    ("InvalidClientTokenId", 403, "", Paused),
    ("InvalidSignatureException", 403, "", Paused),
    ("MissingAuthenticationToken", 403, "", Paused),
    ("NotAuthorized", 400, "", Paused),
    ("OptInRequired", 403, "", Paused),
    ("RequestExpired", 400, "", Paused),
    ("RequestInTheFuture", 403, "", Paused),
    ("RequestTimeTooSkewed", 403, "", Paused),
    ("SignatureDoesNotMatch", 403, "", Paused),
    ("UnrecognizedClientException", 403, "", Paused),
    ("401", 401, "", Paused),
    ("403", 403, "Forbidden", Paused),
    ("404", 404, "", Paused),
    ("407", 407, "", Paused),
    ("413", 413, "", Refused),
    ("429", 429, "", Throttled),
    ("MessageRejected", 400, "Transaction failed: bad content", Refused),
    ("BadRequestException", 400, "Local address contains control or whitespace", Refused),
    ("ValidationException", 400, "", Refused),
    ("SerializationException", 400, "", Refused),
    ("InternalServiceErrorException", 500, "", Ambiguous),
    ("MessageRejected", 500, "an answer that contradicts itself", Ambiguous),
    ("TooManyRequestsException", 503, "Rate exceeded", Ambiguous),
    ("502", 502, "", Ambiguous),
    ("ServiceUnavailable", 503, "", Ambiguous),
    ("504", 504, "", Ambiguous),
    ("SomethingNewException", 400, "", Ambiguous),
    ("302", 302, "", Ambiguous),
]


@pytest.mark.parametrize("code, status, message, outcome", ANSWERS)
def test_every_answer_of_ses_proves_one_thing(code: str, status: int, message: str, outcome: type[Outcome]) -> None:
    """Each code, status and sentence of SES comes to the outcome that the reference gives it."""
    assert isinstance(classify(answer(code, message, status=status), ENVELOPE), outcome)


@pytest.mark.parametrize(
    "code, message, is_told",
    [
        ("InvalidSignatureException", "Signature expired: 20261126T0821Z is now earlier than 20261126T0916Z", True),
        ("SignatureDoesNotMatch", "Signature not yet current: 20261126T1021Z is still later than …", True),
        ("RequestTimeTooSkewed", "", True),
        ("InvalidSignatureException", "The request signature we calculated does not match.", False),
    ],
)
def test_a_wrong_clock_is_told_from_a_wrong_key(code: str, message: str, is_told: bool) -> None:
    """The codes are the same; an operator needs to know which of the two to mend."""
    outcome = classify(answer(code, message, status=403), ENVELOPE)
    assert isinstance(outcome, Paused)
    assert (outcome.scope, "clock of this worker's host is wrong" in outcome.reason) == ("account", is_told)


def test_the_corpus_covers_the_whole_error_table() -> None:
    """No row of the table goes untested."""
    assert set(ERRORS) <= {code for code, *_ in ANSWERS}


@pytest.mark.parametrize(
    "error, outcome",
    [
        (boto.EndpointConnectionError(endpoint_url=URL), Retry),
        (boto.ConnectTimeoutError(endpoint_url=URL), Retry),
        (boto.ProxyConnectionError(proxy_url="http://proxy.example"), Retry),
        (tls_error("CERTIFICATE_VERIFY_FAILED"), Retry),
        (tls_error("WRONG_VERSION_NUMBER"), Retry),
        (tls_error("DECRYPTION_FAILED_OR_BAD_RECORD_MAC"), Ambiguous),
        (boto.SSLError(endpoint_url=URL, error=ssl.SSLEOFError()), Ambiguous),
        (boto.ReadTimeoutError(endpoint_url=URL), Ambiguous),
        (boto.ConnectionClosedError(endpoint_url=URL), Ambiguous),
        (boto.ResponseStreamingError(error="cut"), Ambiguous),
        (boto.HTTPClientError(error="anything"), Ambiguous),
        (boto.NoCredentialsError(), Paused),
        (boto.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"), Paused),
        (boto.CredentialRetrievalError(provider="iam-role", error_msg="gone"), Paused),
        (boto.TokenRetrievalError(provider="sso", error_msg="expired"), Paused),
        (answer("AccessDenied", status=403, operation="AssumeRole"), Paused),
        (answer("InternalFailure", status=500, operation="AssumeRole"), Paused),
        (boto.ParamValidationError(report="of a call that was never made"), Refused),
        (ValueError("nobody expected this"), Ambiguous),
    ],
    ids=lambda value: str(value).replace(URL, "SES") if isinstance(value, Exception) else None,
)
def test_a_failure_without_an_answer_is_unsent_only_where_that_is_certain(
    error: Exception, outcome: type[Outcome]
) -> None:
    """What failed before the request left may be sent again; what failed later or unforeseen may have been sent."""
    assert isinstance(classify(error, ENVELOPE), outcome)


@pytest.mark.parametrize(
    "error, scope",
    [
        (answer("SendingPausedException"), "account"),
        (answer("MailFromDomainNotVerifiedException"), "sender:mail.example.com"),
        (answer("MessageRejected", UNVERIFIED + "news@Mail.Example.com"), "sender:mail.example.com"),
        (answer("MessageRejected", UNVERIFIED + "Mail.Example.com"), "sender:mail.example.com"),
        (
            answer("MessageRejected", UNVERIFIED + "Ann.Lee@example.org, news@mail.example.com"),
            "sender:mail.example.com",
        ),
        (answer("MessageRejected", "Email address is not verified."), "sender:mail.example.com"),
    ],
)
def test_a_pause_stops_no_more_than_its_cause(error: Exception, scope: str) -> None:
    """A fault of one sender's set-up leaves the other senders sending."""
    outcome = classify(error, ENVELOPE)
    assert isinstance(outcome, Paused)
    assert outcome.scope == scope


def test_an_unverified_recipient_in_the_sandbox_is_no_fault_of_the_sender() -> None:
    """Where only the recipient is unverified, only this mail is refused."""
    assert isinstance(classify(answer("MessageRejected", UNVERIFIED + "ann.lee@example.org"), ENVELOPE), Refused)


ADDRESSED = [
    "Illegal address: ann.lee@example.org",
    "Domain contains illegal character in <Ann.Lee@example.org>",
    "Missing final '@domain' in \"Ann Lee\"",
    "not authorized on arn:aws:ses:eu-west-1:123456789012:identity/news@mail.example.com because",
    "Illegal address 'ann.lee at example'",
    "two\r\nlines about ann@example.org\x00",
]


@pytest.mark.parametrize("message", ADDRESSED)
@pytest.mark.parametrize("code", sorted(ERRORS))
def test_a_reason_quotes_nothing(code: str, message: str) -> None:
    """SES quotes addresses and names in its messages; what a developer reads holds neither."""
    outcome = classify(answer(code, message), ENVELOPE)
    assert not isinstance(outcome, Ambiguous)
    reason = outcome.reason  # type: ignore[union-attr]
    assert "@" not in reason
    assert "ann" not in reason.casefold().replace("cannot", "")
    assert reason.isprintable()


@given(message=st.text(max_size=600), code=st.sampled_from([*sorted(ERRORS), "Odd"]), status=st.integers(300, 599))
def test_any_answer_comes_to_an_outcome_with_a_bounded_reason(message: str, code: str, status: int) -> None:
    """Whatever SES says, there is an outcome, its reason fits, and it carries no address."""
    outcome = classify(answer(code, message, status=status), ENVELOPE)
    reason = outcome.reason  # type: ignore[union-attr]
    assert 0 < len(reason) <= LONGEST_REASON
    assert reason.isprintable()
    assert "@" not in reason
