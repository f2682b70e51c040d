"""What an error from boto3 proves about an email, and what the reason may contain."""

import ssl

import pytest
from botocore import exceptions as boto
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from app.aws.ses.connections import HandshakeFailed
from app.aws.ses.error_responses import ERRORS, LONGEST_REASON
from app.aws.ses.mailer import classify
from app.domain.sending.call_outcome import Ambiguous, Envelope, Outcome, Refused, Retry, Throttled, Tripped

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
    ("TooManyRequestsException", 429, "Daily message quota exceeded", Tripped),
    ("ThrottlingException", 400, "Maximum sending rate exceeded.", Throttled),
    ("ThrottlingException", 400, "Rate exceeded", Throttled),
    ("ThrottlingException", 400, "Daily message quota exceeded", Tripped),
    ("Throttling", 400, "Sending quota exceeded", Tripped),
    ("LimitExceededException", 400, "Daily message quota exceeded.", Tripped),
    ("LimitExceededException", 400, "", Tripped),
    ("LimitExceededException", 400, "Maximum sending rate exceeded.", Throttled),
    ("SendingPausedException", 400, "Sending is paused", Tripped),
    ("AccountSuspendedException", 400, "", Tripped),
    ("AccountSendingPausedException", 400, "Email sending for the account is paused.", Tripped),
    ("ConfigurationSetSendingPausedException", 400, "", Tripped),
    ("ConfigurationSetDoesNotExistException", 400, "", Tripped),
    ("FromEmailAddressNotVerifiedException", 400, "", Tripped),
    ("MailFromDomainNotVerifiedException", 400, "", Tripped),
    ("NotFoundException", 404, "Configuration set <postern> does not exist.", Tripped),
    ("UnknownOperationException", 404, "", Tripped),
    ("AccessDeniedException", 403, "User is not authorized to perform ses:SendEmail", Tripped),
    ("ExpiredTokenException", 403, "", Tripped),
    ("IncompleteSignature", 400, "", Tripped),
    ("InvalidClientTokenId", 403, "", Tripped),
    ("InvalidSignatureException", 403, "", Tripped),
    ("MissingAuthenticationToken", 403, "", Tripped),
    ("NotAuthorized", 400, "", Tripped),
    ("OptInRequired", 403, "", Tripped),
    ("UnauthorizedOperation", 403, "", Tripped),
    ("AuthFailure", 401, "", Tripped),
    ("InvalidAccessKeyId", 403, "", Tripped),
    ("InvalidToken", 400, "", Tripped),
    ("TokenRefreshRequired", 400, "", Tripped),
    ("SubscriptionRequiredException", 400, "", Tripped),
    ("RequestExpired", 400, "", Tripped),
    ("RequestInTheFuture", 403, "", Tripped),
    ("RequestTimeTooSkewed", 403, "", Tripped),
    ("SignatureDoesNotMatch", 403, "", Tripped),
    ("UnrecognizedClientException", 403, "", Tripped),
    ("401", 401, "", Tripped),
    ("403", 403, "Forbidden", Tripped),
    ("404", 404, "", Tripped),
    ("407", 407, "", Tripped),
    ("413", 413, "", Retry),
    ("429", 429, "", Throttled),
    ("MessageRejected", 400, "Transaction failed: bad content", Refused),
    ("BadRequestException", 400, "Local address contains control or whitespace", Refused),
    ("ValidationException", 400, "Illegal address", Refused),
    ("MessageRejected", 400, "", Retry),
    ("MessageRejected", 400, "A word of next year", Retry),
    ("BadRequestException", 400, "Message length is more than 41943040 bytes long", Retry),
    ("ValidationException", 400, "", Retry),
    ("SerializationException", 400, "", Retry),
    ("InternalServiceErrorException", 500, "", Ambiguous),
    ("MessageRejected", 500, "an answer that contradicts itself", Ambiguous),
    ("TooManyRequestsException", 503, "Rate exceeded", Ambiguous),
    ("502", 502, "", Ambiguous),
    ("ServiceUnavailable", 503, "", Ambiguous),
    ("504", 504, "", Ambiguous),
    ("SomethingNewException", 400, "", Retry),
    ("SomethingNewException", 409, "which is unknown", Retry),
    ("408", 408, "", Ambiguous),
    ("499", 499, "", Ambiguous),
    ("302", 302, "", Ambiguous),
]


