"""Every error has a code in both versions of the SES API, and an SDK tries again exactly where that can help."""

from collections.abc import Iterator

import pytest
from botocore.model import ServiceModel
from botocore.session import get_session

from app.domain import errors
from app.domain.apps.sigv4_claims import Refusal, SignatureRefused
from app.domain.errors import Allowance, Fault, PosternError, RateLimitExceeded, RestrictedApiKey, ServiceUnavailable
from app.web.ses.failures import V1, V2, Codes, failure_of, under_names_of_ses

RETRIED = {408, 429, 500, 503}
COMMON = {
    "AccessDeniedException", "IncompleteSignatureException", "InvalidSignatureException",
    "MissingAuthenticationTokenException", "RequestTimeoutException", "ServiceUnavailableException",
    "UnrecognizedClientException",
}  # fmt: skip
"""Of https://docs.aws.amazon.com/ses/latest/APIReference-V2/CommonErrors.html, which no operation lists."""


def every_error() -> Iterator[PosternError]:
    """One of each, but for those of the console and of notifications."""
    elsewhere = {errors.SignInRefused, errors.SignInLocked, errors.NotAuthentic, errors.MalformedNotification}
    elsewhere |= {errors.MissingApiKey, errors.InvalidApiKey, errors.InvalidIdempotencyKey, errors.MethodNotAllowed}
    for kind in PosternError.__subclasses__():
        if kind not in elsewhere and kind.__module__ == errors.__name__:
            yield kind("A sentence.")
    yield from (SignatureRefused(code, "A sentence.") for code in Refusal)
    yield PosternError("A sentence.")


@pytest.mark.parametrize("codes", [V1, V2], ids=["version 1", "version 2"])
def test_what_can_be_tried_again_is_tried_again(codes: Codes) -> None:
    """SDKs decide by the status, and by the code `Throttling` of version 1."""
    for error in every_error():
        failure = failure_of(error, codes)
        retried = failure.status in RETRIED or failure.code == "Throttling"
        assert retried is (error.retryable or type(error) is PosternError), (error, failure)
        assert failure.message == "A sentence."


def test_the_codes_of_version_2_are_those_of_aws() -> None:
    """With the statuses of the model, so that an SDK raises the class that it has."""
    model: ServiceModel = get_session().get_service_model("sesv2")
    modelled = {shape.name: shape.metadata["error"]["httpStatusCode"] for shape in model.error_shapes}
    for error in every_error():
        failure = failure_of(error, V2)
        assert failure.code in modelled.keys() | COMMON, failure
        assert failure.status in {modelled.get(failure.code, failure.status), 413}, failure


def test_a_from_that_is_not_allowed_is_an_identity_that_is_not_verified() -> None:
    """Software looks for the sentence of SES."""
    refused = RestrictedApiKey("It may not.", faults=(Fault("/from", "sender_not_allowed", "No."),))
    for codes in (V1, V2):
        failure = failure_of(refused, codes)
        assert (failure.code, failure.status) == ("MessageRejected", 400)
        assert failure.message == "Email address is not verified. It may not."


@pytest.mark.parametrize("told, wait", [(None, None), (1, 1), (5, 5), (6, None), (86_400, None)])
def test_only_short_waits_are_told(told: int | None, wait: int | None) -> None:
    """An SDK waits as long within the call of the application."""
    assert failure_of(ServiceUnavailable("Away.", retry_after=told), V2).retry_after == wait


def test_what_no_wait_helps_is_not_tried_again() -> None:
    """A call with more recipients than the limit is a bad request."""
    never = RateLimitExceeded("Split it.", allowance=Allowance(10, 10, 1))
    assert failure_of(never, V2).code == "BadRequestException"
    assert failure_of(never, V1).code == "InvalidParameterValue"


def test_fields_have_the_names_of_ses() -> None:
    """The first part of a pointer is named anew, the rest stays."""
    faults = (Fault("/to/0", "code", "A rule."), Fault("/other/1", "code", "Another."), Fault("", "code", "A third."))
    named = under_names_of_ses(faults, {"to": "/Destination"})
    assert [fault.pointer for fault in named.faults] == ["/Destination/0", "/other/1", "/"]
    assert named.detail == "/Destination/0: A rule. (2 more)"