@pytest.mark.parametrize("code, status, message, outcome", ANSWERS)
def test_every_answer_of_ses_proves_one_thing(code: str, status: int, message: str, outcome: type[Outcome]) -> None:
    """Each code, status and message of SES leads to the outcome that the reference gives it."""
    assert isinstance(classify(answer(code, message, status=status), ENVELOPE), outcome)


@pytest.mark.parametrize(
    "code, message, is_named",
    [
        ("InvalidSignatureException", "Signature expired: 20261126T0821Z is now earlier than 20261126T0916Z", True),
        ("SignatureDoesNotMatch", "Signature not yet current: 20261126T1021Z is still later than …", True),
        ("RequestTimeTooSkewed", "", True),
        ("InvalidSignatureException", "The request signature we calculated does not match.", False),
    ],
)
def test_a_wrong_clock_is_distinguished_from_a_wrong_key(code: str, message: str, is_named: bool) -> None:
    """The codes are the same; an operator needs to know which of the two to fix."""
    outcome = classify(answer(code, message, status=403), ENVELOPE)
    assert isinstance(outcome, Tripped)
    assert (outcome.scope, "clock of this worker's host is wrong" in outcome.reason) == ("account", is_named)


def test_the_corpus_covers_the_whole_error_table() -> None:
    """No row of the table goes untested."""
    assert set(ERRORS) <= {code for code, *_ in ANSWERS}


@pytest.mark.parametrize(
    "error, outcome",
    [
        (boto.EndpointConnectionError(endpoint_url=URL), Tripped),
        (boto.ConnectTimeoutError(endpoint_url=URL), Tripped),
        (boto.ProxyConnectionError(proxy_url="http://proxy.example"), Tripped),
        (tls_error("CERTIFICATE_VERIFY_FAILED"), Tripped),
        (tls_error("WRONG_VERSION_NUMBER"), Tripped),
        (HandshakeFailed(endpoint_url=URL, error=ssl.SSLEOFError()), Tripped),
        (boto.SSLError(endpoint_url=URL, error=Exception(FileNotFoundError(2, "no such file"))), Tripped),
        (tls_error("DECRYPTION_FAILED_OR_BAD_RECORD_MAC"), Ambiguous),
        (boto.SSLError(endpoint_url=URL, error=ssl.SSLEOFError()), Ambiguous),
        (boto.ReadTimeoutError(endpoint_url=URL), Ambiguous),
        (boto.ConnectionClosedError(endpoint_url=URL), Ambiguous),
        (boto.ResponseStreamingError(error="cut"), Ambiguous),
        (boto.HTTPClientError(error="anything"), Ambiguous),
        (boto.NoCredentialsError(), Tripped),
        (boto.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"), Tripped),
        (boto.CredentialRetrievalError(provider="iam-role", error_msg="gone"), Tripped),
        (boto.TokenRetrievalError(provider="sso", error_msg="expired"), Tripped),
        (answer("AccessDenied", status=403, operation="AssumeRole"), Tripped),
        (answer("InternalFailure", status=500, operation="AssumeRole"), Tripped),
        (boto.ParamValidationError(report="of a call that was never made"), Retry),
        (ValueError("unexpected"), Ambiguous),
    ],
    ids=lambda value: str(value).replace(URL, "SES") if isinstance(value, Exception) else None,
)
def test_a_failure_without_an_answer_is_unsent_only_where_that_is_certain(
    error: Exception, outcome: type[Outcome]
) -> None:
    """A failure before the request left allows another attempt; after a later or unknown one, it may have been sent."""
    assert isinstance(classify(error, ENVELOPE), outcome)


@pytest.mark.parametrize(
    "error, scope",
    [
        (answer("SendingPausedException"), "account"),
        (answer("SendingPausedException", "Paused for the Configuration Set x"), "configuration_set"),
        (answer("MailFromDomainNotVerifiedException"), "sender:mail.example.com"),
        (answer("MessageRejected", UNVERIFIED + "news@Mail.Example.com"), "sender:mail.example.com"),
        (answer("MessageRejected", UNVERIFIED + "Mail.Example.com"), "sender:mail.example.com"),
        (answer("MessageRejected", UNVERIFIED + "Ann.Lee@example.org, Mail.Example.com"), "sender:mail.example.com"),
        (
            answer("MessageRejected", f"{UNVERIFIED}Ann.Lee@example.org, arn:aws:ses:eu-west-1:1:identity/example.com"),
            "sender:mail.example.com",
        ),
        (
            answer("MessageRejected", UNVERIFIED + "Ann.Lee@example.org, news@mail.example.com"),
            "sender:mail.example.com",
        ),
        (answer("MessageRejected", "Email address is not verified."), "sender:mail.example.com"),
    ],
)
def test_a_pause_stops_no_more_than_its_cause(error: Exception, scope: str) -> None:
    """A fault in the set-up of one sender does not stop other senders."""
    outcome = classify(error, ENVELOPE)
    assert isinstance(outcome, Tripped)
    assert outcome.scope == scope


@pytest.mark.parametrize(
    "text",
    [
        UNVERIFIED + "ann.lee@example.org",
        UNVERIFIED + "<Ann.Lee@example.org>",
        UNVERIFIED + "arn:aws:ses:eu-west-1:123456789012:identity/ann.lee@example.org",
        "Email address not verified ann.lee@example.org",
    ],
)
def test_an_unverified_recipient_in_the_sandbox_is_no_fault_of_the_sender(text: str) -> None:
    """Only this email waits, and an operator sees why; the state of the account does not make the email fail."""
    words = "The account is in the SES sandbox and the recipient is not verified"
    waits = Retry(words, incident="ses_sandbox", subject="account")
    assert classify(answer("MessageRejected", text), ENVELOPE) == waits


ACCOUNT_IN_WORDS = [
    ("Sending paused for this account. For more information, please check the inbox of the email address", "account"),
    ("Sending is paused for this account.", "account"),
    ("Sending suspended for this account.", "account"),
    ("Email sending for the account is paused.", "account"),
    ("Account is suspended", "account"),
    ("Your account has been disabled", "account"),
    ("Tenant news is paused", "account"),
    ("Tenant not associated with resources [arn:aws:ses:eu-west-1:1:configuration-set/postern]", "account"),
    ("Sending is disabled for tenant 'acme'", "account"),
    ("Configuration set <postern> does not exist.", "configuration_set"),
    ("Configuration set postern does not exist", "configuration_set"),
    ("The configuration set 'postern' was not found", "configuration_set"),
    ("Sending is paused for configuration set postern", "configuration_set"),
    ("Email sending for the configuration set postern is paused.", "configuration_set"),
    ("The security token included in the request is expired", "account"),
    ("The security token included in the request is invalid.", "account"),
    ("The provided token has expired: credentials must be renewed", "account"),
    ("Signature expired: 20261126T0821Z is now earlier than 20261126T0916Z", "account"),
    ("Daily message quota exceeded", "account"),
    ("User `arn:aws:iam::1:user/postern' is not authorized to perform `ses:SendEmail'", "account"),
    ("Email address is not verified.", "sender:mail.example.com"),
    ('Email address not verified "news@mail.example.com"', "sender:mail.example.com"),
    ("Domain mail.example.com is not verified", "sender:mail.example.com"),
    ("Identity mail.example.com has not been verified", "sender:mail.example.com"),
    ("The following identities failed the check in region EU-WEST-1: Mail.Example.com", "sender:mail.example.com"),
]


@pytest.mark.parametrize(
    "code", ["MessageRejected", "BadRequestException", "ValidationException", "InvalidParameterValue", "NewException"]
)
@pytest.mark.parametrize("text, scope", ACCOUNT_IN_WORDS)
def test_trouble_with_the_account_is_recognised_by_its_text(code: str, text: str, scope: str) -> None:
    """Whichever code an SDK reports, it opens the right circuit and never ends an email."""
    outcome = classify(answer(code, text), ENVELOPE)
    assert isinstance(outcome, Tripped), outcome
    assert outcome.scope == scope


@pytest.mark.parametrize(
    "code", ["ExpiredToken", "AccessDenied", "Throttling", "SendingPaused", "ConfigurationSetDoesNotExist", "NotFound"]
)
def test_a_code_is_known_with_and_without_its_suffix(code: str) -> None:
    """SDKs append `Exception` to codes, or remove it."""
    outcomes = [classify(answer(code + suffix), ENVELOPE) for suffix in ("", "Exception")]
    assert outcomes[0] == outcomes[1]
    assert isinstance(outcomes[0], Tripped | Throttled)


@pytest.mark.parametrize(
    "resource, scope",
    [
        ("arn:aws:ses:eu-west-1:1:identity/mail.example.com", "sender:mail.example.com"),
        ("arn:aws:ses:eu-west-1:1:configuration-set/postern", "configuration_set"),
        ("*", "account"),
    ],
)
def test_a_policy_stops_only_the_identities_that_it_names(resource: str, scope: str) -> None:
    """Credentials that are denied one identity may use another."""
    text = f"User is not authorized to perform ses:SendEmail on resource: {resource} because no policy allows it"
    outcome = classify(answer("AccessDeniedException", text, status=403), ENVELOPE)
    assert isinstance(outcome, Tripped)
    assert outcome.scope == scope


@pytest.mark.parametrize("quote", ["'{}'", '"{}"', "<{}>"])
@pytest.mark.parametrize("text, _", ACCOUNT_IN_WORDS)
def test_text_that_ses_quotes_of_an_email_opens_no_circuit(quote: str, text: str, _: str) -> None:
    """An application that writes such words into its email does not stop others."""
    quoted = quote.format(text.replace("'", "").replace('"', "").replace("<", "").replace(">", ""))
    outcome = classify(answer("MessageRejected", f"Duplicate header {quoted}"), ENVELOPE)
    assert isinstance(outcome, Retry), outcome


def test_a_word_that_is_not_known_names_itself() -> None:
    """The operator sees the code and SES's message, without the parts that SES quotes."""
    outcome = classify(answer("BrandNewException", "Of <ann@example.org> nothing is known"), ENVELOPE)
    assert outcome == Retry(
        "SES answered 400 BrandNewException, which this version does not know: Of [...] nothing is known",
        incident="ses_answer_unknown",
        subject="400 BrandNewException",
    )


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
    """SES quotes addresses and names in its messages; the reason shown to a developer holds neither."""
    outcome = classify(answer(code, message), ENVELOPE)
    assert not isinstance(outcome, Ambiguous)
    reason = outcome.reason  # type: ignore[union-attr]
    assert "@" not in reason
    assert "ann" not in reason.casefold().replace("cannot", "")
    assert reason.isprintable()


@given(message=st.text(max_size=600), code=st.sampled_from([*sorted(ERRORS), "Odd"]), status=st.integers(300, 599))
def test_any_answer_has_an_outcome_with_a_bounded_reason(message: str, code: str, status: int) -> None:
    """Any answer of SES gives an outcome with a reason that fits its column and holds no address."""
    outcome = classify(answer(code, message, status=status), ENVELOPE)
    reason = outcome.reason  # type: ignore[union-attr]
    assert 0 < len(reason) <= LONGEST_REASON
    assert reason.isprintable()
    assert "@" not in reason
